"""``freak watch`` and ``log``: the events and the receipts of a run."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from freak_core.cli.connect import connect, ended_run, how_it_ended
from freak_core.cli.exit_codes import ExitCode
from freak_core.cli.options import JsonOption, RunArgument, RunOption
from freak_core.cli.terminal import compact, measured, progress, say, show, show_json
from freak_core.client.retries import Event
from freak_core.phases import DONE, ENDED, LOST, because
from freak_core.receipts import Receipt
from freak_core.runs.journal_reader import journalled
from freak_core.text.paths import leaves
from freak_core.text.timestamps import time_of

DEFAULT_TYPES = ("receipt", "run", "metrics", "progress")


def watch(
    name: RunArgument = None,
    types: Annotated[
        str | None,
        typer.Option(
            "--types",
            metavar="TYPE,...",
            help="Print only these types: state, receipt, run, progress, metrics. "
            "Default: all but state; with --json all.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="EVENT",
            help="Start after the event with this id, or with the oldest known event if EVENT is 0. "
            "Default: only new events.",
        ),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the events of a run, one per line, until it ends; the exit code says how it ended."""
    wanted = tuple(types.split(",")) if types else () if as_json else DEFAULT_TYPES
    with connect(name or run, ended=True) as client:
        start = f"{client.run()['id']}-0" if since == "0" else since
        events = client.events(*({*wanted, "run"} if wanted else ()), last_id=start)
        try:
            ending = _show_events(events, wanted, as_json=as_json, progress_too="progress" in (types or ""))
        except KeyboardInterrupt:  # the usual way to leave: not an error, so nothing on stdout
            say("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        ended: Mapping[str, object] = ending or client.run()
    why = f" ({because(ended)})" if because(ended) else ""
    say(f"the run has ended: {ended['phase']}{why}")
    if ended["phase"] not in DONE:
        raise typer.Exit(ExitCode.NO_RUN if ended["phase"] == LOST["phase"] else ExitCode.FAILED)


def _show_events(
    events: Iterable[Event], wanted: Sequence[str], *, as_json: bool, progress_too: bool
) -> Mapping[str, object]:
    """Print events and return the facts of the run at its end; empty if no event has them.

    Progress is printed as one line that stays at the bottom, unless ``progress_too``.
    """
    ending: Mapping[str, object] = {}
    spinner = contextlib.nullcontext(_silent) if as_json else progress("waiting for events")
    with spinner as tell:
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


def _silent(_: str) -> None:
    """Print nothing."""


def event_line(event: Event) -> str:
    """Return an event as one line for people."""
    match event.type:
        case "receipt":
            return receipt_line(Receipt.model_validate(event.data))
        case "metrics":
            values = [f"{name} {measured(value)}" for name, value in event.data["values"].items()]
            step = event.data.get("step")
            at_step = [] if step is None else [f"step {compact(step)}"]
            return "  ".join([_clock(event.data.get("at")), *at_step, *values])
        case "progress":
            return _facts_line(event.data) or "running"
        case "run":
            return f"run: {_facts_line(event.data) or 'no news'}"
        case "reset":
            return f"events are missing here; run: {_facts_line(event.data['run'])}"
        case _:
            values = [f"{path} {compact(value)}" for path, value in leaves(event.data["value"])]
            return ", ".join([f"state: revision {event.data['revision']}", *values])


def _facts_line(facts: Mapping[str, object]) -> str:
    """Return facts of a run as words: phase, step and epoch first; what is not known is left out."""
    first = ("phase", "step", "logged_step", "epoch")
    known = {name: facts[name] for name in (*first, *facts) if facts.get(name) is not None}
    phase = known.pop("phase", None)
    logged = known.pop("logged_step", None)
    words = [] if phase is None else [str(phase) if isinstance(phase, str) else compact(phase)]
    for name, value in known.items():
        text = value if isinstance(value, str) else "…" if isinstance(value, dict | list) else measured(value)
        as_logged = f" (logged as step {measured(logged)})" if name == "step" and logged is not None else ""
        words.append(f"{name.replace('_', ' ')} {text}{as_logged}")
    return ", ".join(words)


def log(
    name: RunArgument = None,
    last: Annotated[
        int,
        typer.Option("--last", "-n", min=1, metavar="COUNT", help="Print only the newest COUNT requests."),
    ] = 100,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="FILE", help="Read this journal instead of asking a run."),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the requests so far: time, request, outcome, step, old → new values, who asked, and the note."""
    ended = None if journal is not None else ended_run(name or run)
    if journal is not None:
        receipts = journalled(journal)
    elif ended is not None:
        say(how_it_ended(ended))
        receipts = journalled(ended.journal, of=ended.id)
    else:
        with connect(name or run) as client:
            receipts = client.receipts(limit=1000)
    if as_json:
        show_json([receipt.model_dump(mode="json") for receipt in receipts[-last:]])
        return
    for receipt in receipts[-last:]:
        show(receipt_line(receipt))


def receipt_line(receipt: Receipt) -> str:
    """Return a receipt as one line: when, what, by whom, and the note."""
    note = f"  # {receipt.note}" if receipt.note else ""
    return f"{_clock(receipt.requested_at)}  {receipt.line()}, by {receipt.by}{note}"


def _clock(when: str | float | None) -> str:
    """Return the local time of day of a timestamp, in RFC 3339 or in seconds since the epoch."""
    if isinstance(when, str):
        time = time_of(when)
        return f"{time.astimezone():%H:%M:%S}" if time else "--:--:--"
    return f"{datetime.fromtimestamp(when or 0):%H:%M:%S}"
