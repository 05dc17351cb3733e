"""``freak ls`` and ``info``: the runs, and the facts of one run."""

import contextlib
import textwrap
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import httpx
import typer

from freak_core.cli.connect import ClientOf, connect
from freak_core.cli.durations import short
from freak_core.cli.options import JsonOption, RunArgument, RunOption
from freak_core.cli.terminal import compact, measured, say, show, show_facts, show_json, show_table
from freak_core.client.client import Client
from freak_core.client.documents import RunFacts, Schema
from freak_core.errors import NotFound, Refused, Unreachable
from freak_core.phases import ENDED, LOST, because
from freak_core.reach.forwarding import Forwarding, forbidden
from freak_core.runs.listening import ListenerCheck
from freak_core.runs.live_runs import list_runs
from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import CONFIG, RunFolder, home
from freak_core.runs.stored_runs import BROKEN, StoredRun, open_run, stored_runs
from freak_core.text.timestamps import age

TIMEOUT = 0.7
"""Seconds that each run has to answer; all runs are asked at once."""

STARTING = 5.0
"""Seconds in which a server starts, on a machine that has much to do."""

SLOW_START = 60.0
"""Seconds in which a server that has not written anything yet may still start."""

ERROR_LENGTH = 50
"""Characters of an error that the list shows; --json shows all of them."""

HEADER = ("NAME", "ID", "STATE", "EPOCH", "STEP", "STEPS/S", "AGE", "HOST", "URL")

Facts = Mapping[str, object]


