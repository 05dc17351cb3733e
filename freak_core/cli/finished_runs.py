"""Runs that have ended, as their journals in Freak's folder tell."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from freak_core.cli.durations import age, short
from freak_core.errors import NotFound
from freak_core.phases import ENDED
from freak_core.receipts import Receipt
from freak_core.runs.journal import journal_lines, read_journal
from freak_core.runs.run_folder import journals

LOST = "lost"
"""The state of a run that ended without a word: it was killed, say."""


def ended_runs(alive: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return the facts of the runs whose journal is here, newest first; not of those ``alive``, by id."""
    found = [facts_in(journal) for run_id, journal in journals() if run_id not in alive]
    return sorted(filter(None, found), key=lambda facts: str(facts["started_at"]), reverse=True)


def newest_ended(wanted: str | None, alive: Collection[str] = ()) -> dict[str, Any] | None:
    """Return the facts of the ended run of that name or id that is the newest; of all, without ``wanted``."""
    found = (facts for facts in ended_runs(alive) if wanted in (None, facts["id"], facts["name"]))
    return next(found, None)


def obituary(facts: dict[str, Any]) -> str:
    """Return in words how and when a run has ended."""
    error = f" ({facts['error']})" if facts.get("error") else ""
    ago = f", {short(age(facts['ended_at']))} ago" if facts.get("ended_at") else ""
    return f"the run {facts['name']!r} has ended: {facts['state']}{error}{ago}"


def facts_in(journal: Path) -> dict[str, Any]:
    """Return what a journal tells of its run, the last one in it; nothing where it is none."""
    facts: dict[str, Any] = {}
    try:
        for entry in read_journal(journal):
            if "freak_journal" in entry:
                facts = {"id": entry.get("run"), "name": entry.get("name"), "state": LOST}
                facts |= {"started_at": entry.get("started_at"), "journal_path": str(journal)}
            elif entry.get("phase") in ENDED:
                facts |= {"state": entry["phase"], "ended_at": entry.get("at"), "error": entry.get("error")}
            else:
                facts |= _progress(entry)
    except OSError:
        return {}
    return facts if facts.get("started_at") else {}


def _progress(entry: dict[str, Any]) -> dict[str, Any]:
    """Return how far the run was, where an entry is of a request that was applied."""
    where = entry.get("applied")
    where = where if isinstance(where, dict) else {}
    return {name: where[name] for name in ("epoch", "step") if where.get(name) is not None}


def journalled(path: Path) -> list[Receipt]:
    """Return the receipts of a journal, each as it ended.

    Raises:
        NotFound: there is no such file, or it is no journal.
    """
    receipts, is_journal = {}, False
    try:
        for line, entry in journal_lines(path):
            is_journal |= "freak_journal" in entry
            if "id" in entry and "kind" in entry:
                receipts[entry["id"]] = _receipt_in(entry, f"{path}, line {line}")
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from None
    if not is_journal:
        raise NotFound(f"{path} is no journal of Freak")
    return list(receipts.values())


def _receipt_in(entry: dict[str, Any], place: str) -> Receipt:
    try:
        return Receipt.model_validate(entry)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        what = ".".join(map(str, first["loc"]))
        raise NotFound(f"{place}: {what}: {first['msg']}") from None
