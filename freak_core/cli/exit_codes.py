"""The exit codes: what a script can tell without reading.

====  ====================================================
0     applied (or read, valid in a dry run, kept back)
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
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from freak_core.cli.terminal import complain, show_json
from freak_core.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    Failed,
    Malformed,
    NotFound,
    Refused,
    Unauthorized,
    Unreachable,
)

FAILED, USAGE, NO_RUN, REFUSED, PENDING, ACCESS, CONFLICT, INTERRUPTED = 1, 2, 3, 4, 5, 6, 7, 130


class NoSuchRun(NotFound):
    """404: no live run goes by that name, or more than one does."""


class Unanswered(Unreachable):
    """503: the program does not answer in time; it may still carry the request out."""


class GivenUp(Refused):
    """499: somebody pressed Ctrl-C, or said no at a question."""

    status, title = 499, "Given up"


class Misused(Malformed):
    """400: the command line makes no sense."""

    title = "Usage"


_CODES: Sequence[tuple[tuple[type[Refused], ...], int]] = (
    ((Misused,), USAGE),
    ((GivenUp,), INTERRUPTED),
    ((Unanswered,), PENDING),
    ((NoSuchRun, Unreachable), NO_RUN),
    ((Unauthorized, AccessDenied), ACCESS),
    ((Conflict,), CONFLICT),
    ((Failed,), FAILED),
)


def code_of(refused: Refused) -> int:
    """Return the exit code that an error stands for."""
    over = refused.status == 409 and (refused.receipt or {}).get("status") == "failed"
    usual = FAILED if over else REFUSED
    return next((code for kinds, code in _CODES if isinstance(refused, kinds)), usual)


def exits(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command tell its errors on stderr, as a problem document with ``--json``, and exit by them."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            try:
                command(*args, **options)
            except ConfigurationError as wrong:
                raise Misused(str(wrong)) from None
            except (KeyboardInterrupt, typer.Abort):  # the latter at a question
                raise GivenUp("given up") from None
        except Refused as refused:
            complain(refused, as_json=options.get("as_json", False))
            raise typer.Exit(code_of(refused)) from None

    return run


_USAGE_ERROR: Any = typer.BadParameter.__base__  # of click, which newer typers bring along


class Commands(TyperGroup):
    """The commands; what makes no sense on their lines is told with ``--json``, too."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named; typer tells people what is wrong with its line."""
        as_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except _USAGE_ERROR as wrong:
            if as_json:
                show_json(Misused(wrong.format_message()).problem(), line=True)
            raise
