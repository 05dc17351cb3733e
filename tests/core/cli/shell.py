"""The command line, as tests call it: in this process, with what it printed and how it exited."""

import json
from typing import Any

from typer.testing import CliRunner

from freak_core.cli.app import app


class Ran:
    """What a command printed, and its exit code."""

    def __init__(self, arguments: tuple[str, ...], stdin: str | None) -> None:
        result = CliRunner().invoke(app, list(arguments), prog_name="freak", input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def freak(*arguments: str, code: int = 0, stdin: str | None = None) -> Ran:
    """Run ``freak`` with these arguments; it must exit with ``code``."""
    ran = Ran(arguments, stdin)
    assert ran.code == code, f"exit {ran.code}, not {code}\n{ran.out}\n{ran.err}"
    return ran
