"""The command ``freak``: all commands with their names."""

import io
import os
import signal
import sys
from collections.abc import Callable
from importlib import metadata
from types import FrameType
from typing import Annotated

import typer

from freak_core.cli.commands.actions import call, checkpoint, validate
from freak_core.cli.commands.cancel import cancel
from freak_core.cli.commands.compare import compare
from freak_core.cli.commands.describe import describe
from freak_core.cli.commands.export import export
from freak_core.cli.commands.follow import log, watch
from freak_core.cli.commands.metrics import metrics
from freak_core.cli.commands.prune import prune
from freak_core.cli.commands.reach import link, token, tunnel
from freak_core.cli.commands.runs import info, ls
from freak_core.cli.commands.state import get, patch, reset, set_values
from freak_core.cli.commands.training import pause, resume, stop
from freak_core.cli.commands.ui import ui
from freak_core.cli.exit_codes import Commands, ExitCode, exits
from freak_core.cli.options import with_options

EPILOG = f"""Which run: --run, or the environment variable FREAK_RUN. Default: the only live run.

Exit codes: {". ".join(f"{code:d} {code.meaning}" for code in ExitCode)}."""

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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version of Freak.")
    ] = False,
) -> None:
    """Read and change running programs."""


COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Find runs": {"ui": ui, "ls": ls, "info": info, "open": link, "tunnel": tunnel, "token": token},
    "Read and change a run": {
        "get": get,
        "describe": describe,
        "set": set_values,
        "patch": patch,
        "reset": reset,
        "call": call,
        "cancel": cancel,
        "metrics": metrics,
        "watch": watch,
        "log": log,
    },
    "Look back": {"compare": compare, "export": export, "prune": prune},
    "Control a training": {
        "stop": stop,
        "checkpoint": checkpoint,
        "pause": pause,
        "resume": resume,
        "validate": validate,
    },
}
"""The commands by name, in the groups of ``freak --help``."""

NEVER_CONNECT = ("open", "tunnel", "token", "prune")
"""The commands that ask no run on another machine."""

for group, commands in COMMANDS.items():
    for name, command in commands.items():
        connects = name not in NEVER_CONNECT
        app.command(name, rich_help_panel=group)(exits(with_options(command, connects=connects)))


def main() -> None:
    """Run the command on the command line, and exit with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # some locales have no arrow
    for ending in (signal.SIGTERM, signal.SIGHUP):  # what the command has started ends with it, in order
        if signal.getsignal(ending) is signal.SIG_DFL:
            signal.signal(ending, _ends)
    sys.argv[1:] = map(_typed, sys.argv[1:])
    app(prog_name="freak")


def _ends(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _typed(argument: str) -> str:
    """Return an argument as it was typed, where the terminal knows UTF-8 and the locale does not."""
    try:
        return argument if argument.isprintable() else os.fsencode(argument).decode()
    except UnicodeError:
        return argument
