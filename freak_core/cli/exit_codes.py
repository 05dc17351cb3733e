"""The exit codes: what a script can tell without reading.

====  ====================================================
0     applied (or read, or valid in a dry run)
1     failed: the program tried and could not
2     usage: the command line makes no sense
3     no such run, more than one, or it does not answer
4     refused: nothing was changed
5     accepted, and not yet applied when the time was over
6     access: no token, a wrong one, or one that may not
7     conflict: the state has moved on since ``--if-match``
130   given up: Ctrl-C, or no at a question
====  ====================================================
"""

import functools
from collections.abc import Callable
from typing import Any

import typer

from freak_core.cli.terminal import complain, say
from freak_core.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    Failed,
    NotFound,
    Refused,
    Unauthorized,
    Unreachable,
)

FAILED, USAGE, NO_RUN, REFUSED, PENDING, ACCESS, CONFLICT, INTERRUPTED = 1, 2, 3, 4, 5, 6, 7, 130


class NoSuchRun(NotFound):
    """404: no live run goes by that name, or more than one does."""


def code_of(refused: Refused) -> int:
    """Return the exit code that an error stands for."""
    match refused:
        case NoSuchRun() | Unreachable():
            return NO_RUN
        case Unauthorized() | AccessDenied():
            return ACCESS
        case Conflict():
            return CONFLICT
        case Failed():
            return FAILED
        case _:
            over = refused.status == 409 and (refused.receipt or {}).get("status") == "failed"
            return FAILED if over else REFUSED


def exits(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command tell its errors on stderr, as a problem document with ``--json``, and exit by them."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except Refused as refused:
            complain(refused, as_json=options.get("as_json", False))
            raise typer.Exit(code_of(refused)) from None
        except ConfigurationError as wrong:
            say(f"freak: {wrong}", "red")
            raise typer.Exit(USAGE) from None
        except (KeyboardInterrupt, typer.Abort):  # the latter at a question
            say("given up")
            raise typer.Exit(INTERRUPTED) from None

    return run
