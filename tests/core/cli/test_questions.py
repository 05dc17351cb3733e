"""Commands that ask for confirmation, and when."""

import contextlib
import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from freak_core import Freak
from tests.core.cli.shell import freak
from tests.core.steered import Steered


@contextlib.contextmanager
def at_a_terminal(*arguments: str, **ends: Any) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Run ``freak`` at a terminal of its own, with these ends elsewhere; gives process and keyboard."""
    outer, inner = pty.openpty()
    command = ["setsid", "--ctty", "--wait", sys.executable, "-m", "freak_core.cli", *arguments]
    ends = {"stdin": inner, "stdout": inner, "stderr": inner, **ends}
    with subprocess.Popen(command, **ends) as started:
        os.close(inner)
        try:
            yield started, outer
        finally:
            started.wait(30)
            os.close(outer)


def asked(keyboard: int) -> str:
    """Return what is to be read up to the question."""
    seen = b""
    while b"[y/N]" not in seen:
        assert select.select([keyboard], [], [], 60)[0], f"no question in: {seen!r}"
        seen += os.read(keyboard, 4096)
    return seen.decode()


def typed(answer: str, keyboard: int, started: "subprocess.Popen[bytes]") -> int:
    """Type an answer until it is taken, as somebody would; return how the command exits.

    A Ctrl-C right before ``input()`` begins to read is noticed by Python with the next key only.
    """
    for _ in range(12):
        os.write(keyboard, answer.encode())
        with contextlib.suppress(subprocess.TimeoutExpired):
            return started.wait(5)
    raise AssertionError(f"{answer!r} is not taken")


@pytest.mark.parametrize("answer", ["\x03", "n\n"])
def test_a_question_ends_with_130_on_ctrl_c_and_on_no(state: Steered, answer: str) -> None:
    freak("set", "epochs=20")
    with at_a_terminal("reset") as (started, keyboard):
        asked(keyboard)
        assert typed(answer, keyboard, started) == 130
    assert state.epochs == 20


def test_a_no_is_told_as_data(state: Steered) -> None:
    with at_a_terminal("reset", "--json", stdout=subprocess.PIPE) as (started, keyboard):
        asked(keyboard)
        os.write(keyboard, b"n\n")
        assert started.stdout is not None
        assert json.load(started.stdout)["title"] == "Interrupted"
        assert started.wait(30) == 130


def test_a_question_is_asked_at_the_terminal_wherever_stderr_goes(state: Steered) -> None:
    freak("set", "epochs=20")
    for answer, code, epochs in (("n\n", 130, 20), ("y\n", 0, 10)):
        with at_a_terminal("reset", stderr=subprocess.DEVNULL) as (started, keyboard):
            assert "whole state" in asked(keyboard)
            os.write(keyboard, answer.encode())
            assert started.wait(30) == code
        assert state.epochs == epochs


def test_where_nothing_can_be_asked_at_a_terminal_yes_is_needed(state: Steered) -> None:
    freak("set", "epochs=20")
    outer, inner = pty.openpty()  # the terminal of nobody: it controls no process
    command = ["setsid", "--wait", sys.executable, "-m", "freak_core.cli", "reset"]
    try:
        refused = subprocess.run(command, stdin=inner, stderr=subprocess.PIPE, timeout=30, check=False)
        assert refused.returncode == 2
        assert b"--yes" in refused.stderr
        assert state.epochs == 20
        subprocess.run([*command, "--yes"], stdin=inner, timeout=30, check=True)
        assert state.epochs == 10
    finally:
        os.close(outer)
        os.close(inner)


def test_an_action_that_is_hard_to_take_back_is_asked_about(program: Freak) -> None:
    forgotten = []

    @program.action(confirm=True)
    def forget() -> None:
        forgotten.append(True)

    with at_a_terminal("call", "forget") as (started, keyboard):
        assert "forget" in asked(keyboard)
        os.write(keyboard, b"n\n")
        assert started.wait(30) == 130
    assert not forgotten
    with at_a_terminal("call", "forget", "--yes") as (started, _):
        assert started.wait(30) == 0
    freak("call", "forget")  # a script is not asked
    assert len(forgotten) == 2
