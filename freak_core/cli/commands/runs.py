"""``freak ls`` and ``info``: the live runs and how they are doing."""

import textwrap
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import httpx
import typer

from freak_core.cli.connect import connect
from freak_core.cli.durations import age, short
from freak_core.cli.exit_codes import exits
from freak_core.cli.finished_runs import ended_runs
from freak_core.cli.options import JsonOption, RunArgument, RunOption
from freak_core.cli.terminal import say, show, show_facts, show_json, show_table
from freak_core.client.client import Client
from freak_core.errors import Refused
from freak_core.runs.live_runs import list_runs
from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import home

PATIENCE = 0.7
"""Seconds that each run has to answer; they are asked all at once."""

WORDS = 50
"""Characters of an error that a list has room for; 'freak log' and --json have all of it."""

HEADER = ("NAME", "ID", "STATE", "EPOCH", "STEP", "STEPS/S", "AGE", "HOST", "URL")


@exits
def ls(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print ids only.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Those that have ended, too, if their journal is here.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the live runs of this machine, and of all that share its home."""
    runs = list_runs()
    ended = ended_runs({run.id for run in runs}) if everything else []
    if quiet and not as_json:
        for run_id in [run.id for run in runs] + [facts["id"] for facts in ended]:
            show(run_id)
        return
    listed = [_facts(run, answer) for run, answer in zip(runs, ask_all(runs), strict=True)]
    listed += [{**facts, "age_seconds": round(age(facts["started_at"]), 1)} for facts in ended]
    if as_json:
        show_json(listed)
    elif listed:
        show_table(HEADER, [_row(each) for each in listed])
    else:
        say(f"no live runs in {home()}")


@exits
def info(name: RunArgument = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Tell how a run is doing, and what it offers."""
    with connect(name or run, reading=True) as client:
        facts = _of_the_run(client.run())
        sections, actions = sorted(client.schema().get("properties", {})), sorted(client.actions())
        url = client.url
    told = {"url": url, **facts, "state": state_of(facts), "sections": sections, "actions": actions}
    if as_json:
        show_json(told)
        return
    first = ("name", "id", "state", "epoch", "step", "steps_per_second", "world_size", "host", "pid", "url")
    seldom = ("phase", "stalled", "seconds_since_progress")
    names = [*first, *(name for name in told if name not in first + seldom)]
    show_facts({"eta" if name == "eta_s" else name: _told(told, name) for name in names})


def ask_all(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return what ``GET /run`` says of each; ``{"state": why}`` where it says nothing."""
    if not runs:
        return []
    with (
        httpx.Client(timeout=PATIENCE, trust_env=False, verify=False) as http,  # noqa: S501 - http only
        ThreadPoolExecutor(min(len(runs), 32)) as pool,
    ):
        return list(pool.map(lambda run: _ask(http, run), runs))


def _ask(http: httpx.Client, run: Run) -> dict[str, Any]:
    if not run.near:
        return {"state": "alive"}
    token = run.read_token or run.token
    try:
        if run.url.startswith("unix:"):
            with Client(run.url, token, timeout=PATIENCE) as client:
                facts = client.run()
        else:
            answer = http.get(f"{run.url}/run", headers={"Authorization": f"Bearer {token}"})
            facts = answer.raise_for_status().json()
    except (httpx.HTTPError, Refused, ValueError):
        return {"state": "no answer"}
    return {**_of_the_run(facts), "state": state_of(facts)}


def _of_the_run(facts: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is no fact of the run: what the token may do that it was asked with."""
    return {name: value for name, value in facts.items() if name != "access"}


def _told(facts: dict[str, Any], name: str) -> Any:
    """Return a fact for people: how long it takes yet as a duration, and not at all while nothing moves."""
    if name != "eta_s":
        return _readable(facts.get(name))
    known = facts.get(name) is not None and facts.get("phase") != "paused"
    return short(facts[name]) if known else None


def state_of(facts: dict[str, Any]) -> str:
    """Return in a word or two how a run is doing, from what ``GET /run`` says."""
    phase = str(facts.get("phase") or "running")
    if facts.get("stalled") and phase != "paused":
        return f"stalled for {facts['seconds_since_progress']:.0f} s"
    return phase


def _facts(run: Run, answer: dict[str, Any]) -> dict[str, Any]:
    known = run.model_dump(include={"id", "name", "url", "host", "pid", "started_at", "launcher"})
    more = {"journal_path": run.journal, "near": run.near, "age_seconds": round(age(run.started_at), 1)}
    return {**answer, **known, **more}


def _row(facts: dict[str, Any]) -> list[str]:
    told = {**facts, "state": _state(facts)}
    cells = (told.get(name) for name in ("name", "id", "state", "epoch", "step", "steps_per_second"))
    where = (facts.get(name) for name in ("host", "url"))
    ended = facts.get("ended_at")
    since = f"ended {short(age(ended))} ago" if ended else short(facts["age_seconds"])
    return [*map(_cell, cells), since, *map(_cell, where)]


def _state(facts: dict[str, Any]) -> str:
    """Return the state of a run with the error that has ended it, if any, in a few words."""
    error = " ".join(str(facts.get("error") or "").split())
    return (
        f"{facts['state']} ({textwrap.shorten(error, WORDS, placeholder=' …')})" if error else facts["state"]
    )


def _cell(value: Any) -> str:
    return "-" if value is None else str(_readable(value))


def _readable(value: Any) -> Any:
    return f"{value:.3g}" if isinstance(value, float) else value
