"""Runs: how whoever shares a home folder with a program finds it and its token."""

import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ValidationError

from freak_core.addresses import is_loopback
from freak_core.errors import NotFound
from freak_core.receipts import now
from freak_core.runs.launcher_ids import launcher_ids
from freak_core.runs.process import Process, is_here, this_process
from freak_core.strict_json import writable

BEAT = 15.0
"""Seconds between two heartbeats of a run: the time of its file's last change."""

SILENCE = 120.0
"""Seconds without a heartbeat after which a run counts as dead whose process cannot be seen from here."""


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
    pid_space: str | None = None
    started_at: str
    journal: str | None = None
    launcher: dict[str, str] = {}

    @property
    def process(self) -> Process:
        """The program's process."""
        return Process(self.host, self.pid_space, self.pid, self.pid_started)

    @property
    def near(self) -> bool:
        """Whether its address leads to it from this machine, so that the token may be sent there."""
        address = urlsplit(self.url)
        reachable = address.scheme != "unix" and not is_loopback(address.hostname or "")
        return reachable or is_here(self.process)

    @property
    def link(self) -> str:
        """The link to open in a browser, token included."""
        return f"{self.url}{'' if self.url.startswith('unix:') else '/'}#token={self.token}"

    def answers_to(self, wanted: str) -> bool:
        """Whether ``wanted`` is its id, its name, or the id of its SLURM job or torchrun run."""
        jobs = [self.launcher.get(name) for name in ("slurm_job", "torchrun", "kubernetes_pod")]
        return wanted in (self.id, self.name, *jobs)


class RunFile:
    """Writes the file of the run that lives in this process. Never raises: a run goes on without its file."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.path = home() / "runs" / f"{run.id}.json"
        self._removed = False
        self._lock = threading.Lock()  # a beat must not bring back what is being removed
        self._write()

    def _write(self) -> None:
        self._beat_due = time.monotonic() + BEAT
        with contextlib.suppress(OSError):
            publish(self.run)

    def beat(self) -> None:
        """Show that the run is alive, if it is time; a file that somebody took for a dead run's is back."""
        if self._removed or time.monotonic() < self._beat_due:
            return
        with self._lock, contextlib.suppress(OSError):
            if self._removed:
                return
            self._beat_due = time.monotonic() + BEAT
            try:
                os.utime(self.path)
            except FileNotFoundError:
                self._write()

    def remove(self) -> None:
        """Remove the file: the run is over."""
        self._removed = True
        with self._lock, contextlib.suppress(OSError):
            _remove(self.path)


def home() -> Path:
    """Return Freak's folder: ``$FREAK_HOME``, else the platform's user state folder."""
    return Path(os.environ.get("FREAK_HOME") or platformdirs.user_state_dir("freak"))


def made_folder() -> Path:
    """Return the folder of run files and journals, made for this user's eyes only where that is possible."""
    folder = home()
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for each in (folder, folder / "runs"):
            each.mkdir(mode=0o700, exist_ok=True)
    return folder / "runs"


def new_run(
    run_id: str, name: str, url: str, token: str, journal: Path | None, read_token: str | None = None
) -> Run:
    """Describe the run of this very process."""
    process = this_process()
    return Run(
        id=run_id,
        name=name,
        url=url,
        token=token,
        read_token=read_token,
        host=process.host,
        pid=process.pid,
        pid_started=process.started,
        pid_space=process.space,
        started_at=now(),
        journal=writable(str(journal.absolute())) if journal else None,
        launcher=launcher_ids(),
    )


def publish(run: Run) -> Path:
    """Write the run's file; return its path."""
    return write_secret(f"{run.id}.json", run.model_dump_json())


def write_secret(name: str, text: str) -> Path:
    """Write a file next to those of the runs, atomically and for this user's eyes only; return its path."""
    folder = made_folder()
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
    path = folder / name
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _remove(path: Path) -> None:
    """Remove the file of a run, and the page that leads to it."""
    path.unlink(missing_ok=True)
    path.with_suffix(".html").unlink(missing_ok=True)


def list_runs() -> list[Run]:
    """Return the runs that are alive, of every machine that shares this home, newest first.

    A run is dead when its process is gone, or where that cannot be seen from here, when its heartbeat is
    older than ``SILENCE``. Files of dead runs are removed.
    """
    runs = []
    for path in (home() / "runs").glob("*.json"):
        try:
            run = Run.model_validate(json.loads(path.read_text()))
            running = run.process.runs()
            alive = _silence(path) < SILENCE if running is None else running
        except (OSError, ValueError, ValidationError):
            continue
        if alive:
            runs.append(run)
        else:
            with contextlib.suppress(OSError):
                _remove(path)
    return sorted(runs, key=lambda run: run.started_at, reverse=True)


def _silence(path: Path) -> float:
    """Return the seconds since a file was changed, by the clock of the disk it is on, not of this machine."""
    changed = path.stat().st_mtime
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp") as fresh:
            return Path(fresh.name).stat().st_mtime - changed
    except OSError:  # we may only read here
        return time.time() - changed


def find_run(wanted: str | None = None) -> Run:
    """Return the one live run that ``wanted`` names and whose address leads to it from this machine.

    Args:
        wanted: id, name, job id, or how an id or name begins; without it, the only live run.

    Raises:
        NotFound: there is none, or more than one; the message lists what there is.
    """
    runs = list_runs()
    fitting = named(wanted, runs)  # first: a beginning here must not win over an exact name elsewhere
    near = [run for run in fitting if run.near]
    if len(near) == 1:
        return near[0]
    raise _none_or_many(wanted, near, near or fitting or runs, "on this machine ")


def chosen(wanted: str | None, runs: Sequence[Run]) -> Run:
    """Return the one of ``runs`` that ``wanted`` names; the only one, without ``wanted``.

    Raises:
        NotFound: there is none, or more than one; the message lists them, or else what there is.
    """
    fitting = named(wanted, runs)
    if len(fitting) == 1:
        return fitting[0]
    raise _none_or_many(wanted, fitting, fitting or runs)


def named(wanted: str | None, runs: Sequence[Run]) -> list[Run]:
    """Return those of ``runs`` that ``wanted`` fits best: it is what they go by, else how that begins."""
    if wanted is None:
        return list(runs)
    exactly = [run for run in runs if run.answers_to(wanted)]
    return exactly or [r for r in runs if wanted and (r.id.startswith(wanted) or r.name.startswith(wanted))]


def _none_or_many(
    wanted: str | None, fitting: Sequence[Run], listed: Sequence[Run], where: str = ""
) -> NotFound:
    what = f"{'more than one' if fitting else 'no'} live run" + (f" called {wanted!r}" if wanted else "")
    lines = [f"\n  {r.name} ({r.id}) at {r.url} on {r.host}, since {r.started_at}" for r in listed]
    there_are = f"; there are:{''.join(lines)}" if lines else ""
    return NotFound(f"{what} {where}in {home()}{there_are}")
