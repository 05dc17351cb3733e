"""Shell completion: the runs, paths, values and actions of live runs."""

import contextlib
import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator

import typer

from freak_core.cli.assignments import nodes_at
from freak_core.cli.connect import connect
from freak_core.client.client import Client
from freak_core.client.documents import ActionDescription, Schema
from freak_core.client.requests import keys_of
from freak_core.reach.forwarding import forbidding
from freak_core.runs.live_runs import list_runs
from freak_core.text import paths
from freak_core.text.strict_json import JSON

PATIENCE = 1.0
"""Seconds that a run has to answer while somebody types."""

Candidates = list[tuple[str, str]]

# Whoever names a run, a metric or a key chooses what a shell gets to see. zsh evaluates it, and bash puts it
# into the line as it is. So a candidate has only letters, digits and what no shell obeys, and is no option.
_PLAIN = re.compile(r"(?![-=])(?:[\w./=+@%,:-]|\\\.)+")
_OBEYED = re.compile(r"[\\`$\s]+")


def complete_run(incomplete: str) -> Candidates:
    """Return the names of the live runs; the id of a run whose name is not unique or not plain."""
    with _quiet():
        runs = list_runs()
    names = [run.name for run in runs]
    found = [
        (r.name if names.count(r.name) == 1 and _is_plain(r.name) else r.id, f"{r.name} on {r.host}")
        for r in runs
    ]
    return _plain(_matching(found, incomplete))


def complete_path(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return the paths of the state with their current values."""
    return _asked(ctx, lambda client: _matching(_paths(client.get(), ()), incomplete))


def complete_assignment(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return the paths of the state with ``=``; after the ``=``, the values if the schema lists them."""
    path, equals, _ = incomplete.partition("=")

    def found(client: Client) -> Candidates:
        if equals:
            return _matching(
                ((f"{path}={value}", "") for value in _choices(client.schema(), path)), incomplete
            )
        leaves = ((f"{name}=", text) for name, text in _paths(client.get(), (), leaves=True))
        return _matching(leaves, incomplete)

    return _asked(ctx, found)


def complete_action(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return the actions with their descriptions."""

    def found(client: Client) -> Candidates:
        actions = client.actions().items()
        return _matching(((name, _first_line(action)) for name, action in actions), incomplete)

    return _asked(ctx, found)


def complete_described(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return the paths of the state, and the actions."""
    return complete_path(ctx, incomplete) + complete_action(ctx, incomplete)


def complete_argument(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return the arguments of the action on the command line."""

    def found(client: Client) -> Candidates:
        action = client.actions().get(str(ctx.params.get("action")))
        known = action["arguments"].get("properties", {}) if action else {}
        return _matching(
            ((f"{name}=", str(each.get("type", ""))) for name, each in known.items()), incomplete
        )

    return _asked(ctx, found)


def complete_metric(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return the metrics with their newest values."""

    def found(client: Client) -> Candidates:
        series = client.series(max_points=5).items()
        return _matching(((name, str(points[-1][2])) for name, points in series if points), incomplete)

    return _asked(ctx, found)


def complete_receipt(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return the ids of the requests that are not applied yet."""

    def found(client: Client) -> Candidates:
        waiting = [receipt for receipt in client.receipts(limit=1000) if not receipt.settled]
        return _matching(((receipt.id, receipt.line()) for receipt in waiting), incomplete)

    return _asked(ctx, found)


def _asked(ctx: typer.Context, question: Callable[[Client], Candidates]) -> Candidates:
    """Return what the run answers; nothing if it does not answer in time, or is on another machine."""
    try:
        with (
            _quiet(),
            forbidding(),
            connect(ctx.params.get("run"), reading=True, timeout=PATIENCE) as client,
        ):
            return _plain(question(client))
    except Exception:  # noqa: BLE001  a traceback would be printed into the line that somebody types
        return []


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Log nothing: a warning would be printed into the line that somebody types."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _is_plain(name: str) -> bool:
    """Whether no shell does anything with a name but insert it."""
    try:
        name.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # it would be printed with backslashes
        return False
    return _PLAIN.fullmatch(name) is not None


def _plain(candidates: Candidates) -> Candidates:
    """Leave out the candidates that a shell could run, and from the descriptions what it could run."""
    return [(name, _description(text)) for name, text in candidates if _is_plain(name)]


def _description(text: str) -> str:
    encodable = text.encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding or "utf-8")
    shown = "".join(each if each.isprintable() else " " for each in encodable)
    return _OBEYED.sub(" ", shown).strip()


def _matching(candidates: Iterable[tuple[str, str]], incomplete: str) -> Candidates:
    return [(name, text) for name, text in candidates if name.startswith(incomplete)]


def _paths(value: object, parent: paths.Path, *, leaves: bool = False) -> Iterator[tuple[str, str]]:
    inside = value if isinstance(value, dict) else {}
    if parent and not (leaves and inside):
        yield paths.to_dots(parent), json.dumps(value, ensure_ascii=False)[:40]
    for key, child in inside.items():
        yield from _paths(child, (*parent, key), leaves=leaves)


def _choices(schema: Schema, path: str) -> Iterator[str]:
    for node in nodes_at(schema, keys_of(path)):
        values: list[JSON] = [True, False] if node.get("type") == "boolean" else node.get("enum", [])
        for value in [*values, *([node["const"]] if "const" in node else [])]:
            yield value if isinstance(value, str) else json.dumps(value)
        if node.get("type") == "null":
            yield "null"


def _first_line(action: ActionDescription) -> str:
    return action["description"].partition("\n")[0]
