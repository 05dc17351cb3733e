"""The live runs of this home, and which of them somebody means."""

import contextlib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from freak_core.errors import NotFound
from freak_core.runs.restart import forget_all_without_torchrun
from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import (
    RunFolder,
    forget_old_pages,
    forget_tokens,
    home,
    run_files,
    seconds_since_change,
)
from freak_core.runs.user_owned_file import ForeignFileError, read_own
from freak_core.text.printable import one_line

logger: logging.Logger = logging.getLogger("freak")

SILENCE = 120.0
"""Seconds without a heartbeat after which a run counts as ended, if its process cannot be seen from here."""


def list_runs() -> list[Run]:
    """Return the live runs, of every machine that shares this home, newest first.

    A run has ended if its process has. Where the process cannot be seen from here, the run has ended if its
    last heartbeat is older than ``SILENCE``. The tokens of ended runs are removed. A run file that another
    user may have written is left out with a warning: a request would carry a token to wherever it says.
    """
    runs = [run for path in run_files() if (run := _live(path))]
    forget_old_pages(SILENCE)
    forget_all_without_torchrun()
    return sorted(runs, key=lambda run: run.started_at, reverse=True)


def live_run(run_id: str) -> Run | None:
    """Return the live run with an id; None if there is none. Looks at no other run, unlike ``list_runs``."""
    run = _live(RunFolder(run_id).run_file)
    return run if run is not None and run.id == run_id else None


def _live(path: Path) -> Run | None:
    """Return the run of a run file if it is alive; remove the tokens if it has ended."""
    try:
        run = Run.model_validate(json.loads(read_own(path)))
        running = run.process.is_running()
        alive = seconds_since_change(path) < SILENCE if running is None else running
    except ForeignFileError as foreign:
        logger.warning("%s", foreign)
        return None
    except (OSError, ValueError, ValidationError, RecursionError):
        return None
    if alive:
        return run
    with contextlib.suppress(OSError):
        forget_tokens(path)
    return None


def find_run(wanted: str | None = None, *, elsewhere: bool = False) -> Run:
    """Return the one live run that ``wanted`` names and that this machine can reach.

    Args:
        wanted: an id, a name, a job id, or the first characters of an id or name; None for the only live run.
        elsewhere: if none is on this machine, return the one that is on another.

    Raises:
        NotFound: no run fits, or more than one; the message lists the candidates.
    """
    runs = list_runs()
    fitting = named(wanted, runs)  # before ``near``: an exact name elsewhere wins over a prefix here
    near = [run for run in fitting if run.near] or (fitting if elsewhere else [])
    if len(near) == 1:
        return near[0]
    raise _none_or_many(wanted, near, near or fitting or runs, "" if elsewhere else "on this machine ")


def chosen(wanted: str | None, runs: Sequence[Run]) -> Run:
    """Return the one of ``runs`` that ``wanted`` names; without ``wanted`` the only one.

    Raises:
        NotFound: no run fits, or more than one; the message lists the candidates.
    """
    fitting = named(wanted, runs)
    if len(fitting) == 1:
        return fitting[0]
    raise _none_or_many(wanted, fitting, fitting or runs)


def named(wanted: str | None, runs: Sequence[Run]) -> list[Run]:
    """Return the runs whose id, name or job is ``wanted``; if there are none, those that begin with it."""
    if wanted is None:
        return list(runs)
    with contextlib.suppress(UnicodeError):  # a terminal may know more characters than the locale
        typed = os.fsencode(wanted).decode()
        wanted = typed if any(run.name.startswith(typed) for run in runs) else wanted
    exactly = [run for run in runs if run.answers_to(wanted)]
    return exactly or [r for r in runs if wanted and (r.id.startswith(wanted) or r.name.startswith(wanted))]


def _none_or_many(
    wanted: str | None, fitting: Sequence[Run], listed: Sequence[Run], where: str = ""
) -> NotFound:
    what = f"{'more than one' if fitting else 'no'} live run" + (f" called {wanted!r}" if wanted else "")
    lines = [f"{r.name} ({r.id}) at {r.url} on {r.host}, since {r.started_at}" for r in listed]
    there_are = "; there are:" + "".join(f"\n  {one_line(line)}" for line in lines) if lines else ""
    return NotFound(f"{what} {where}in {home()}{there_are}")
