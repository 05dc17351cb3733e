"""The list of all runs of this home. What a folder has told is kept until one of its files changes."""

import asyncio
import os
from typing import NamedTuple

from freak_core.phases import ENDED
from freak_core.runs.live_runs import live_run
from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import JOURNAL, RUN_FILE, SUMMARY, runs_folder
from freak_core.runs.stored_runs import BROKEN, StoredRun, open_run
from freak_core.ui.live_runs import LiveRuns
from freak_core.ui.run_rows import Row, live_row, stored_row, with_groups

FRESH = 1.0
"""Seconds for which the answer of a live run is good enough for the list."""

ANSWER_WITHIN = 0.7
"""Seconds that live runs have to answer before the list goes out without them."""

Mark = tuple[tuple[int, int, int] | None, ...]
"""Inode, time and size of the folder of a run and of its files: what changes when the run does."""


class _Live(NamedTuple):
    run: Run
    stored: StoredRun | None


class RunList:
    """The list of all runs.

    Args:
        live: the live runs.
    """

    def __init__(self, live: LiveRuns) -> None:
        self._live = live
        self._known: dict[str, tuple[Mark, Row]] = {}
        self._lock = asyncio.Lock()

    async def rows(self) -> list[Row]:
        """Return the rows of all runs, newest first; broken folders last."""
        async with self._lock:  # two readers at once look through the folders once each
            live, rows = await asyncio.to_thread(self._read)
        told = await self._live.facts([each.run.id for each in live], newer_than=FRESH, within=ANSWER_WITHIN)
        rows = rows + [live_row(each.run, each.stored, told.get(each.run.id)) for each in live]
        rows.sort(key=lambda row: (row["phase"] != BROKEN, row["started_at"] or ""), reverse=True)
        return with_groups(rows)

    def _read(self) -> tuple[list[_Live], list[Row]]:
        live: list[_Live] = []
        rows: list[Row] = []
        known: dict[str, tuple[Mark, Row]] = {}
        folder = runs_folder()
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if not entry.name.startswith(".")]
        except OSError:
            return [], []
        for name in names:
            place = f"{folder}/{name}"  # paths as text: this is done for each run every two seconds
            if _mark(f"{place}/{RUN_FILE}"):
                run = live_run(name)
                if run is not None:
                    live.append(_Live(run, open_run(folder / name)))
                    continue
            mark = tuple(map(_mark, (place, f"{place}/{SUMMARY}", f"{place}/{JOURNAL}")))
            found = self._known.get(name)
            if found is None or found[0] != mark:
                stored = open_run(folder / name)
                if stored is None:
                    continue
                found = mark, stored_row(stored)
            if found[1]["phase"] in (*ENDED, BROKEN):
                known[name] = found
            rows.append(found[1])
        self._known = known
        return live, rows


def _mark(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
