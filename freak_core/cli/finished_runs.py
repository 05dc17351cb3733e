"""Runs that have ended, read from their journals in Freak's folder."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

from pydantic import ValidationError

from freak_core.cli.durations import age, short, time_of
from freak_core.errors import NotFound
from freak_core.phases import ENDED, LOST, because
from freak_core.receipts import Receipt
from freak_core.runs.journal import journal_lines
from freak_core.runs.own_file import open_own
from freak_core.runs.run_folder import journals


class FinishedRun(TypedDict):
    """What the journal of a run contains. ``epoch`` and ``step`` are those of the last applied request."""

    id: str
    name: str
    state: str
    started_at: str
    journal_path: str
    ended_at: NotRequired[str | None]
    error: NotRequired[str | None]
    stopped_by: NotRequired[str | None]
    reason: NotRequired[str | None]
    epoch: NotRequired[int]
    step: NotRequired[int]


def finished_runs(alive: Collection[str] = ()) -> list[FinishedRun]:
    """Return the runs whose journal is on this machine, newest first, without the ids in ``alive``."""
    found = [run_in(journal) for run_id, journal in journals() if run_id not in alive]
    return sorted(filter(None, found), key=lambda run: str(run["started_at"]), reverse=True)


def newest_finished(wanted: str | None, alive: Collection[str] = ()) -> FinishedRun | None:
    """Return the newest finished run, or the newest with this name or id."""
    return next((run for run in finished_runs(alive) if wanted in (None, run["id"], run["name"])), None)


def how_it_ended(run: FinishedRun) -> str:
    """Return a sentence that says how and when a run has ended."""
    why = f" ({because(run)})" if because(run) else ""
    ended_at = run.get("ended_at")
    seconds = age(ended_at)
    ago = "" if seconds is None else f", {short(seconds)} ago"
    return f"the run {run['name']!r} has ended: {run['state']}{why}{ago}"


def run_in(journal: Path) -> FinishedRun | None:
    """Return the last run of a journal, or None if the file is not a journal of this user.

    Somebody may have edited the journal: a value of the wrong type is left out.
    """
    run: FinishedRun | None = None
    try:
        with open_own(journal) as file:
            for _, entry in journal_lines(file):
                if "freak_journal" in entry:
                    run = _started(entry, journal)
                elif run is not None and entry.get("phase") in ENDED:
                    run |= _ending(entry)
                elif run is not None and isinstance(where := entry.get("applied"), dict):
                    run |= {"epoch": where["epoch"]} if isinstance(where.get("epoch"), int) else {}
                    run |= {"step": where["step"]} if isinstance(where.get("step"), int) else {}
    except OSError:
        return None
    return run


def _ending(entry: dict[str, Any]) -> FinishedRun:
    told = {name: _text(entry.get(name)) for name in ("error", "stopped_by", "reason")}
    given = {name: value for name, value in told.items() if value is not None or name == "error"}
    ended = {"state": entry["phase"], "ended_at": _text(entry.get("at")), **given}
    return cast(FinishedRun, ended)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _started(header: dict[str, Any], journal: Path) -> FinishedRun | None:
    if not header.get("started_at"):
        return None
    started_at = str(header["started_at"])
    return FinishedRun(
        id=str(header.get("run")),
        name=str(header.get("name")),
        state=LOST["phase"],
        error=LOST["error"],
        started_at=started_at if time_of(started_at) else "",
        journal_path=str(journal),
    )


def journalled(path: Path) -> list[Receipt]:
    """Return the last version of each receipt in a journal, which may be another user's.

    Raises:
        NotFound: there is no such file, or it is not a journal.
    """
    receipts, is_journal = {}, False
    try:
        with path.open("rb") as file:
            for line, entry in journal_lines(file):
                is_journal |= "freak_journal" in entry
                if "id" in entry and "kind" in entry:
                    receipt = _receipt_in(entry, f"{path}, line {line}")
                    receipts[receipt.id] = receipt
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from None
    if not is_journal:
        raise NotFound(f"{path} is not a journal of Freak")
    return list(receipts.values())


def _receipt_in(entry: dict[str, Any], place: str) -> Receipt:
    try:
        return Receipt.model_validate(entry)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        what = ".".join(map(str, first["loc"]))
        raise NotFound(f"{place}: {what}: {first['msg']}") from None
