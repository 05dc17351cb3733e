"""``freak ls``, ``info``, ``watch`` and ``log``."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freak_core import Client, Freak, Receipt
from freak_core.cli.commands.follow import event_line
from freak_core.client.retries import Event
from freak_core.runs.live_runs import list_runs
from freak_core.runs.run_file import publish
from freak_core.runs.run_folder import RunFolder
from tests.core.cli.shell import freak
from tests.core.cli.test_terminal import on_a_terminal
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
from tests.core.steered import Steered
from tests.waiting import eventually


def test_runs_are_listed_with_state_and_progress(program: Freak) -> None:
    program.phase("training")
    program.publish(step=12, epoch=3)
    eventually(lambda: freak("ls", "--json").json[0].get("step") == 12)
    header, row = freak("ls").out.splitlines()
    assert header.split()[:5] == ["NAME", "ID", "STATE", "EPOCH", "STEP"]
    assert row.split()[:5] == ["prog", program.id, "training", "3", "12"]
    assert header.split()[-2:] == ["HOST", "URL"]
    assert row.split()[-2:] == [socket.gethostname(), program.url]
    assert "no answer" not in row
    told = freak("info").out
    for text in ("training", "12", "weights", "add", program.url):
        assert text in told
    assert program.token not in told


def test_facts_are_those_of_the_run_and_not_of_the_token_that_looks(program: Freak) -> None:
    for facts in (freak("info", "--json").json, *freak("ls", "--json").json):
        assert "access" not in facts


def test_how_long_it_takes_yet_is_told_as_a_duration_while_it_goes_on(served: Serve) -> None:
    program = served()
    for phase, eta in (("training", ["eta:", "18m"]), ("paused", None)):
        program.phase(phase, eta_s=1110.3)
        with Client(program.link) as client:
            client.wait_for(phase=phase)
        lines = [line.split() for line in freak("info").out.splitlines() if line.startswith("eta")]
        assert lines == ([eta] if eta else [])
    assert freak("info", "--json").json["eta_s"] == 1110.3


def test_a_program_that_does_not_answer_is_listed_as_starting_and_later_as_such(served: Serve) -> None:
    program = served()
    assert program.server_pid is not None
    os.kill(program.server_pid, signal.SIGSTOP)
    try:
        assert freak("ls", "--json").json[0]["state"] == "starting"
        (run,) = list_runs()
        config = RunFolder(run.id).path / "config.json"
        before = config.read_bytes() if config.exists() else b"{}"
        config.unlink(missing_ok=True)
        publish(
            run.model_copy(update={"started_at": (datetime.now(UTC) - timedelta(seconds=20)).isoformat()})
        )
        assert freak("ls", "--json").json[0]["state"] == "starting"  # its server has not begun its folder
        config.write_bytes(before)
        assert freak("ls", "--json").json[0]["state"] == "no answer"
        publish(run.model_copy(update={"started_at": "2026-01-01T00:00:00Z"}))
        assert freak("ls", "--json").json[0]["state"] == "no answer"
    finally:
        os.kill(program.server_pid, signal.SIGCONT)


def test_a_run_that_is_just_ending_is_listed_as_such(served: Serve) -> None:
    program = recorded(served())
    (run,) = list_runs()
    program.stop(RuntimeError("it broke"))
    for started_at, folder in (("2026-01-01T00:00:00Z", True), ("2026-01-01T00:00:00Z", False)):
        if not folder:
            shutil.rmtree(RunFolder(run.id).path)
        publish(run.model_copy(update={"started_at": started_at}))  # as long as it is not removed yet
        assert freak("ls", "--json").json[0]["state"] == ("failed" if folder else "ending")


def test_lines_and_the_spinner_have_lines_of_their_own_on_a_terminal(served: Serve) -> None:
    program = recorded(served(name="seen"))
    freak("set", "epochs=20")
    program.log({"loss": 0.5})
    program.publish(step=3, epoch=None, acc=0.25)
    program.phase("training", total_steps=7, deep={"a": [1]})
    program.stop()
    lines = on_a_terminal("watch", "seen", "--since", "0").split("\r\n")
    shown = [line.rpartition("\r\x1b[2K")[2] for line in lines]
    for what in (
        r"[\d:]{8}  loss 0.5",
        r"[\d:]{8}  step 3  acc 0.25",
        r"[\d:]{8}  #1 patch: .*",
        "run: finished",
    ):
        assert [line for line in shown if re.fullmatch(what, line)], (what, lines)
    assert not [line for line in shown if "None" in line or '{"' in line]
    assert "\u280b" not in on_a_terminal("watch", "seen", "--since", "0", "--json")


def test_what_a_run_says_of_itself_is_told_in_words() -> None:
    facts = {"phase": "training", "total_steps": 7, "eta_s": None, "deep": {"a": 1}, "loss": 0.123456}
    assert event_line(Event("1", "run", facts)) == "run: training, total steps 7, deep …, loss 0.1235"
    assert event_line(Event("1", "progress", {"step": None, "epoch": 2})) == "epoch 2"
    reset = {"revision": 1, "value": {"a": 1}, "run": {"phase": "paused", "step": 3}}
    state = {"revision": 4, "value": {"lr": {"hold": None}, "sizes": [1, 2], "name": "a b"}}
    words = 'state: revision 4, lr.hold null, sizes.0 1, sizes.1 2, name "a b"'
    assert event_line(Event("1", "state", state)) == words
    assert event_line(Event("1", "reset", reset)) == "events are missing here; run: paused, step 3"


def test_watch_follows_a_run_to_its_end(served: Serve) -> None:
    program = served(name="brief")
    freak("set", "epochs=20")
    program.publish(step=1, loss=0.5, broken=float("nan"))
    command = [sys.executable, "-m", "freak_core.cli", "watch", "--since", "0"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([*command, "--json"], **pipes) as script,
        subprocess.Popen(command, **pipes) as person,
    ):
        assert script.stdout
        assert person.stdout
        assert person.stderr
        lines = [next(script.stdout) for _ in range(5)]
        read = next(person.stdout)
        program.stop()
        lines += script.stdout
        read += person.stdout.read()
        said = person.stderr.read()
        assert (script.wait(30), person.wait(30)) == (0, 0)
    events = [json.loads(line) for line in lines]
    assert {"receipt", "state", "metrics", "progress", "run"} <= {event["type"] for event in events}
    assert events[-1]["data"]["phase"] == "finished"
    assert "step 1  loss 0.5" in read
    assert "broken nan" in read
    assert "epochs 10 → 20" in read
    assert "ended: finished" in said
    journal = str(program.journal_path)
    assert "epochs 10 → 20" in freak("log", "--journal", journal).out
    assert [each["status"] for each in freak("log", "--journal", journal, "--json").json] == ["applied"]


@contextlib.contextmanager
def watching(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run ``freak watch``, and wait until it has printed something."""
    command = [sys.executable, "-m", "freak_core.cli", "watch", "--since", "0", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as watch:
        try:
            assert watch.stdout is not None
            assert next(watch.stdout)
            yield watch
        finally:
            watch.kill()


@pytest.mark.parametrize(
    "arguments", [("watch", "--since", "0"), ("watch", "--since", "0", "--json"), ("log",)]
)
def test_a_closed_pipe_ends_a_command_quietly(served: Serve, arguments: tuple[str, ...]) -> None:
    program = served()
    freak("set", "epochs=20")
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "freak_core.cli", *arguments]
    try:
        with subprocess.Popen(command, stdout=write, stderr=subprocess.PIPE, text=True) as ended:
            program.publish(step=1, loss=0.5)
            assert (ended.communicate(timeout=30)[1], ended.returncode) == ("", 0)
    finally:
        os.close(write)


