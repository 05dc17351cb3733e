"""The application: every command under its name."""

import io
import sys
from importlib import metadata
from typing import Annotated

import typer

from freak_core.cli.commands.actions import call, checkpoint, validate
from freak_core.cli.commands.describe import describe
from freak_core.cli.commands.follow import log, watch
from freak_core.cli.commands.metrics import metrics
from freak_core.cli.commands.reach import link, token, tunnel
from freak_core.cli.commands.runs import info, ls
from freak_core.cli.commands.state import get, reset, set_values
from freak_core.cli.commands.training import pause, resume, stop
from freak_core.cli.exit_codes import Commands
from freak_core.cli.send_and_wait import cancel

EPILOG = """Which run: --run, or FREAK_RUN in the environment; without either, the only live one.

Exit codes: 0 applied, 1 failed, 2 usage, 3 no such run or unreachable, 4 refused, 5 not in time, 6 access, 7
revision conflict, 130 given up."""

app = typer.Typer(
    name="freak",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EPILOG,
)


def _version(asked: bool) -> None:
    if asked:
        print(metadata.version("freak-control"))  # noqa: T201
        raise typer.Exit


@app.callback()
def freak(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which Freak this is.")
    ] = False,
) -> None:
    """Read and steer running programs."""


FINDING, STEERING, TRAINING = "Finding runs", "Reading and steering", "Trainings"

for panel, commands in {
    FINDING: {"ls": ls, "info": info, "open": link, "tunnel": tunnel, "token": token},
    STEERING: {
        "get": get,
        "describe": describe,
        "set": set_values,
        "reset": reset,
        "call": call,
        "cancel": cancel,
    }
    | {"metrics": metrics, "watch": watch, "log": log},
    TRAINING: {"stop": stop, "checkpoint": checkpoint, "pause": pause, "resume": resume}
    | {"validate": validate},
}.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)


def main() -> None:
    """Run the command that the arguments name, and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where a locale has no arrow
    app(prog_name="freak")