def ls(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the ids.")] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", "-a", help="List the runs that have ended, too, if their folder is on this machine."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the live runs of this machine, and of all machines that share its home folder."""
    runs = list_runs()
    stored = stored_runs({run.id for run in runs}) if everything else []
    if quiet and not as_json:
        for run_id in [run.id for run in runs] + [run.id for run in stored]:
            show(run_id)
        return
    listed: list[Facts] = [_facts(run, answer) for run, answer in zip(runs, ask_all(runs), strict=True)]
    listed += [_stored_facts(run) for run in stored]
    for why in dict.fromkeys(each["unreachable"] for each in listed if "unreachable" in each):
        say(str(why))
    for run in stored:
        if run.unreadable and run.phase != BROKEN:
            say(f"{run.name} ({run.id}): {run.unreadable}", "yellow")
    if as_json:
        show_json(listed)
    elif listed:
        show_table(HEADER, [_row(each) for each in listed])
    else:
        say(
            f"no live runs in {home()}"
            + ("" if everything else "; 'freak ls --all' lists finished runs, too")
        )


def info(name: RunArgument = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Print the facts of a run: its run phase, progress and versions, its sections and its actions."""
    with connect(name or run, reading=True, ended=True) as client:
        facts, actions = client.run(), list[str]()
        schema: Schema = {}
        with contextlib.suppress(NotFound):  # an ended run of Freak 0.1.0
            schema, actions = client.schema(), sorted(client.actions())
        url = client.url
    sections = sorted(schema.get("properties", {}))
    shown: Facts = {
        "url": url,
        **_without_access(facts),
        "state": state_of(facts),
        "sections": sections,
        "actions": actions,
    }
    if as_json:
        show_json(shown)
        return
    first = ("name", "id", "state", "epoch", "step", "steps_per_second", "world_size", "host", "pid", "url")
    # state and eta say some of them; freak describe shows what is in force
    hidden = ("phase", "stalled", "seconds_since_progress", "eta_s", "in_force")
    others = [name for name in shown if name not in first + hidden]
    show_facts(
        {
            **{name: _readable(shown.get(name)) for name in first},
            "eta": _eta(facts),
            **{name: _readable(shown[name]) for name in others},
            **_in_force(facts.get("in_force")),
        }
    )


def _in_force(told: object) -> dict[str, str]:
    """Return what each param group uses now, as facts; a value that a request holds has both rates."""
    groups = told.get("groups") if isinstance(told, dict) else None
    return {f"group {name}": _group_text(group) for name, group in dict(groups or {}).items()}


def _group_text(group: object) -> str:
    if not isinstance(group, dict):
        return compact(group)
    parts = [f"{group.get('optimizer')}, {group.get('parameters')} parameters"]
    for key, value in group.items():
        if isinstance(value, dict):
            now, scheduled = measured(value.get("effective")), measured(value.get("scheduled"))
            parts.append(f"{key} {now}" + (f" (scheduled {scheduled})" if now != scheduled else ""))
    return ", ".join(parts)


def ask_all(runs: Sequence[Run]) -> list[Facts]:
    """Return the facts of each run; only its ``state`` for a run that does not answer."""
    if not runs:
        return []
    with (
        httpx.Client(timeout=TIMEOUT, trust_env=False, verify=False) as http,  # noqa: S501 - http only
        ThreadPoolExecutor(min(len(runs), 32)) as pool,
        Forwarding(say) as forwarding,
    ):
        return list(pool.map(lambda run: _ask(http, run, forwarding), runs))


def _ask(http: httpx.Client, run: Run, forwarding: Forwarding) -> Facts:
    token = run.read_token or run.token
    try:
        if not run.near:
            return _ask_elsewhere(run, token, forwarding)
        if not run.url.startswith("http:"):
            with Client(run.url, token, timeout=TIMEOUT, ssl_ca_certs=run.ssl_certfile) as client:
                facts = client.run()
        else:
            check = ListenerCheck(run.url)
            check.run = run
            try:
                check()
            except Unreachable:  # another program has the port by now
                return {"state": "no answer"}
            answer = http.get(f"{run.url}/run", headers={"Authorization": f"Bearer {token}"})
            facts = answer.raise_for_status().json()
    except (httpx.HTTPError, Refused, ValueError) as error:
        return {"state": _unanswered(run, error)}
    return {**_without_access(facts), "state": state_of(facts)}


def _ask_elsewhere(run: Run, token: str, forwarding: Forwarding) -> Facts:
    """Return the facts of a run on another machine; without a connection to it, only that it is alive."""
    if forbidden():
        return {"state": "alive"}
    try:
        with ClientOf(run, token, TIMEOUT, forwarding) as client:
            facts = client.run()
    except NotFound:  # it has just ended
        return {"state": "ending"}
    except Unreachable as refused:
        return {"state": "alive", "unreachable": refused.detail}
    return {**_without_access(facts), "state": state_of(facts)}


def _unanswered(run: Run, error: Exception) -> str:
    """Return the state of a run that does not answer: its server starts, or the run is just ending."""
    stored = open_run(RunFolder(run.id).path)
    if stored is not None and stored.phase in ENDED and stored.phase != LOST["phase"]:
        return stored.phase
    if (age(run.started_at) or 0.0) < (STARTING if _was_served(run) else SLOW_START):
        return "starting"
    nobody_listens = isinstance(error, httpx.ConnectError)  # the program itself holds the port while it runs
    return "ending" if nobody_listens and run.process.is_running() else "no answer"


def _was_served(run: Run) -> bool:
    """Whether a server of the run has begun its folder; True where it would not."""
    folder = RunFolder(run.id)
    return (folder.path / CONFIG).exists() or not folder.journal.exists()


def _without_access(facts: RunFacts) -> Facts:
    """Return the facts without ``access``, which is a fact of our token."""
    return {name: value for name, value in facts.items() if name != "access"}


def _eta(facts: RunFacts) -> str | None:
    """Return the time that is left, as a duration; None while it is unknown or the run is paused."""
    left = facts.get("eta_s")
    return None if left is None or facts.get("phase") == "paused" else short(left)


def state_of(facts: RunFacts) -> str:
    """Return the run phase, or for how long the run has been stalled."""
    phase = facts.get("phase") or "running"
    if facts.get("stalled") and phase != "paused":
        return f"stalled for {facts['seconds_since_progress']:.0f} s"
    return phase


def _facts(run: Run, answer: Facts) -> Facts:
    known = run.model_dump(include={"id", "name", "url", "host", "pid", "started_at", "launcher"})
    more = {"journal_path": run.journal, "near": run.near, "age_seconds": _age(run.started_at)}
    return {**answer, **known, **more}


def _stored_facts(run: StoredRun) -> Facts:
    """Return what is listed of a run that has ended; the step is that of the run, if its folder tells it."""
    facts = run.facts()
    told = {name: facts.get(name) for name in ("epoch", "step", "host", "error", "stopped_by", "reason")}
    known: Facts = {"id": run.id, "name": run.name, "state": run.phase, "started_at": run.started_at}
    files = {"journal_path": str(run.journal), "folder": str(run.path)}
    return {**known, "ended_at": run.ended_at, **files, **told, "age_seconds": _age(run.started_at)}


def _age(started_at: str) -> float | None:
    seconds = age(started_at)
    return None if seconds is None else round(seconds, 1)


def _row(facts: Facts) -> list[str]:
    shown = {**facts, "state": _state(facts)}
    cells = (shown.get(name) for name in ("name", "id", "state", "epoch", "step", "steps_per_second"))
    where = (facts.get(name) for name in ("host", "url"))
    ended = age(facts.get("ended_at"))
    begun = age(facts["started_at"])
    since = f"ended {short(ended)} ago" if ended is not None else "-" if begun is None else short(begun)
    return [*map(_cell, cells), since, *map(_cell, where)]


def _state(facts: Facts) -> str:
    """Return the state of a run, with the beginning of why it ended."""
    error = " ".join(because(facts).split())
    if not error:
        return str(facts["state"])
    return f"{facts['state']} ({textwrap.shorten(error, ERROR_LENGTH, placeholder=' …')})"


def _cell(value: object) -> str:
    return "-" if value is None else str(_readable(value))


def _readable(value: object) -> object:
    return f"{value:.3g}" if isinstance(value, float) else value
