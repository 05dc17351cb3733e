"""The arguments and options that several commands share; those of requests are declared here only."""

import contextlib
import functools
import inspect
import re
from collections.abc import Callable
from typing import Annotated, ParamSpec, TypedDict, Unpack, get_args, get_origin, get_type_hints

import typer

from freak_core.cli.completion import complete_action, complete_described, complete_path, complete_run
from freak_core.reach.forwarding import forbidding

Parameters = ParamSpec("Parameters")


def _one_run(context: typer.Context, name: str | None) -> str | None:
    """Refuse a run that is given as an argument and with --run; an argument overrides FREAK_RUN."""
    source = context.get_parameter_source("run")
    if name is not None and source is not None and source.name == "COMMANDLINE":
        given = context.params["run"]
        raise typer.BadParameter(f"you gave two runs, {name!r} and --run {given!r}; give one of them")
    return name


def _revision(given: str | None) -> str | None:
    """Refuse what is neither a revision number nor an ETag."""
    if given is None or re.fullmatch(r'\*|(W/)?"?([^"]+-)?[0-9]{1,15}"?', given.strip()):
        return given
    raise typer.BadParameter(f"{given!r} is not a revision. Give a number, such as 42; 'freak info' shows it")


RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        "-r",
        envvar="FREAK_RUN",
        is_eager=True,  # read before the argument of the same meaning
        metavar="RUN",
        autocompletion=complete_run,
        help="The run: its name, id or job id, the beginning of a name or id, or its URL. "
        "Default: the only live run.",
    ),
]
RunArgument = Annotated[
    str | None,
    typer.Argument(metavar="RUN", autocompletion=complete_run, callback=_one_run, help="Same as --run."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PathArgument = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        autocompletion=complete_path,
        help="Path in the state, such as lr.hold. Default: the whole state.",
    ),
]
DescribedArgument = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        autocompletion=complete_described,
        help="Path in the state, such as lr.hold, or the name of an action. Default: everything.",
    ),
]
ActionArgument = Annotated[
    str,
    typer.Argument(
        metavar="ACTION",
        autocompletion=complete_action,
        help="Name of the action; 'freak describe' lists them.",
    ),
]
NoSshOption = Annotated[
    bool,
    typer.Option(
        "--no-ssh",
        help="Do not connect to other machines, neither with ssh nor with kubectl; same as FREAK_NO_SSH=1.",
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


class RequestOptions(TypedDict, total=False):
    """The options of every request; see ``freak_core.WriteOptions``."""

    wait: Annotated[
        float | None,
        typer.Option(
            "--wait",
            min=0,
            metavar="SECONDS",
            help="Wait this long until the request is applied. Default: 30, or 0 for a request that is "
            "scheduled for a later step or epoch.",
        ),
    ]
    note: Annotated[str | None, typer.Option("--note", help="The reason, for the receipt and the journal.")]


class ScheduleOptions(RequestOptions, total=False):
    """The options of a request that can be scheduled."""

    at_step: Annotated[
        int | None,
        typer.Option("--at-step", min=0, metavar="STEP", help="Apply the request once STEP steps are done."),
    ]
    at_epoch: Annotated[
        int | None,
        typer.Option("--at-epoch", min=0, metavar="EPOCH", help="Apply the request once EPOCH has begun."),
    ]


class ChangeOptions(ScheduleOptions, total=False):
    """The options of a change of the state."""

    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only validate, and show what would change; change nothing.")
    ]
    if_match: Annotated[
        str | None,
        typer.Option(
            "--if-match",
            metavar="REVISION",
            callback=_revision,
            help="Refuse the request if the state has changed since this revision; 'freak info' shows the "
            "current one.",
        ),
    ]


def with_options(command: Callable[Parameters, None], *, connects: bool) -> Callable[Parameters, None]:
    """Return a command whose ``**options: Unpack[...]`` typer reads as one parameter for each key.

    Args:
        command: the command.
        connects: add ``--no-ssh``.
    """

    @functools.wraps(command)
    def expanded(*args: Parameters.args, **options: Parameters.kwargs) -> None:
        with forbidding() if options.pop("no_ssh", False) else contextlib.nullcontext():
            command(*args, **options)

    parameters = []
    for each in inspect.signature(command).parameters.values():
        if get_origin(each.annotation) is not Unpack:
            parameters.append(each)
            continue
        (keys,) = get_args(each.annotation)
        for name, kind in get_type_hints(keys, include_extras=True).items():
            default = False if get_args(kind)[0] is bool else None
            parameters.append(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            )
    if connects:
        parameters.append(
            inspect.Parameter("no_ssh", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=NoSshOption)
        )
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return expanded
