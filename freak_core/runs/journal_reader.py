"""What a journal tells of a run: who it is, how it ended, and its receipts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict, cast

from pydantic import ValidationError

from freak_core.errors import NotFound
from freak_core.phases import ENDED, LOST
from freak_core.receipts import Receipt
from freak_core.runs.journal import journal_lines
from freak_core.runs.user_owned_file import open_own
from freak_core.text.timestamps import time_of

TAIL = 1 << 16
"""Bytes at the end of a journal in which its ending is looked for."""

LARGEST_COUNTED = 16 << 20
"""Bytes of a journal whose requests are counted."""


class Ended(TypedDict, total=False):
    """How a run ended."""

    phase: str
    ended_at: str | None
    error: str | None
    stopped_by: str | None
    reason: str | None


class JournalledRun(Ended):
    """The last run of a journal."""

    id: str
    name: str
    started_at: str
    last_step: NotRequired[int]


def run_in(journal: Path) -> JournalledRun | None:
    """Return the last run of a journal, or None if the file is not a journal of this user.

    Somebody may have edited the journal: a value of the wrong type is left out.
    """
    run: JournalledRun | None = None
    try:
        with open_own(journal) as file:
            for _, entry in journal_lines(file):
                if "freak_journal" in entry:
                    run = _started(entry)
                elif run is not None and entry.get("phase") in ENDED:
                    run = cast(JournalledRun, {**run, **_ending(entry)})
                elif run is not None and "phase" in entry and (error := _text(entry.get("error"))):
                    run["error"] = error  # a rank failed, before the program was gone
    except OSError:
        return None
    return run


def ending_in(journal: Path, run_id: str, *, shared: bool) -> Ended | None:
    """Return how a run has ended; None if its journal does not say so, as while the run goes on.

    Args:
        journal: the journal of the run.
        run_id: the run.
        shared: whether other runs may write into the journal, too; then all of it is read.
    """
    found: Ended | None = None
    try:
        with open_own(journal) as file:
            run = next((entry.get("run") for _, entry in journal_lines(file)), None)
            file.seek(0 if shared else max(0, os.fstat(file.fileno()).st_size - TAIL))
            for _, entry in journal_lines(file):
                if "freak_journal" in entry:
                    run = entry.get("run")
                elif run == run_id and entry.get("phase") in ENDED:
                    found = _ending(entry)
    except OSError:
        return None
    return found


def _ending(entry: Mapping[str, object]) -> Ended:
    told = {name: _text(entry.get(name)) for name in ("error", "stopped_by", "reason")}
    given = {name: value for name, value in told.items() if value is not None or name == "error"}
    return cast(Ended, {"phase": entry["phase"], "ended_at": _text(entry.get("at")), **given})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _started(header: Mapping[str, object]) -> JournalledRun | None:
    if not header.get("started_at"):
        return None
    started_at = str(header["started_at"])
    return JournalledRun(
        id=str(header.get("run")),
        name=str(header.get("name")),
        phase=LOST["phase"],
        error=LOST["error"],
        started_at=started_at if time_of(started_at) else "",
    )


class Asked(NamedTuple):
    """Who has made requests, in the order of their first one, and how many requests there are."""

    by: tuple[str, ...] = ()
    requests: int | None = None


def asked_in(journal: Path) -> Asked:
    """Return who has made the requests in a journal; nothing of one that is large or cannot be read."""
    requests: dict[str, str] = {}
    try:
        with open_own(journal) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_COUNTED:
                return Asked()
            for _, entry in journal_lines(file):
                if "kind" in entry and isinstance(entry.get("id"), str):
                    requests[entry["id"]] = str(entry.get("by"))
    except OSError:
        return Asked()
    return Asked(tuple(dict.fromkeys(requests.values())), len(requests))


def journalled(path: Path, *, of: str | None = None) -> list[Receipt]:
    """Return the last version of each receipt in a journal.

    Args:
        path: the journal.
        of: only the receipts of the run with this id, and only if this user alone can have written the file.

    Raises:
        NotFound: there is no such file, or it is not a journal, or not of this run.
    """
    receipts: dict[str, Receipt] = {}
    runs: list[object] = []
    run_of: dict[str, object] = {}  # a request that is lost may have its last line below the next run
    try:
        with open_own(path) if of is not None else path.open("rb") as file:
            for line, entry in journal_lines(file):
                if "freak_journal" in entry:
                    runs.append(entry.get("run"))
                elif "id" in entry and "kind" in entry:
                    receipt = _receipt_in(entry, f"{path}, line {line}")
                    run = run_of.setdefault(receipt.id, runs[-1] if runs else None)
                    if of is None or run == of:
                        receipts[receipt.id] = receipt
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror or error}") from None
    if of not in (None, *runs):
        raise NotFound(f"{path} is not the journal of the run {of}")
    if not runs:
        raise NotFound(f"{path} is not a journal of Freak")
    return list(receipts.values())


def _receipt_in(entry: dict[str, object], place: str) -> Receipt:
    try:
        return Receipt.model_validate(entry)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        what = ".".join(map(str, first["loc"]))
        raise NotFound(f"{place}: {what}: {first['msg']}") from None
