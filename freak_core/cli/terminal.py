"""The terminal: data on stdout, talk on stderr, colour and questions only where a person looks."""

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from freak_core import paths
from freak_core.errors import Refused

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_AFTER_ASCII = re.compile(r"[\x7f-\x9f]")


def say(text: str, style: str = "") -> None:
    """Tell a person something, on stderr."""
    _print(_console(sys.stderr), text, style)


def show(text: str, style: str = "") -> None:
    """Print data, on stdout; on a terminal, control characters are escaped: others wrote them."""
    _print(_console(sys.stdout), text, style)


def _print(console: Console, text: str, style: str) -> None:
    if console.is_terminal:
        console.print(Text(harmless(text), style), soft_wrap=True)
    else:  # as it is: rich drops some characters
        console.file.write(f"{text}\n")
        console.file.flush()


def harmless(text: str) -> str:
    """Return a text for a terminal: escaped are the characters, but tab and newline, that steer it."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def show_json(value: Any, *, line: bool = False) -> None:
    """Print data as JSON, for people to read or as one line."""
    sys.stdout.write(_json(value, indent=None if line else 2) + "\n")
    sys.stdout.flush()


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, aligned and never cut."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def show_facts(facts: dict[str, Any]) -> None:
    """Print names and values, one a line; what is None or empty is left out."""
    known = {name: value for name, value in facts.items() if value not in (None, "", {}, [])}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        show(f"{name + ':':{width + 1}} {value if isinstance(value, str) else compact(value)}")


def compact(value: Any) -> str:
    """Return a value as JSON on one line."""
    return _json(value)


def measured(value: Any, nothing: str = "nan") -> str:
    """Return a metric's value with four digits; what is not finite comes as null, since JSON has no NaN."""
    if value is None:
        return nothing
    return f"{value:.4g}" if isinstance(value, float) else compact(value)


def _json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON; escaped is what JSON takes as it is and a terminal as a command."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _AFTER_ASCII.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def complain(refused: Refused, *, as_json: bool) -> None:
    """Say what is wrong and where; with ``as_json`` the problem document is data, too: a line."""
    say(f"freak: {refused.detail}", "red")
    for error in refused.errors:
        say(f"  {dotted(error['path']) or 'the whole'}: {error['message']}", "red")
    if as_json:
        show_json(refused.problem(), line=True)


def dotted(pointer: str) -> str:
    """Return the path of a JSON Pointer with dots, as one types it."""
    return paths.to_dots(paths.from_pointer(pointer))


def confirm(question: str, *, yes: bool) -> None:
    """Ask whether to go on, where somebody can answer; ``yes`` is the answer beforehand.

    Raises:
        typer.Abort: the answer was no, Ctrl-C, or the end of the input.
        typer.BadParameter: somebody could answer, and there is nowhere to ask.
    """
    if yes or not sys.stdin.isatty():
        return
    with contextlib.ExitStack() as stack:
        if not sys.stderr.isatty():  # where that goes, nobody would see the question
            try:
                terminal = stack.enter_context(Path("/dev/tty").open("w"))
            except OSError:
                raise typer.BadParameter(f"{question} There is nowhere to ask; use --yes") from None
            stack.enter_context(contextlib.redirect_stderr(terminal))
        typer.confirm(question, err=True, abort=True)


@contextlib.contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that something is awaited; gives a function that changes the text."""
    console = _console(sys.stderr)
    if not console.is_terminal:
        yield lambda _: None
        return
    spinner = Spinner("dots", Text(harmless(text)))
    on_screen = (
        sys.stdout.isatty()
    )  # else data would be drawn above the spinner instead of going where it shall
    with Live(spinner, console=console, transient=True, redirect_stdout=on_screen, redirect_stderr=on_screen):
        yield lambda new: spinner.update(text=Text(harmless(new)))


def _console(file: Any) -> Console:
    return Console(file=file, highlight=False)
