"""python -m tests.patch_walk [CHECKOUT]: print the walk of a PATCH through this or another checkout of Freak.

The walk starts when the request is sent. In the server it ends as the message for the program is written,
and on each rank as the control sets the rule for the param group. It lists the calls from one of our folders
into another, in order of time. Each pair of calling and called function counts once for each process. "again"
marks a call into a folder that the walk has been in before: a reader who follows it turns back there.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from freak_core import Client

WANTED = 0.25

HERE = Path(__file__).parent
DEADLINE = 120.0
ENDS = {
    "server": "protocol.write",
    "rank 0": "ParamGroupOverlay.set_rule",
    "rank 1": "ParamGroupOverlay.set_rule",
}


def await_files(folder: Path, *names: str) -> None:
    """Wait until the files are there."""
    deadline = time.monotonic() + DEADLINE
    while not all((folder / name).exists() for name in names):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{names} did not appear within {DEADLINE} s")
        time.sleep(0.02)


def recorded(checkout: Path, folder: Path) -> list[tuple[str, str, str]]:
    """Run the fit and return process, folder and function of each call of the walk."""
    environment = os.environ | {
        "FREAK_HOME": str(folder / "home"),
        "FREAK_WALK_ROOT": str(checkout),
        "FREAK_WALK_LOG": str(folder / "calls"),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(checkout)]),
    }
    os.environ["FREAK_HOME"] = environment["FREAK_HOME"]
    fit = subprocess.Popen([sys.executable, str(HERE / "fit.py"), str(folder)], env=environment)
    try:
        await_files(folder, "waiting-0", "waiting-1")
        with Client.find("walk") as run:
            run.set(
                {"lr.hold": WANTED / 2}, dry_run=True
            )  # what is imported and cached once is no part of it
            began = time.monotonic_ns()
            run.set({"lr.hold": WANTED}, wait=0)
            (folder / "go").touch()
            await_files(folder, "arrived-0", "arrived-1")
            ended = json.loads((folder / "arrived-1").read_text())
    finally:
        fit.wait(DEADLINE)
    calls = []
    for log in folder.glob("calls.*"):
        calls += [json.loads(line) for line in log.read_text().splitlines()]
    walked = [tuple(call) for at, *call in sorted(calls) if began <= at <= ended]
    return [(process, where, what) for process, _, where, what in dict.fromkeys(walked)]


def main() -> None:
    """Print the walk, process by process."""
    checkout = Path(sys.argv[1] if sys.argv[1:] else ".").absolute()
    with tempfile.TemporaryDirectory() as folder:
        calls = recorded(checkout, Path(folder))
    total = again = 0
    for process, end in ENDS.items():
        print(f"\n{process}")
        visited: set[str] = set()
        for _, where, what in (call for call in calls if call[0] == process):
            total, again = total + 1, again + (where in visited)
            print(f"  {'again' if where in visited else '     '} {where:30} {what}")
            visited.add(where)
            if what.endswith(end):
                break
    print(f"\n{total} calls into another folder, {again} of them into a folder that was visited before")


if __name__ == "__main__":
    main()
