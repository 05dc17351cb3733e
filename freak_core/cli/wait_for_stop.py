"""A stop that the program has taken note of, until it has come: saved and stopped, or ended with the run."""

import time
from pathlib import Path
from typing import Any

from freak_core.cli.exit_codes import GivenUp
from freak_core.cli.finished_runs import facts_in, journalled
from freak_core.cli.send_and_wait import unless_failed
from freak_core.cli.terminal import progress, say
from freak_core.client.client import Client
from freak_core.errors import Failed, RunOver, Unreachable
from freak_core.phases import ENDED
from freak_core.receipts import Receipt

GLANCE = 0.5
"""Seconds between two looks at what the run says."""

WITHDRAW = "withdraw it with 'freak set stop.should_stop=false'"


def await_stop(client: Client, asked: Receipt, run: dict[str, Any], deadline: float) -> Receipt | None:
    """Return the receipt that tells how a stop went, saved and all; None: it has not come by the deadline.

    It is ``asked`` itself where the program, which is no training perhaps, ended without such a receipt.

    Args:
        client: asks the run.
        asked: the receipt of the stop, applied.
        run: what the run said of itself before.
        deadline: by the monotonic clock.

    Raises:
        Failed: saving has failed and the training goes on, or the run has failed.
        RunOver: somebody took the stop back.
        Unreachable: the run is gone, and so is its journal.
    """
    journal = Path(run["journal_path"]) if run.get("journal_path") else None
    try:
        with progress(stops(asked)) as tell:
            while (left := deadline - time.monotonic()) > 0:
                tell(f"{stops(asked)}; waiting up to {left:.0f} s")
                phase, receipts = _told(client, journal, asked, min(left, GLANCE))
                found = _telling(receipts) or _at_the_end(phase, asked)
                if found is not None:
                    return unless_failed(found)
    except KeyboardInterrupt:
        told = asked.model_dump(mode="json")
        raise GivenUp(f"given up; the stop stays asked for: {WITHDRAW}", receipt=told) from None
    return None


def stops(asked: Receipt) -> str:
    """Return in words when the training will stop, and what holds it back."""
    result = asked.result if isinstance(asked.result, dict) else {}
    told = result.get("stop")
    told = told if isinstance(told, dict) else {}
    held = f", held back by {told['held_back_by']}" if told.get("held_back_by") else ""
    return f"stops {told.get('stops') or 'soon'}{held}"


def _told(
    client: Client, journal: Path | None, asked: Receipt, wait: float
) -> tuple[str | None, list[Receipt]]:
    """Return the phase of the run, and all receipts after ``asked``; from its journal, once it is gone."""
    try:
        return _phase(client, wait), client.receipts(since=asked.seq, limit=1000)
    except Unreachable:
        if journal is None or not journal.is_file():
            raise
        time.sleep(min(wait, 0.1))  # it may be about to write the last lines
        phase, receipts = facts_in(journal).get("state"), journalled(journal)
        ids = [receipt.id for receipt in receipts]  # it may hold former runs, too
        return phase, receipts[ids.index(asked.id) + 1 :] if asked.id in ids else []


def _phase(client: Client, wait: float) -> str | None:
    """Return the phase of the run: at once where it has ended, else after ``wait`` seconds."""
    try:
        client.wait_for(phase="finished", timeout=wait)
    except (TimeoutError, RunOver):
        phase: str | None = client.run().get("phase")
        return phase
    return "finished"


def _telling(receipts: list[Receipt]) -> Receipt | None:
    """Return the receipt with which the training says how the stop went."""
    for receipt in receipts:
        if (receipt.kind, receipt.name, receipt.by) == ("action", "stop", "freak"):
            return receipt
        if any((change.path, change.new) == ("/stop/should_stop", False) for change in receipt.changes):
            by = f"#{receipt.seq}, by {receipt.by}"
            raise RunOver(f"the stop was taken back: {by}", receipt=receipt.model_dump(mode="json"))
    return None


def _at_the_end(phase: str | None, asked: Receipt) -> Receipt | None:
    if phase not in ENDED:
        return None
    if phase != "finished":
        raise Failed(
            f"the run has ended before it could stop: {phase}", receipt=asked.model_dump(mode="json")
        )
    say(f"the run has ended: {phase}")
    return asked
