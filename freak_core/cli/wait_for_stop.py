"""Waits until a training has stopped, after the request to stop was applied."""

import time
from pathlib import Path

from freak_core.cli.exit_codes import Interrupted
from freak_core.cli.send_and_wait import unless_failed
from freak_core.cli.terminal import progress, say
from freak_core.client.client import Client
from freak_core.client.documents import RunFacts
from freak_core.errors import Failed, RunOver, Unreachable
from freak_core.phases import DONE, ENDED
from freak_core.receipts import Receipt
from freak_core.runs.journal_reader import journalled, run_in

INTERVAL = 0.5
"""Seconds between two requests to the run."""

TAKE_BACK = "take it back with 'freak set stop.should_stop=false'"


def wait_for_stop(client: Client, asked: Receipt, run: RunFacts, deadline: float) -> Receipt | None:
    """Return the receipt of the stop, which names the checkpoint; or None at the deadline.

    If the program ends without such a receipt, since it is not a training, ``asked`` is returned.

    Args:
        client: a client for the run.
        asked: the receipt of the request to stop, applied.
        run: the facts of the run before.
        deadline: a time of ``time.monotonic()``.

    Raises:
        Failed: the checkpoint could not be saved and the training goes on; or the run has failed.
        RunOver: somebody took the stop back.
        Unreachable: the run does not answer, and its journal cannot be read.
    """
    journal = Path(run["journal_path"]) if run.get("journal_path") else None
    try:
        with progress(when_it_stops(asked)) as tell:
            while (left := deadline - time.monotonic()) > 0:
                tell(f"{when_it_stops(asked)}; waiting up to {left:.0f} s")
                phase, receipts = _news(client, journal, asked, min(left, INTERVAL))
                found = _stop_receipt(receipts) or _at_the_end(phase, asked)
                if found is not None:
                    return unless_failed(found)
    except KeyboardInterrupt:
        told = asked.model_dump(mode="json")
        raise Interrupted(f"interrupted; the training still stops, {TAKE_BACK}", receipt=told) from None
    return None


def when_it_stops(asked: Receipt) -> str:
    """Return a phrase that says when the training will stop, and what it waits for."""
    result = asked.result if isinstance(asked.result, dict) else {}
    told = result.get("stop")
    told = told if isinstance(told, dict) else {}
    held = f", held back by {told['held_back_by']}" if told.get("held_back_by") else ""
    return f"stops {told.get('stops') or 'soon'}{held}"


def _news(
    client: Client, journal: Path | None, asked: Receipt, wait: float
) -> tuple[str | None, list[Receipt]]:
    """Return the run phase and the receipts after ``asked``; from the journal if the run does not answer."""
    try:
        return _phase(client, wait), client.receipts(since=asked.seq, limit=1000)
    except Unreachable:
        if journal is None or not journal.is_file():
            raise
        time.sleep(min(wait, 0.1))  # the program may still be writing the last lines
        ended, receipts = run_in(journal), journalled(journal)
        ids = [receipt.id for receipt in receipts]  # the journal may contain earlier runs
        return ended and ended["phase"], receipts[ids.index(asked.id) + 1 :] if asked.id in ids else []


def _phase(client: Client, wait: float) -> str | None:
    """Return the run phase: at once if the run has ended, else after ``wait`` seconds."""
    try:
        return client.wait_for(phase="finished", timeout=wait).get("phase")
    except (TimeoutError, RunOver):
        return client.run().get("phase")


def _stop_receipt(receipts: list[Receipt]) -> Receipt | None:
    """Return the receipt that a training writes when it stops."""
    for receipt in receipts:
        if (receipt.kind, receipt.name, receipt.by) == ("action", "stop", "freak"):
            return receipt
        if any((change.path, change.new) == ("/stop/should_stop", False) for change in receipt.changes):
            by = f"#{receipt.seq} ({receipt.by})"
            raise RunOver(f"the stop was taken back by {by}", receipt=receipt.model_dump(mode="json"))
    return None


def _at_the_end(phase: str | None, asked: Receipt) -> Receipt | None:
    if phase not in ENDED:
        return None
    if phase not in DONE:
        raise Failed(f"the run ended before it could stop: {phase}", receipt=asked.model_dump(mode="json"))
    say(f"the run has ended: {phase}")
    return asked
