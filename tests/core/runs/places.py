"""Run files of runs that are elsewhere, or silent; and runs that are recorded."""

import os
import time
from pathlib import Path

from freak_core import Freak
from freak_core.runs.run_file import Run, new_run, publish
from freak_core.runs.run_folder import RunFolder
from tests.waiting import eventually


def described(run_id: str, **update: object) -> Run:
    """Return what the run file of this process says, with some facts replaced."""
    here = new_run(run_id, run_id, "http://127.0.0.1:4444", "t" * 16, None)
    return here.model_copy(update=update)


def elsewhere(run_id: str, **update: object) -> Path:
    """Write the run file of a run of another machine; return its path."""
    return publish(described(run_id, **{"host": "gpu7", "pid_space": "other", **update}))


def silent(path: Path, seconds: float) -> None:
    """Set the last heartbeat of a run file to so many seconds ago."""
    os.utime(path, (time.time() - seconds,) * 2)


def recorded(program: Freak) -> Freak:
    """Return a program once its server records it: until then, a run that ends may leave its journal only."""
    eventually(RunFolder(program.id).path.joinpath("summary.json").exists)
    return program