def test_a_closed_pipe_hides_no_error(served: Serve) -> None:
    served()
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "freak_core.cli", "set", "epochs=x", "--json"]
    try:
        ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=30, check=False)
    finally:
        os.close(write)
    assert (ended.returncode, b"not valid" in ended.stderr) == (4, True)


@pytest.mark.parametrize(
    ("error", "code"), [(None, 0), (RuntimeError("it broke"), 1), (KeyboardInterrupt(), 1)]
)
@pytest.mark.parametrize("types", [(), ("--types", "metrics"), ("--json",)])
def test_watch_exits_by_how_the_run_ended(
    served: Serve, error: BaseException | None, code: int, types: tuple[str, ...]
) -> None:
    program = served()
    program.publish(step=1, loss=0.5)
    with watching(*types) as watch:
        program.stop(error)
        assert watch.wait(30) == code
        assert watch.stderr is not None
        assert "it broke" in watch.stderr.read() or not isinstance(error, RuntimeError)


PROGRAM = """
import sys
from freak_core import Freak
from tests.core.steered import Steered

with Freak(port=0, name="doomed").control(Steered()) as freak:
    freak.publish(step=1, loss=0.5)
    sys.stdin.read()
"""


def test_watch_exits_with_3_where_the_run_is_lost(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        with Client.find("doomed", wait=30):
            pass
        events = Client.events

        def killed_meanwhile(self: Client, *types: str, last_id: str | None = None) -> Iterator[Event]:
            for event in events(self, *types, last_id=last_id, reconnect=0.3):
                program.kill()
                yield event

        monkeypatch.setattr(Client, "events", killed_meanwhile)
        assert "ended: lost (ended without a word" in freak("watch", "--since", "0", code=3).err


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    assert "/nowhere" in freak("log", "--journal", "/nowhere", code=4).err
    assert "not a journal" in freak("log", "--journal", "/bin/ls", code=4).err
    bad = tmp_path / "bad.jsonl"
    header, torn, entry = '{"freak_journal": 1}', '{"id": "a"', '{"id": "a", "kind": "patch", "seq": "x"}'
    bad.write_text("\n".join((header, torn, entry)))
    assert f"{bad}, line 3: seq" in freak("log", "--journal", str(bad), code=4).err
    assert "line 3" in freak("log", "--journal", str(bad), "--json", code=4).json["detail"]


def test_metrics_are_shown_whatever_they_are() -> None:
    values = {"none": None, "text": "so so", "many": [1, 2], "loss": 0.123456, "yes": True}
    event = Event("1", "metrics", {"step": 3, "at": 0, "values": values})
    assert event_line(event).endswith('step 3  none nan  text "so so"  many [1, 2]  loss 0.1235  yes true')


def test_log_lists_the_newest_requests(state: Steered) -> None:
    for epochs in (20, 30, 40):
        freak("set", f"epochs={epochs}", "--note", f"to {epochs}")
    lines = freak("log", "-n", "2").out.splitlines()
    assert [line.partition("# ")[2] for line in lines] == ["to 30", "to 40"]
    receipts = [Receipt.model_validate(each) for each in freak("log", "--json").json]
    assert receipts[-1].note == "to 40"


def test_a_list_of_runs_is_empty_after_the_last(served: Serve) -> None:
    served().stop()
    assert list_runs() == []
    assert "no live runs" in freak("ls").err
