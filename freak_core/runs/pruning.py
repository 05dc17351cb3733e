"""Pruning: which ended runs to delete, and how nothing else is deleted with them."""

import logging
import os
import re
import stat
import time
from collections.abc import Collection

from freak_core.errors import ConfigurationError
from freak_core.phases import ENDED
from freak_core.runs.run_folder import RUN_FILE
from freak_core.runs.stored_runs import BROKEN, StoredRun, stored_runs
from freak_core.text.timestamps import age

logger: logging.Logger = logging.getLogger("freak")

OURS = re.compile(
    r"(run\.html|journal\.jsonl|(summary|config|state)\.json|(overview|metrics-[0-9]{4,9})\.jsonl\.gz"
    r"|\..*\.(tmp|clock))"
)
"""Names of the files that Freak itself writes into the folder of a run. No other file is deleted."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def seconds_of(text: str) -> float:
    """Return the seconds of a duration such as ``90m`` or ``30d``.

    Raises:
        ConfigurationError: it is no duration.
    """
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])", text.strip())
    if found is None:
        raise ConfigurationError(f"{text!r} is no duration; write a number with s, m, h, d or w, such as 30d")
    return float(found[1]) * _UNITS[found[2]]


def prunable(
    alive: Collection[str], *, older_than: float | None = None, keep: int | None = None
) -> list[StoredRun]:
    """Return the ended runs to delete, newest first; a live run is never among them.

    Args:
        alive: the ids of the live runs.
        older_than: only runs that ended more than this many seconds ago.
        keep: leave out this many of the newest ended runs.
    """
    ended = [run for run in stored_runs(alive) if _is_over(run)]
    ended = ended[keep or 0 :]
    return [run for run in ended if older_than is None or _age(run) > older_than]


def _is_over(run: StoredRun) -> bool:
    return run.phase in (*ENDED, BROKEN) and not (run.path / RUN_FILE).exists()


def _age(run: StoredRun) -> float:
    known = age(run.ended_at or run.started_at)
    if known is not None:
        return known
    try:
        return time.time() - run.path.lstat().st_mtime
    except OSError:
        return 0.0


def delete(run: StoredRun) -> list[str]:
    """Delete what Freak has written into the folder of a run, and the folder; return the names that stay.

    No symbolic link is followed. A file that Freak has not written stays, and so does the folder then.

    Raises:
        OSError: the folder cannot be deleted.
    """
    root = os.open(run.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = os.open(run.path.name, flags, dir_fd=root)
        try:
            left = _empty(folder)
        finally:
            os.close(folder)
        if not left:
            os.rmdir(run.path.name, dir_fd=root)
        return left
    finally:
        os.close(root)


def _empty(folder: int) -> list[str]:
    names = sorted(os.listdir(folder))
    if os.fstat(folder).st_uid != os.geteuid():
        raise PermissionError("another user owns this folder")
    if RUN_FILE in names:  # it lives, after all
        return names
    left = []
    for name in names:
        is_folder = stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
        if is_folder or not OURS.fullmatch(name):
            left.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return left


def keep_only(limit: str, alive: Collection[str]) -> None:
    """Delete ended runs beyond what ``FREAK_KEEP`` allows: a number of runs, or how long ago they ended.

    Never raises; a value that is neither is a warning.
    """
    try:
        if limit.strip().isdecimal():
            found = prunable(alive, keep=int(limit))
        else:
            found = prunable(alive, older_than=seconds_of(limit))
    except (ConfigurationError, ValueError):
        logger.warning("FREAK_KEEP=%r is neither a number of runs nor a duration such as 30d", limit)
        return
    for run in found:
        try:
            delete(run)
        except OSError as error:
            logger.warning("Freak cannot delete the ended run %s: %s", run.path, error)
