"""Runs: how a client on the same machine finds a program and its token."""

import contextlib
import json
import os
import socket
import sys
import tempfile
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ValidationError

from freak_core.errors import NotFound
from freak_core.receipts import now


class Run(BaseModel):
    """What is known of a run from its file, ``<home>/runs/<id>.json``, mode 0600."""

    id: str
    name: str
    url: str
    token: str
    read_token: str | None = None
    host: str
    pid: int
    pid_started: float | None = None
    started_at: str
    journal: str | None = None

    @property
    def alive(self) -> bool:
        """Whether the process that wrote the file still runs; always so for one of another host."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return process_started(self.pid) == self.pid_started


def home() -> Path:
    """Return Freak's folder: ``$FREAK_HOME``, else the platform's user state folder."""
    return Path(os.environ.get("FREAK_HOME") or platformdirs.user_state_dir("freak"))


def made_folder() -> Path:
    """Return the folder of run files and journals, made for this user's eyes only."""
    folder = home() / "runs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def process_started(pid: int) -> float | None:
    """Return when a process was started, in clock ticks since boot, where the system tells."""
    try:
        return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def new_run(
    run_id: str, name: str, url: str, token: str, journal: Path | None, read_token: str | None = None
) -> Run:
    """Describe the run of this very process."""
    pid = os.getpid()
    return Run(
        id=run_id,
        name=name,
        url=url,
        token=token,
        read_token=read_token,
        host=socket.gethostname(),
        pid=pid,
        pid_started=process_started(pid),
        started_at=now(),
        journal=str(journal) if journal else None,
    )


def publish(run: Run) -> Path:
    """Write the run's file, atomically and for this user's eyes only; return its path."""
    folder = made_folder()
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
    with os.fdopen(descriptor, "w") as file:
        file.write(run.model_dump_json())
    path = folder / f"{run.id}.json"
    Path(temporary).replace(path)
    return path


def announce(name: str, url: str, link: str, run_file: Path | None) -> None:
    """Say where the run is; with the token only where a person reads along, never in a log file."""
    where = link if sys.stderr.isatty() else f"{url} on {socket.gethostname()}; the token is in {run_file}"
    print(f"Freak controls {name!r}: {where}", file=sys.stderr, flush=True)  # noqa: T201


def list_runs() -> list[Run]:
    """Return the runs that are alive, newest first; files of dead ones are removed."""
    runs = []
    for path in (home() / "runs").glob("*.json"):
        try:
            run = Run.model_validate(json.loads(path.read_text()))
        except (OSError, ValueError, ValidationError):
            continue
        if run.alive:
            runs.append(run)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return sorted(runs, key=lambda run: run.started_at, reverse=True)


def find_run(wanted: str | None = None) -> Run:
    """Return the one live run of this machine whose name, id or id prefix is ``wanted``.

    Without ``wanted``, the only live run. A token is never sent to an address of another machine.

    Raises:
        NotFound: there is none, or more than one; the message lists what there is.
    """
    everywhere = list_runs()
    runs = [run for run in everywhere if run.host == socket.gethostname()]
    if wanted is not None:
        matching = [run for run in runs if wanted in (run.id, run.name)]
        matching = matching or [run for run in runs if run.id.startswith(wanted)]
    else:
        matching = runs
    if len(matching) == 1:
        return matching[0]
    what = f"{'more than one' if matching else 'no'} live run" + (f" called {wanted!r}" if wanted else "")
    others = matching or everywhere
    listed = "".join(f"\n  {r.name} ({r.id}) at {r.url} on {r.host}, since {r.started_at}" for r in others)
    raise NotFound(f"{what} on this machine in {home()}" + (f"; there are:{listed}" if listed else ""))
