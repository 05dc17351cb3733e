"""The options that commands share."""

from typing import Annotated

import typer

from freak_core.cli.completion import complete_action, complete_described, complete_path, complete_run


def _one_run(context: typer.Context, name: str | None) -> str | None:
    """Refuse a run as an argument next to one by option; FREAK_RUN is for whoever names none."""
    source = context.get_parameter_source("run")
    if name is not None and source is not None and source.name == "COMMANDLINE":
        raise typer.BadParameter(f"{name!r} here, and {context.params['run']!r} with --run: give one of them")
    return name


RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        "-r",
        envvar="FREAK_RUN",
        is_eager=True,  # read before the argument of the same meaning
        metavar="RUN",
        autocompletion=complete_run,
        help="Which run: id, name, job id, the beginning of one, or URL.",
    ),
]
RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        autocompletion=complete_run,
        callback=_one_run,
        help="Which run; the same as --run.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PathArgument = Annotated[
    str,
    typer.Argument(metavar="[PATH]", autocompletion=complete_path, help="Such as lr.hold; all without it."),
]
DescribedArgument = Annotated[
    str,
    typer.Argument(
        metavar="[PATH]",
        autocompletion=complete_described,
        help="Such as lr.hold, or the name of an action; all without it.",
    ),
]
ActionArgument = Annotated[str, typer.Argument(metavar="ACTION", autocompletion=complete_action)]
WaitOption = Annotated[
    float | None,
    typer.Option(
        "--wait",
        min=0,
        metavar="SECONDS",
        help="How long to wait until it is applied: 30 s, or not at all with --at-step and --at-epoch.",
    ),
]
NoteOption = Annotated[str | None, typer.Option("--note", help="Why, for the journal.")]
IfMatchOption = Annotated[
    str | None,
    typer.Option("--if-match", metavar="REVISION", help="Refuse it if the state has changed since."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only check it, and show what would change.")]
AtStepOption = Annotated[
    int | None, typer.Option("--at-step", min=0, help="Keep it back until so many steps are done.")
]
AtEpochOption = Annotated[
    int | None, typer.Option("--at-epoch", min=0, help="Keep it back until that epoch.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
