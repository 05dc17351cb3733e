"""``freak get``, ``set``, ``patch`` and ``reset``: read and change the state."""

import functools
import sys
from typing import Annotated, Any, Literal, Unpack, cast

import typer

from freak_core.cli.assignments import assigned
from freak_core.cli.completion import complete_assignment
from freak_core.cli.connect import connect
from freak_core.cli.options import ChangeOptions, JsonOption, PathArgument, RunOption, YesOption
from freak_core.cli.send_and_wait import Send, carry_out
from freak_core.cli.terminal import compact, confirm, show, show_json, show_text
from freak_core.errors import Refused
from freak_core.text.paths import to_pointer
from freak_core.text.strict_json import parse

Assignments = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH=VALUE",
        autocompletion=complete_assignment,
        help="Such as lr.hold=3e-4. VALUE is JSON if it is valid JSON and fits the schema, else a string.",
    ),
]
PatchArgument = Annotated[
    str,
    typer.Argument(
        metavar="PATCH",
        help='A JSON Patch (RFC 6902), such as [{"op": "remove", "path": "/layers/0"}], or a merge patch, '
        'such as {"lr": {"hold": 0.1}}; "-" reads it from stdin.',
    ),
]


def get(path: PathArgument = "", run: RunOption = None, as_json: JsonOption = False) -> None:
    """Print a value, or the whole state, as JSON; a string without quotes unless you give --json."""
    with connect(run, ended=True) as client:
        value = client.get(path)
    if as_json or isinstance(value, dict):
        show_json(value)
    else:
        show_text(value) if isinstance(value, str) else show(compact(value))


def set_values(
    values: Assignments,
    run: RunOption = None,
    as_json: JsonOption = False,
    **options: Unpack[ChangeOptions],
) -> None:
    """Change values, all of them or none: freak set lr.hold=3e-4 --note 'the loss diverges'."""
    with connect(run) as client:
        send = functools.partial(client.set, assigned(values, client.schema()))
        carry_out(client, send, as_json=as_json, **options)


def patch(
    patch: PatchArgument,
    kind: Annotated[
        Literal["json", "merge"] | None,
        typer.Option(
            "--type", help="JSON Patch or merge patch. Default: json for a list, merge for an object."
        ),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    **options: Unpack[ChangeOptions],
) -> None:
    """Apply a JSON Patch or a merge patch: freak patch '[{"op": "remove", "path": "/layers/0"}]'."""
    try:
        body = parse(sys.stdin.read() if patch == "-" else patch)
    except Refused as wrong:
        raise typer.BadParameter(f"the patch is not valid JSON: {wrong}") from None
    found = "json" if isinstance(body, list) else "merge" if isinstance(body, dict) else None
    if found is None or found != (kind or found):
        raise typer.BadParameter("a JSON Patch is a list of operations; a merge patch is an object of values")
    with connect(run) as client:
        if isinstance(body, dict):
            values = {to_pointer((key,)): value for key, value in body.items()}
            send: Send = functools.partial(client.set, values)
        else:
            send = functools.partial(client.patch, cast(Any, body))
        carry_out(client, send, as_json=as_json, **options)


def reset(
    path: PathArgument = "",
    run: RunOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    **options: Unpack[ChangeOptions],
) -> None:
    """Set a value, or the whole state, back to its initial value."""
    with connect(run) as client:
        if not path and not options.get("dry_run"):
            confirm("Set the whole state back to its initial values?", yes=yes)
        carry_out(client, functools.partial(client.reset, path), as_json=as_json, **options)
