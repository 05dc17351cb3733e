"""``freak watch`` and ``log``: what happens, and what was asked for."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from freak_core.cli.connect import connect
from freak_core.cli.exit_codes import FAILED, INTERRUPTED, exits
from freak_core.cli.finished_runs import journalled, newest_ended, obituary
from freak_core.cli.options import JsonOption, RunArgument, RunOption
from freak_core.cli.terminal import compact, measured, progress, say, show, show_json
from freak_core.client.retries import Event
from freak_core.phases import ENDED
from freak_core.receipts import Receipt
from freak_core.runs.live_runs import list_runs, named

USUAL_TYPES = ("receipt", "run", "metrics", "progress")


@exits
def watch(
    name: RunArgument = None,
    types: Annotated[
        str | None,
        typer.Option(
            "--types",
            metavar="TYPE,...",
            help="Of state, receipt, run, progress, metrics; with --json all, else all but state.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="EVENT", help="After the event with this id; 0 for all that is known."
        ),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what happens, a line each, until the run ends; exit with 1 where it did not finish."""
    wanted = tuple(types.split(",")) if types else () if as_json else USUAL_TYPES
    with connect(name or run) as client:
        start = f"{client.run()['id']}-0" if since == "0" else since
        events = client.events(*({*wanted, "run"} if wanted else ()), last_id=start)
        try:
            ending = _show_events(events, wanted, as_json=as_json, progress_too="progress" in (types or ""))
        except KeyboardInterrupt:  # the usual way to leave: no event, and no line of data
            say("given up")
            raise typer.Exit(INTERRUPTED) from None
        ending = ending or client.run()
    because = f" ({ending['error']})" if ending.get("error") else ""
    say(f"the run has ended: {ending['phase']}{because}")
    if ending["phase"] != "finished":
        raise typer.Exit(FAILED)


def _show_events(
    events: Iterable[Event], wanted: Sequence[str], *, as_json: bool, progress_too: bool
) -> dict[str, Any]:
    """Print events; progress, unless it was asked for, only as a line that stays at the bottom.

    Returns how the run has ended; nothing where no event told.
    """
    ending: dict[str, Any] = {}
    with progress("waiting for something to happen") as tell:
        for event in events:
            run = event.data["run"] if event.type == "reset" else event.data if event.type == "run" else {}
            ending = run if run.get("phase") in ENDED else ending
            if wanted and event.type not in (*wanted, "reset"):
                continue
            if as_json:
                show_json({"id": event.id, "type": event.type, "data": event.data}, line=True)
            elif event.type == "progress" and not progress_too:
                tell(event_line(event))
            else:
                show(event_line(event))
    return ending


def event_line(event: Event) -> str:
    """Return an event as one readable line."""
    match event.type:
        case "receipt":
            return receipt_line(Receipt.model_validate(event.data))
        case "metrics":
            values = "  ".join(f"{name} {measured(value)}" for name, value in event.data["values"].items())
            return f"{_clock(event.data.get('at'))}  step {event.data['step']}  {values}"
        case "progress":
            return f"step {event.data.get('step')}, epoch {event.data.get('epoch')}"
        case _:
            return f"{event.type} {compact(event.data)}"


@exits
def log(
    name: RunArgument = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many at most.")] = 100,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", help="Read this file instead: of a run that has ended, for example."),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the requests so far with what became of them: who, when, at which step, old → new, why."""
    journal = journal or _journal_of(name or run)
    if journal is not None:
        receipts = journalled(journal)
    else:
        with connect(name or run) as client:
            receipts = client.receipts(limit=1000)
    if as_json:
        show_json([receipt.model_dump(mode="json") for receipt in receipts[-last:]])
        return
    for receipt in receipts[-last:]:
        show(receipt_line(receipt))


def _journal_of(wanted: str | None) -> Path | None:
    """Return the journal of the newest ended run of that name or id, unless a live one is meant."""
    runs = list_runs()
    if wanted is None or named(wanted, runs):
        return None
    facts = newest_ended(wanted, {run.id for run in runs})
    if facts is None:
        return None
    say(obituary(facts))
    return Path(facts["journal_path"])


def receipt_line(receipt: Receipt) -> str:
    """Return a receipt as one line: when, what, by whom, why."""
    note = f"  # {receipt.note}" if receipt.note else ""
    return f"{_clock(receipt.requested_at)}  {receipt.line()}, by {receipt.by}{note}"


def _clock(when: Any) -> str:
    """Return the local time of day of a timestamp, RFC 3339 or seconds since the epoch."""
    if isinstance(when, str):
        return f"{datetime.fromisoformat(when).astimezone():%H:%M:%S}"
    return f"{datetime.fromtimestamp(when or 0):%H:%M:%S}"
