"""Text from a run must not contain control characters that the terminal obeys."""

import json
import os
import pty
import subprocess
import sys

from freak_core import Freak
from tests.core.cli.shell import freak
from tests.core.conftest import Serve, connection
from tests.core.steered import Steered
from tests.waiting import eventually

ATTACK = "a\x1b]0;owned\x07b\x9b2Jc\td"


def on_a_terminal(*arguments: str) -> str:
    """Return all that ``freak`` writes to a terminal that is its stdout and its stderr."""
    outer, inner = pty.openpty()
    command = [sys.executable, "-m", "freak_core.cli", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=inner, stderr=inner) as started:
        os.close(inner)
        written = b""
        try:
            while piece := os.read(outer, 4096):
                written += piece
        except OSError:  # how a terminal tells that nobody writes there any more
            pass
        finally:
            os.close(outer)
        started.wait(30)
    return written.decode()


def test_control_characters_reach_neither_a_pipe_nor_a_terminal(state: Steered) -> None:
    freak("set", f"name={json.dumps(ATTACK)}")
    assert freak("get", "name").out == "a\\x1b]0;owned\\x07b\\x9b2Jc\td\n"
    seen = on_a_terminal("get", "name")
    assert "a\\x1b]0;owned\\x07b\\x9b2Jc" in seen
    assert "d" in seen.partition("2Jc")[2]
    assert not {"\x1b", "\x07", "\x9b"} & set(seen)


def test_a_runs_name_and_an_error_cannot_steer_a_terminal(served: Serve) -> None:
    served(name=ATTACK)
    for arguments in (("ls",), ("info",)):
        seen = on_a_terminal(*arguments)
        assert "owned" in seen
        assert "\x1b]" not in seen
        assert "\x9b" not in seen
    assert "\x1b]" not in on_a_terminal("get", "\x1b]0;owned\x07")


ODD = ["\u202e", "\u2066", "\u200f", "\u2028", "\u2029", "\x85", "\n", "\t", "\r", "\x1b"]


def test_a_name_of_a_run_is_one_row_whatever_is_in_it(served: Serve) -> None:
    served(name=f"na{''.join(ODD)}me")
    listed = freak("ls").out
    assert len(listed.splitlines()) == 2
    assert not {*ODD} - {"\n"} & {*listed}
    refused = freak("info", "nowhere", code=3).err
    assert sum("me (" in line for line in refused.splitlines()) == 1


def test_names_of_metrics_and_keys_are_one_row_whatever_is_in_them(served: Serve) -> None:
    odd = "".join(ODD)
    program = served()
    program.log({f"lo{odd}ss": 1.0}, step=1)
    with connection(program) as http:
        http.put("/state/weights", json={f"k{odd}ey": 1.0}, params={"wait": 10}).raise_for_status()
        eventually(lambda: http.get("/series").json(), within=20, what="a metric")
    for arguments, rows in ((("metrics",), 2), (("log",), 1)):
        shown = freak(*arguments).out
        assert len(shown.splitlines()) == rows, shown
        assert not {*ODD} - {"\n"} & {*shown}
    assert f"k{odd}ey" in freak("get", "weights").json


def test_json_has_no_control_characters_at_all(state: Steered) -> None:
    freak("set", f"name={json.dumps(ATTACK)}")
    for arguments in (("get", "name", "--json"), ("get",)):
        ran = freak(*arguments)
        assert "\\u009b" in ran.out
        assert "\x9b" not in ran.out
    assert freak("get").json["name"] == ATTACK


def test_a_note_is_one_line_without_control_characters(program: Freak, state: Steered) -> None:
    freak("set", "epochs=20", "--note", f"{ATTACK}\nü")
    note = freak("log", "--json").json[-1]["note"]
    assert note == "a ]0;owned b 2Jc d ü"
    with connection(program) as http:
        http.patch("/state", json={"epochs": 30}, params={"note": "x\x1by", "wait": 10})
    assert freak("log", "--json").json[-1]["note"] == "x y"
