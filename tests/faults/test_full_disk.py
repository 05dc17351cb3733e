"""The disk with the folders of the runs fills up, and has room again: a small file system of its own."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from freak_core import Client, Unreachable
from freak_core.runs.stored_runs import StoredRun, stored_runs
from tests.allowed_skips import can_mount
from tests.core.cli.shell import freak
from tests.faults.conftest import Start
from tests.soak import SOAK
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not can_mount(), reason="needs root, or the right to mount a file system")

METRICS = 50
TOO_FAST_TO_WRITE = "they came faster than they could be written"
"""Said on a slow machine."""

PUBLISHES = """
freak = begin()
step = 0
while count := hear():
    for _ in range(int(count)):
        step += 1
        freak.publish(step=step, **{f"m{number}": step + number / 100 for number in range(50)})
"""


class SmallDisk:
    """A file system in memory, mounted on a folder, that can be filled up."""

    def __init__(self, folder: Path, size: str) -> None:
        self._filler = folder / "filler"
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, timeout=20
        )

    def fill(self) -> None:
        """Leave no byte free."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * 512)

    def free(self) -> None:
        """Have room again."""
        self._filler.unlink()


@pytest.fixture
def disk(start: Start, homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    home = homes / tmp_path.name
    monkeypatch.setenv("FREAK_HOME", str(home))
    disk = SmallDisk(home, "40m")
    yield disk
    subprocess.run(["umount", "-l", home], check=True, timeout=20)  # the program is still there


def the_run() -> StoredRun:
    (run,) = stored_runs()
    return run


def steps() -> list[float]:
    """Return the steps that the folder has of one metric; each metric has the same."""
    runs = stored_runs()
    found = runs[0].points()[0] if runs else {}
    assert {len(points) for points in found.values()} <= {len(found["m0"])} if found else True
    return list(found["m7"].step) if found else []


def test_a_full_disk_delays_what_is_written_and_nothing_is_missing(start: Start, disk: SmallDisk) -> None:
    program = start(PUBLISHES)
    client = program.client()
    program.say("10")
    eventually(lambda: steps() == [*range(1, 11)])
    disk.fill()
    receipt = client.set({"lr": 0.5, "text": "x" * 10_000}, note="while it is full", wait=10)
    assert (receipt.status, receipt.journal) == ("applied", "degraded")
    eventually(lambda: client.run()["journal"] == "degraded")
    program.say("100")
    eventually(lambda: client.run()["step"] == 110)
    eventually(lambda: "cannot write into" in program.error_text)
    assert client.get("lr") == 0.5
    assert "while it is full" in freak("log").out
    assert freak("ls", "-a", "--json").json[0]["step"] == 110
    assert len(client.series("m7")["m7"]) == 110
    there = steps()  # a file that was written anew has left room for a few
    assert there == [*range(1, len(there) + 1)]
    assert len(there) < 110
    disk.free()
    eventually(lambda: steps() == [*range(1, 111)])
    assert client.set({"lr": 0.25}, note="there is room", wait=10).journal == "ok"
    eventually(lambda: client.run()["journal"] == "ok")
    program.say("")
    program.wait(30)
    program.gone(10)
    run = the_run()
    assert run.facts()["missing"] == []
    assert run.points()[1].unreadable == []
    assert [each.note for each in run.receipts()] == ["while it is full", "there is room"]
    assert run.state()[1]["lr"] == 0.25
    assert program.error_text.count("cannot write into") == 1
    assert [path.name for path in run.path.glob(".*")] == []


if SOAK:  # a million values take a minute; tests/core/runs/test_recorder.py has fewer

    def test_what_memory_cannot_hold_while_the_disk_is_full_is_counted(start: Start, disk: SmallDisk) -> None:
        program = start(PUBLISHES)
        client = program.client()
        program.say("10")
        eventually(lambda: steps() == [*range(1, 11)])
        disk.fill()
        for step in range(1010, 25_011, 1000):
            program.say("1000")
            eventually(lambda step=step: reached(client, step), within=100)
        disk.free()
        eventually(lambda: steps()[-1] == 25_010, within=60)
        program.say("")
        program.wait(30)
        program.gone(10)
        run = the_run()
        missing = run.facts()["missing"]
        assert missing
        assert {each["why"] for each in missing} <= {"the disk did not take them", TOO_FAST_TO_WRITE}
        assert len(steps()) * METRICS + sum(each["points"] for each in missing) == 25_010 * METRICS
        assert len(steps()) * METRICS > 400_000
        for each in missing:
            said = f"{each['points']} points were not recorded: {each['why']}"
            assert said in freak("metrics", "--run", run.id).err
            assert said in freak("export", run.id).err
        assert json.loads(freak("export", run.id, "--format", "json").out)["missing"] == missing

    def reached(client: Client, step: int) -> bool:
        """Return whether the run tells this step; a server with a million values to count may take long."""
        with contextlib.suppress(Unreachable):
            return client.run()["step"] == step
        return False


def test_a_disk_that_is_full_at_the_end_is_no_reason_to_wait(start: Start, disk: SmallDisk) -> None:
    """Its folder says that the last points may be missing."""
    program = start(PUBLISHES)
    program.say("10")
    eventually(lambda: steps() == [*range(1, 11)])
    disk.fill()
    program.say("100")
    eventually(lambda: program.client().run()["step"] == 110)
    program.say("")
    assert program.wait(30) == 0
    program.gone(10)
    run = the_run()
    assert run.phase in ("finished", "lost")
    assert "its last points may be missing" in run.facts()["missing"][-1]["why"]
    assert freak("export", run.id).out.count("\nm7,") == 10


def test_all_is_killed_while_the_disk_is_full(start: Start, disk: SmallDisk) -> None:
    program = start(PUBLISHES)
    program.say("10")
    eventually(lambda: steps() == [*range(1, 11)])
    disk.fill()
    program.say("100")
    eventually(lambda: program.client().run()["step"] == 110)
    os.kill(program.server, signal.SIGKILL)
    program.kill()
    program.wait(10)
    program.gone(10)
    assert the_run().phase == "lost"
    assert "its last points may be missing" in the_run().facts()["missing"][-1]["why"]
    assert steps()[:11] in ([*range(1, 11)], [*range(1, 12)])  # a file that was written anew leaves room
    assert freak("ls", "-a", "--json").json[0]["state"] == "lost"
