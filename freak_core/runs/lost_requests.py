"""Lost requests: those that a run has accepted and not ended before its program was gone."""

from pathlib import Path

from freak_core.errors import RunOver
from freak_core.runs.journal import Journal, Line, journal_lines
from freak_core.runs.user_owned_file import open_own

GONE = "the program ended without a word, as when it is killed, before it said what became of this request"


def end_lost_requests(journal: Path, run_id: str) -> dict[str, Line]:
    """Return the last line of each request of a run whose program is gone, by the id of its receipt.

    Requests that had not ended have failed: so the journal says from here on.

    Raises:
        OSError: the journal cannot be read.
    """
    lines: dict[str, Line] = {}
    of_this_run = False
    with open_own(journal) as file:
        for _, entry in journal_lines(file):
            if "freak_journal" in entry:
                of_this_run = entry.get("run") == run_id
            elif of_this_run and isinstance(entry.get("id"), str) and "kind" in entry:
                lines[entry["id"]] = entry
    writing = Journal(journal)
    for receipt_id, line in lines.items():
        if line.get("status") == "accepted":
            lines[receipt_id] = as_lost(line)
            writing.append(lines[receipt_id])
    writing.close()
    return lines


def as_lost(line: Line) -> Line:
    """Return the receipt of a request that has failed because its program is gone."""
    return {**line, "status": "failed", "error": RunOver(GONE).problem()}


def is_lost(line: Line) -> bool:
    """Return whether a request has failed because its run ended before it was carried out."""
    return line.get("status") == "failed" and (line.get("error") or {}).get("title") == RunOver.title
