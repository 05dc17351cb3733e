"""What is printed: data on stdout, messages on stderr; colours and questions on a terminal only."""

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import IO, TextIO

import typer
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from freak_core.errors import Refused
from freak_core.text import paths
from freak_core.text.printable import harmless, one_line

_AFTER_ASCII = re.compile("[\x7f-\x9f\ud800-\udfff]")


def say(text: str, style: str = "") -> None:
    """Print a message on stderr."""
    _print(_console(sys.stderr), harmless(text), style)


def show(text: str, style: str = "") -> None:
    """Print one line of data on stdout; a newline in it is escaped, and so is what a terminal obeys."""
    _print(_console(sys.stdout), one_line(text), style)


def show_text(text: str) -> None:
    """Print data of several lines on stdout; what a terminal obeys is escaped."""
    _print(_console(sys.stdout), harmless(text), "")


_under_spinner: ContextVar[Console | None] = ContextVar("_under_spinner", default=None)
"""The console that shows a spinner: only this one prints a line above it."""


def _print(console: Console, text: str, style: str) -> None:
    if console.is_terminal:
        (_under_spinner.get() or console).print(Text(text, style), soft_wrap=True)
    else:  # not with rich, which drops some characters
        _write(console.file, text)


def _write(file: IO[str], text: str) -> None:
    """Write a line; if nobody reads it any more, as after ``| head``, end the command.

    Raises:
        typer.Exit: with 0, the reader has closed the pipe.
    """
    try:
        file.write(f"{text}\n")
        file.flush()
    except BrokenPipeError:
        with Path(os.devnull).open("wb") as nowhere:  # what is buffered is written when Python ends
            os.dup2(nowhere.fileno(), file.fileno())
        raise typer.Exit(0) from None


def show_json(value: object, *, line: bool = False) -> None:
    """Print data as JSON, indented or as one line."""
    _write(sys.stdout, _json(value, indent=None if line else 2))


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns that are aligned and never cut."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (header, *rows))
    _print(_console(sys.stdout), "\n".join(lines), "")


def show_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, one per line, without those that are None or empty."""
    known = {name: value for name, value in facts.items() if value not in (None, "", {}, [])}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        show(f"{name + ':':{width + 1}} {value if isinstance(value, str) else compact(value)}")


def compact(value: object) -> str:
    """Return a value as JSON on one line."""
    return _json(value)


def measured(value: object, nothing: str = "nan") -> str:
    """Return the value of a metric with four digits; ``nothing`` for None, which stands for NaN in JSON."""
    if value is None:
        return nothing
    return f"{value:.4g}" if isinstance(value, float) else compact(value)


def _json(value: object, indent: int | None = None) -> str:
    """Return a value as JSON in which the control characters that JSON allows are escaped, too.

    So is everything but ASCII where the locale's encoding lacks a character.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "utf-8", "surrogatepass")
    except (UnicodeEncodeError, LookupError):
        return json.dumps(value, indent=indent)
    return _AFTER_ASCII.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def complain(refused: Refused, *, as_json: bool) -> None:
    """Print an error on stderr; with ``as_json`` also its problem document on stdout, as one line."""
    say(f"freak: {refused.detail}", "red")
    for error in refused.errors:
        what = f"{dotted(error['path']) or 'the whole state'}: {error['message']}"
        say(f"  {one_line(what)}", "red")
    if as_json:
        show_json(refused.problem(), line=True)


def dotted(pointer: str) -> str:
    """Return the path of a JSON Pointer with dots, as people type it."""
    return paths.to_dots(paths.from_pointer(pointer))


def confirm(question: str, *, yes: bool) -> None:
    """Ask for confirmation, unless ``yes`` or stdin is not a terminal.

    Raises:
        typer.Abort: the answer was no, Ctrl-C, or the end of the input.
        typer.BadParameter: stdin is a terminal, but the question cannot be shown.
    """
    if yes or not sys.stdin.isatty():
        return
    with contextlib.ExitStack() as stack:
        if not sys.stderr.isatty():  # ask on the terminal itself: stderr is in a file or a pipe
            try:
                terminal = stack.enter_context(Path("/dev/tty").open("w", errors="backslashreplace"))
            except OSError:
                raise typer.BadParameter(f"{question} There is no terminal to ask on; use --yes") from None
            stack.enter_context(contextlib.redirect_stderr(terminal))
        typer.confirm(question, err=True, abort=True)


@contextlib.contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner with a text, on a terminal only; yields a function that changes the text."""
    console = _console(sys.stderr)
    if not console.is_terminal:
        yield lambda _: None
        return
    spinner = Spinner("dots", Text(one_line(text)))
    on_screen = sys.stdout.isatty()  # if not, rich must leave stdout and stderr as they are
    with Live(spinner, console=console, transient=True, redirect_stdout=on_screen, redirect_stderr=on_screen):
        before = _under_spinner.set(console)
        try:
            yield lambda new: spinner.update(text=Text(one_line(new)))
        finally:
            _under_spinner.reset(before)


def _console(file: TextIO) -> Console:
    return Console(file=file, highlight=False)
