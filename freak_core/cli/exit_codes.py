"""The exit codes of ``freak``, and which error has which."""

import contextlib
import functools
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, ClassVar, ParamSpec, Self

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
    PatchTestFailed,
    Refused,
    Unauthorized,
    Unreachable,
)

Parameters = ParamSpec("Parameters")


class ExitCode(IntEnum):
    """An exit code; ``meaning`` is what it tells a script."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Make a code with its meaning."""
        self = int.__new__(cls, code)
        self._value_ = code
        self.meaning = meaning
        return self

    DONE = 0, "applied, read, cancelled, valid in a dry run, or accepted for later; freak stop: stopped"
    FAILED = (
        1,
        "failed: the program raised an error; freak stop: the checkpoint was not saved; "
        "freak watch: the run failed, was interrupted, or exited",
    )
    USAGE = 2, "usage: the command line is not valid"
    NO_RUN = 3, "no such run, several such runs, or no answer; freak watch: the run was lost"
    REFUSED = 4, "refused: nothing was changed"
    PENDING = 5, "accepted, and not applied within --wait; freak stop: not stopped yet"
    ACCESS = 6, "access denied: no token, an invalid token, or a read-only token"
    CONFLICT = 7, "conflict: the state has changed since --if-match, or a test of a patch failed"
    INTERRUPTED = 130, "interrupted: Ctrl-C, or the question was not answered with yes"


class NoSuchRun(NotFound):
    """404: no live run or several live runs have this name."""


class Unanswered(Unreachable):
    """503: the program does not answer in time; it may have begun with the request."""


class Interrupted(Refused):
    """499: somebody pressed Ctrl-C, or did not confirm."""

    status: ClassVar[int] = 499
    title: ClassVar[str] = "Interrupted"


class UsageError(Malformed):
    """400: the command line is not valid."""

    title = "Usage"


_CODES: Sequence[tuple[tuple[type[Refused], ...], ExitCode]] = (
    ((UsageError,), ExitCode.USAGE),
    ((Interrupted,), ExitCode.INTERRUPTED),
    ((Unanswered,), ExitCode.PENDING),
    ((NoSuchRun, Unreachable), ExitCode.NO_RUN),
    ((Unauthorized, AccessDenied), ExitCode.ACCESS),
    ((Conflict, PatchTestFailed), ExitCode.CONFLICT),
    ((Failed,), ExitCode.FAILED),
)


def code_of(refused: Refused) -> ExitCode:
    """Return the exit code of an error."""
    failed = refused.status == 409 and (refused.receipt or {}).get("status") == "failed"
    otherwise = ExitCode.FAILED if failed else ExitCode.REFUSED
    return next((code for kinds, code in _CODES if isinstance(refused, kinds)), otherwise)


def exits(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Return a command that prints its errors and exits with their codes.

    Errors go to stderr; with ``--json`` the problem document also goes to stdout.
    """

    @functools.wraps(command)
    def run(*args: Parameters.args, **options: Parameters.kwargs) -> None:
        try:
            try:
                command(*args, **options)
            except ConfigurationError as wrong:
                raise UsageError(str(wrong)) from None
            except (KeyboardInterrupt, typer.Abort):  # typer aborts when a confirmation is refused
                raise Interrupted("interrupted") from None
        except Refused as refused:
            with contextlib.suppress(typer.Exit):  # a closed pipe does not change the exit code of an error
                complain(refused, as_json=bool(options.get("as_json")))
            raise typer.Exit(code_of(refused)) from None

    return run


_USAGE_ERROR: Any = typer.BadParameter.__base__  # click's, which newer versions of typer contain


class Commands(TyperGroup):
    """The group of all commands; with ``--json`` it prints usage errors as problem documents, too."""

    def invoke(self, ctx: Any) -> object:
        """Run the command that was named; typer prints usage errors for people."""
        as_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except _USAGE_ERROR as wrong:
            if as_json:
                show_json(UsageError(wrong.format_message()).problem(), line=True)
            raise
