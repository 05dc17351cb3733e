"""The runs that have left a folder in this home, and what each folder tells. Nothing here trusts a file."""

import contextlib
import json
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from freak_core.errors import NotFound
from freak_core.phases import ENDED, LOST
from freak_core.receipts import Receipt
from freak_core.runs.checked_file import read_checked
from freak_core.runs.journal_reader import Ended, ending_in, journalled, run_in
from freak_core.runs.live_runs import SILENCE
from freak_core.runs.metric_parts import Damage, Points, read_points
from freak_core.runs.run_folder import (
    CONFIG,
    JOURNAL,
    PAGE,
    RUN_FILE,
    STATE,
    SUMMARY,
    RunFolder,
    runs_folder,
    seconds_since_change,
)
from freak_core.runs.summary import LARGEST_SUMMARY, Summary, unrecorded
from freak_core.text.strict_json import JSON
from freak_core.text.timestamps import time_of

BROKEN = "broken"
"""The phase of a folder that does not tell which run it is of."""

LARGEST_STATE = 256 << 20
"""Bytes of a state or a config that are read at most."""


@dataclass(frozen=True)
class StoredRun:
    """What the folder of a run tells of it.

    Attributes:
        path: the folder.
        id, name: of the run; the name of the folder where they are not known.
        phase: how the run ended; ``lost`` if nobody has written it down, ``broken`` if the folder does not
            tell; else the phase of a run that goes on.
        error, stopped_by, reason: why it ended.
        started_at, ended_at: times as in RFC 3339; empty or None where they are not known.
        journal: the file with the receipts.
        summary: how far it came; None for a run of Freak 0.1.0, or with ``FREAK_HISTORY=0``.
        unreadable: what is wrong with the folder; empty if nothing is.
    """

    path: Path
    id: str
    name: str
    phase: str
    journal: Path
    error: str | None = None
    stopped_by: str | None = None
    reason: str | None = None
    started_at: str = ""
    ended_at: str | None = None
    summary: Summary | None = None
    unreadable: str = ""

    @property
    def alive(self) -> bool:
        """Whether the process of the run is seen to run."""
        process = self.summary.process if self.summary else None
        return self.phase not in (*ENDED, BROKEN) and process is not None and process.is_running() is True

    def facts(self) -> dict[str, object]:
        """Return what ``GET /run`` would say of the run."""
        told = dict(self.summary.facts) if self.summary else {}
        for name in ("steps_per_second", "eta_s", "seconds_since_progress"):
            told[name] = None
        if self.summary:
            told["checkpoints"] = [each.path for each in self.summary.checkpoints]
        told["missing"] = [*(self.summary.missing if self.summary else ()), *self._missing_end()]
        why = {"error": self.error, "stopped_by": self.stopped_by, "reason": self.reason}
        return {
            **told,
            **{name: value for name, value in why.items() if value is not None},
            "id": self.id,
            "name": self.name,
            "phase": self.phase,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "stalled": False,
            "pending": 0,
            "journal_path": str(self.journal),
        }

    def state(self) -> tuple[int, JSON]:
        """Return the last known revision and value of the state. Secrets are masked.

        Raises:
            NotFound: the folder does not have it.
        """
        told = self._object(STATE)
        revision = told.get("revision")
        if "value" not in told:
            raise NotFound(f"{self.path / STATE} has no value")
        return revision if type(revision) is int else 0, told.get("value")

    def config(self) -> dict[str, JSON]:
        """Return ``value``, the state at the start, with its ``schema`` and the ``actions``.

        Raises:
            NotFound: the folder does not have it.
        """
        told = self._object(CONFIG)
        names = ("schema", "actions", "value")
        return {name: each if isinstance(each := told.get(name), dict) else {} for name in names}

    def receipts(self) -> list[Receipt]:
        """Return the receipts in the journal; none if it cannot be read."""
        try:
            return journalled(self.journal, of=self.id)
        except NotFound:
            return []

    def points(self, names: Collection[str] | None = None) -> tuple[dict[str, Points], Damage]:
        """Return the points of some metrics, or of all, and what of them is missing or cannot be read."""
        damage = Damage()
        found = read_points(self.path, names, damage)
        damage.missing += [*unrecorded(self.summary.facts if self.summary else {}), *self._missing_end()]
        return found, damage

    def _missing_end(self) -> list[dict[str, object]]:
        """Return what is missing because no server process was there to write it down."""
        if self.phase not in ENDED:
            return []
        if self.summary is None and self.unreadable:
            return [{"why": f"{self.unreadable}. How far the run came is not known"}]
        if self.summary is None:  # also of Freak 0.1.0
            return [{"why": "no server process has recorded the run: there are no metrics and no state"}]
        if self.summary.ended_at is not None:
            return []
        why = "the server process was gone before the run ended: its last points may be missing"
        return [{"why": why, "at": self.summary.updated_at}]

    def _object(self, name: str) -> dict[str, JSON]:
        try:
            told = json.loads(read_checked(self.path / name, LARGEST_STATE))
        except FileNotFoundError:
            raise NotFound(f"the folder of the run {self.name!r} has no {name}: {self.path}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise NotFound(f"cannot read {self.path / name}: {error}") from None
        if not isinstance(told, dict):
            raise NotFound(f"{self.path / name} is not a JSON object")
        return told


def stored_runs(alive: Collection[str] = ()) -> list[StoredRun]:
    """Return the runs that have left a folder, newest first; broken folders last.

    Args:
        alive: ids of runs to leave out.
    """
    found = [open_run(path) for path in _folders() if path.name not in alive]
    return sorted(filter(None, found), key=lambda run: run.started_at, reverse=True)


def find_stored(wanted: str | None, alive: Collection[str] = ()) -> StoredRun | None:
    """Return the newest stored run that is not broken, or the newest with this name or id."""
    runs = (run for run in stored_runs(alive) if run.phase != BROKEN)
    return next((run for run in runs if wanted in (None, run.id, run.name)), None)


def _folders() -> list[Path]:
    try:
        with os.scandir(runs_folder()) as entries:
            return [Path(entry.path) for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return []


def open_run(path: Path) -> StoredRun | None:
    """Return what a folder tells of its run; None if it is not the folder of a run.

    Never raises: a folder that tells nothing has the phase ``broken``.
    """
    try:
        found = path.lstat()
        names = {each.name for each in path.iterdir() if not each.name.startswith(".")}
    except NotADirectoryError:
        return None
    except (OSError, ValueError) as error:
        return None if isinstance(error, FileNotFoundError | ValueError) else _broken(path, str(error))
    if stat.S_ISLNK(found.st_mode) or names <= {PAGE, RUN_FILE}:  # such a page leads to a run of another home
        return None
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        return _broken(path, "other users can write into this folder")
    problem = ""
    if SUMMARY in names:
        try:
            summary = Summary.model_validate_json(
                read_checked(path / SUMMARY, LARGEST_SUMMARY, demanded=False)
            )
            if _is_of(summary.id, path):
                return _with_summary(path, summary)
            problem = f"{SUMMARY} is of another run"
        except (OSError, ValueError, ValidationError, RecursionError) as error:
            readable = not isinstance(error, ValidationError)  # its text has many lines
            problem = f"cannot read {SUMMARY}: {error if readable else 'it lacks facts of the run'}"
    return _of_journal(path, problem)


def _is_of(run_id: str, folder: Path) -> bool:
    """Whether a file in a folder is of its run. A copy of the folder elsewhere may have any name."""
    return folder.parent != runs_folder() or folder.name == RunFolder(run_id).path.name


def _of_journal(path: Path, problem: str) -> StoredRun:
    """Return what the journal tells, where there is no summary, or a broken one."""
    told = run_in(path / JOURNAL)
    if told is None or not _is_of(told["id"], path):
        return _broken(path, problem or f"it has no {SUMMARY}, and its {JOURNAL} cannot be read")
    return StoredRun(
        path=path,
        id=told["id"],
        name=told["name"],
        started_at=told["started_at"],
        journal=path / JOURNAL,
        unreadable=problem,
        **_how(told),
    )


def _with_summary(path: Path, summary: Summary) -> StoredRun:
    facts = summary.facts
    journal = facts.get("journal_path")
    at = path / JOURNAL  # first: the folder may have been moved, or be mounted elsewhere here
    if isinstance(journal, str) and journal and not at.exists():
        at = Path(journal)
    ending: Mapping[str, object] | None = None
    if facts.get("phase") in ENDED:
        ending = {**facts, "ended_at": summary.ended_at}
    if ending is None or facts.get("phase") == LOST["phase"]:  # the program may have said more than it sent
        ending = ending_in(at, summary.id, shared=at.parent != path) or ending
    if ending is None:
        process = summary.process
        runs = process.is_running() if process else None
        going = runs or (runs is None and _written_lately(path))
        ending = {"phase": str(facts.get("phase"))} if going else {**LOST, "ended_at": summary.updated_at}
    return StoredRun(
        path=path,
        id=summary.id,
        name=summary.name,
        started_at=summary.started_at if time_of(summary.started_at) else "",
        journal=at,
        summary=summary,
        **_how(ending),
    )


def _written_lately(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return seconds_since_change(path / SUMMARY) < SILENCE
    return False


def _how(told: Mapping[str, object] | Ended) -> dict[str, Any]:
    """Return phase and reason of an ending; what is no text is left out."""
    names = ("phase", "error", "stopped_by", "reason", "ended_at")
    return {name: value for name in names if isinstance(value := told.get(name), str)}


def _broken(path: Path, why: str) -> StoredRun:
    return StoredRun(path, path.name, path.name, BROKEN, path / JOURNAL, unreadable=why, error=why)
