"""The page of the command line: every command with every argument and option, from typer."""

from collections.abc import Iterator
from typing import Any, get_args

from typer.main import get_command

from freak_core.cli.app import app
from freak_core.cli.exit_codes import ExitCode
from tests.docs.reference.docstrings import cell, table

INTRO = """\
Every command of `freak`, with every argument and option; `freak COMMAND --help` prints the same.
[scripts.md](../scripts.md) shows how to use the commands in scripts."""


class CommandsPage:
    """Writes the commands, and collects the options that have no help."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self._group: Any = get_command(app)

    def text(self) -> str:
        """Return the page."""
        which_run, _ = self._paragraphs(self._group.epilog)
        parts = ["# Command line", INTRO, which_run, "## Exit codes", _exit_codes()]
        parts += ["## freak", *self._command("freak", self._group)]
        for name, command in self._group.commands.items():
            parts += [f"## freak {name}", *self._command(name, command)]
        return "\n\n".join(parts) + "\n"

    def _command(self, name: str, command: Any) -> Iterator[str]:
        yield from self._paragraphs(command.help)
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        options = [each for each in command.params if each.param_type_name == "option"]
        rows = [(f"`{_metavar(each)}`", "", self._about(name, each)) for each in arguments]
        rows += [(_spelling(each), _default(each), self._about(name, each)) for each in options]
        yield table(("argument or option", "default", "about"), rows)

    def _about(self, command: str, parameter: Any) -> str:
        told = parameter.help
        if not told:
            self.missing.append(f"freak {command}: {_metavar(parameter)}")
            told = "**undocumented**"
        variable = f" From the environment: `{parameter.envvar}`." if parameter.envvar else ""
        return cell(told + variable)

    @staticmethod
    def _paragraphs(text: str | None) -> list[str]:
        return [" ".join(each.split()) for each in (text or "").split("\n\n") if each.strip()]


def _exit_codes() -> str:
    return table(("exit code", "means"), [(f"{code:d}", code.meaning) for code in ExitCode])


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _spelling(option: Any) -> str:
    return cell(", ".join(f"`{name}{_value(option)}`" for name in option.opts))


def _value(option: Any) -> str:
    """Return what follows the name of an option; nothing for a flag."""
    annotation = option.type_descriptor.annotation
    if option.is_flag:
        return ""
    if option.metavar:
        return f" {option.metavar}"
    kind = getattr(annotation, "__name__", "value").upper()
    return f" {'|'.join(get_args(annotation)) or {'STR': 'TEXT'}.get(kind, kind)}"


def _default(option: Any) -> str:
    return (
        "" if option.is_flag or option.default is None or callable(option.default) else f"`{option.default}`"
    )
