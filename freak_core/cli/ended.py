"""Runs that have ended, as their journals in Freak's folder tell."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from freak_core.journal import read_journal
from freak_core.runs import home
from freak_core.wire import ENDED

LOST = "lost"
"""The state of a run that ended without a word: it was killed, say."""


def ended_runs(alive: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return the facts of the runs whose journal is here, newest first; not of those ``alive``, by id."""
    journals = (path for path in (home() / "runs").glob("*/journal.jsonl") if path.parent.name not in alive)
    found = [facts for facts in map(_facts, journals) if facts]
    return sorted(found, key=lambda facts: str(facts["started_at"]), reverse=True)


def _facts(journal: Path) -> dict[str, Any]:
    """Return what a journal tells of its run; nothing where it is none."""
    facts: dict[str, Any] = {}
    try:
        for entry in read_journal(journal):
            if "freak_journal" in entry:
                facts = {"id": entry.get("run"), "name": entry.get("name"), "state": LOST}
                facts |= {"started_at": entry.get("started_at"), "journal_path": str(journal)}
            elif entry.get("phase") in ENDED:
                facts |= {"state": entry["phase"], "ended_at": entry.get("at"), "error": entry.get("error")}
    except OSError:
        return {}
    return facts if facts.get("started_at") else {}
