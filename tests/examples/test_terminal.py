"""A session at a terminal: the digits train on two ranks, and a person steers them with ``freak``."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.main import get_command

from freak_core.cli.app import app
from tests.examples.terminal import Terminal
from tests.waiting import eventually

pytestmark = [pytest.mark.ranks, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "run").mkdir()
    return folder


@pytest.fixture(scope="module")
def training(folder: Path) -> Iterator[Terminal]:
    """The terminal in which the training was started."""
    terminal = Terminal("training", folder)
    try:
        options = "--ranks 2 --epochs 10000 --step-seconds 0.05 --name digits --dir run"
        terminal.start(f"python {ROOT}/examples/digits.py {options}")
        terminal.until(r"accuracy 0\.\d+")
        yield terminal
    finally:
        terminal.close()


@pytest.fixture(scope="module")
def shell(training: Terminal, folder: Path) -> Iterator[Terminal]:
    """Another terminal, to steer it from."""
    terminal = Terminal("shell", folder)
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.fixture(scope="module")
def asked(shell: Terminal, folder: Path) -> Callable[..., Any]:
    """Return a function that runs a command with ``--json`` and returns what a script reads from it."""

    def asked(command: str, code: int = 0) -> Any:
        said = shell.run(f"freak {command} --json > out.json", code)
        assert bool(said) == bool(code), said
        return json.loads((folder / "out.json").read_text())

    return asked


def test_the_start_says_where_the_run_is_and_how_to_get_there(
    training: Terminal, shell: Terminal, asked: Callable[..., Any]
) -> None:
    screen = training.screen()
    link = re.search(r"http://127\.0\.0\.1:(\d+)/#token=\S+", screen)
    assert link
    assert f"ssh -N -L {link[1]}:127.0.0.1:{link[1]}" in screen
    assert screen.count("Freak controls") == 1  # the other rank says nothing
    assert shell.run("freak open").splitlines()[0] == link[0]
    assert shell.run("freak token").splitlines()[0] == link[0].partition("#token=")[2]
    assert shell.run("freak tunnel").startswith("ssh -N -L")
    assert asked("open") == {"link": link[0], "tunnel": None}
    assert asked("token") == {"token": link[0].partition("#token=")[2]}
    assert asked("tunnel")["tunnel"].startswith("ssh -N -L")


def test_the_run_is_listed_and_described(shell: Terminal, asked: Callable[..., Any]) -> None:
    assert re.search(
        r"^digits +\w{12} +(training|validating) +\d+ +\d+ ", shell.run("freak ls"), re.MULTILINE
    )
    (listed,) = asked("ls")
    described = asked(f"info {listed['id'][:6]}")
    assert described["world_size"] == 2
    assert {"checkpoint", "validate"} <= set(described["actions"])
    assert "digits" in shell.run("freak info")
    assert re.search(r"^lr\.hold +null +[\d.e-]+ +number ", shell.run("freak describe lr"), re.MULTILINE)
    assert "properties" in asked("describe")
    assert re.search(r"^name +null +string .* or null", shell.run("freak describe checkpoint"), re.MULTILINE)
    assert re.search(r"^lr-SGD\S* +[\d.e-]+ +\d+$", shell.run("freak metrics"), re.MULTILINE)
    assert any(name.startswith("lr-") for name in asked("metrics"))


def test_a_learning_rate_is_held_scaled_and_released(shell: Terminal, asked: Callable[..., Any]) -> None:
    said = shell.run("freak set lr.hold=3e-4 --note 'loss is jumping'")
    assert re.search(r"applied, at step \d+, on 2 ranks\n  lr\.hold: null → 0\.0003", said)
    assert shell.run("freak get lr.hold").startswith("0.0003\n")
    assert asked("get lr.hold") == 3e-4
    receipt = asked("set lr.hold=null lr.scale=0.5")
    assert (receipt["status"], receipt["applied"]["ranks"]) == ("applied", 2)
    assert asked("set lr.scale=0.25 --dry-run")["status"] == "valid"
    assert asked("reset lr")["changes"] == [{"path": "/lr/scale", "old": 0.5, "new": None}]
    replace = json.dumps([{"op": "replace", "path": "/lr/hold", "value": 0.001}])
    patched = asked(f"patch '{replace}'")
    assert patched["kind"] == "json_patch"
    assert "lr.hold: 0.001 → null" in shell.run("""freak patch '{"lr": {"hold": null}}'""")
    assert "# loss is jumping" in shell.run("freak log")
    assert asked("log")[-1]["kind"] == "patch"


def test_the_whole_state_is_put_back_only_after_a_question(
    shell: Terminal, asked: Callable[..., Any]
) -> None:
    shell.run("freak set lr.scale=0.5")
    for answer, code, scale in (("n", 130, 0.5), ("y", 0, None)):
        shell.start("freak reset 2> /dev/null")  # it is asked on the terminal all the same
        shell.until(r"whole state.*\[y/N\]")
        shell.type(answer)
        assert shell.ended() == code
        assert asked("get lr.scale") == scale
    shell.run("freak set lr.scale=0.5")
    assert asked("reset --yes")["changes"] == [{"path": "/lr/scale", "old": 0.5, "new": None}]


def test_a_pause_holds_every_rank_until_resumed(shell: Terminal, asked: Callable[..., Any]) -> None:
    shell.run("freak pause --reason lunch")
    assert asked("ls")[0]["state"] == "paused"
    assert asked("pause --reason tea 2> /dev/null")["status"] == "applied"
    assert asked("ls")[0]["state"] == "paused"
    assert "the training was paused already" in shell.run("freak pause")
    assert asked("resume")["status"] == "applied"
    assert "the training was not paused" in shell.run("freak resume")


@contextmanager
def in_the_way(checkpoints: Path) -> Iterator[None]:
    """Let a file be where checkpoints shall go."""
    aside = checkpoints.with_name("aside")
    if checkpoints.exists():
        checkpoints.rename(aside)
    checkpoints.write_text("in the way")
    try:
        yield
    finally:
        checkpoints.unlink()
        if aside.exists():
            aside.rename(checkpoints)


def test_a_validation_and_a_checkpoint_can_be_had_now(
    shell: Terminal, asked: Callable[..., Any], folder: Path
) -> None:
    assert 0 < asked("validate")["result"]["metrics"]["accuracy"] <= 1
    assert "accuracy" in shell.run("freak validate")
    with in_the_way(folder / "run" / "checkpoints"):
        assert "could not be saved" in shell.run("freak checkpoint", code=1)
        assert asked("call checkpoint", code=1)["receipt"]["status"] == "failed"
    assert "again" in shell.run("freak call checkpoint name=again")
    assert Path(asked("checkpoint --name before")["result"]["path"]).is_file()
    saved = asked("checkpoint --name again --weights-only --overwrite")["result"]
    assert (Path(saved["path"]).name, saved["replaced"]) == ("again.ckpt", True)


def test_what_goes_wrong_is_told_by_the_exit_code(shell: Terminal, asked: Callable[..., Any]) -> None:
    assert "PATH=VALUE" in shell.run("freak set lr.hold", code=2)
    assert "digits" in shell.run("freak get lr -r nobody", code=3)
    assert "no answer" in shell.run("freak get -r 'http://127.0.0.1:1/#token=x'", code=3)  # nobody listens
    assert "lr.hold" in shell.run("freak set lr.hold=fast", code=4)
    assert "token" in shell.run("FREAK_RUN=$(freak open)x freak get", code=6)
    assert "read it again" in shell.run("freak set lr.hold=null --if-match 0", code=7)


def test_what_goes_wrong_is_told_as_data_too(asked: Callable[..., Any]) -> None:
    assert "PATH=VALUE" in asked("set lr.hold", code=2)["detail"]
    assert "--at-step" in asked("set lr.hold=1 --at-step soon", code=2)["detail"]
    assert asked("get -r nobody", code=3)["status"] == 404
    assert asked("get -r 'http://127.0.0.1:1/#token=x'", code=3)["status"] == 503
    assert asked("set lr.hold=-1", code=4)["errors"][0]["path"] == "/lr/hold"
    assert asked("get -r $(freak open)x", code=6)["status"] == 401
    assert asked("reset lr --if-match 0", code=7)["status"] == 412


def test_what_waits_can_be_watched_and_cancelled(
    shell: Terminal, asked: Callable[..., Any], folder: Path
) -> None:
    assert "at step 10000000" in shell.run("freak set lr.hold=1e-3 --at-step 10000000")
    assert "freak cancel" in shell.run("freak set lr.hold=1e-3 --at-step 10000000 --wait 0", code=5)
    waiting = asked("reset lr --at-step 10000000 --wait 0", code=5)
    assert asked(f"cancel {waiting['id']}")["status"] == "cancelled"
    shell.start("freak set lr.hold=1e-3 --at-epoch 10000000 --wait 50 --json > out.json")
    number = shell.until(r"accepted as #(\d+); waiting up to \d+ s")[1]
    shell.press("C-c")
    assert shell.ended() == 130
    assert f"cancel it with 'freak cancel {number}'" in shell.screen()
    assert json.loads((folder / "out.json").read_text())["receipt"]["seq"] == int(number)
    assert "cancelled" in shell.run(f"freak cancel {number}")


def test_watch_prints_until_ctrl_c(shell: Terminal, folder: Path) -> None:
    shell.start("freak watch --since 0 --json | head -n 3 > three.jsonl")
    assert shell.ended() == 0
    events = [json.loads(line) for line in (folder / "three.jsonl").read_text().splitlines()]
    assert all({"id", "type", "data"} == set(event) for event in events)
    writes = "; ".join(f"freak {write}" for write in ("set lr.hold=1e-3", "checkpoint", "reset lr"))
    shell.run(f"(sleep 2; {writes}) > /dev/null 2>&1 & disown")
    shell.start("freak watch --types receipt,run,metrics,state")
    shell.until(r"reset lr: applied.*[\s\S]* step \d+  .*loss")
    shell.press("C-c")
    assert shell.ended() == 130
    lines = shell.screen("-S", "-").partition("exit-130")[0].splitlines()
    known = r"[\d:]{8}  (step \d+  .+|#\d+ .+)|(run|state): .+|(\^C)?interrupted|"
    assert [line for line in lines if not re.fullmatch(known, line)] == []  # the spinner has left no trace
    assert not [line for line in lines if "None" in line or '{"' in line]


def test_colours_are_for_those_who_want_them(shell: Terminal) -> None:
    shell.run("freak get nowhere", code=4)
    assert "\x1b[31m" in shell.screen("-e")
    shell.run("NO_COLOR=1 freak get nowhere", code=4)
    assert "\x1b[31m" not in shell.screen("-e")


def test_a_name_is_completed(shell: Terminal) -> None:
    shell.run('eval "$(freak --show-completion bash)"')
    shell.type("freak get lr.ho", enter=False)

    def completed() -> bool:
        shell.press("Tab")  # again where the machine is too busy to answer somebody who types
        time.sleep(1)
        return re.search(r"^\$ freak get lr\.hold", shell.screen(), re.MULTILINE) is not None

    eventually(completed)
    shell.press("C-c")


def test_stop_asks_saves_and_stops(shell: Terminal, training: Terminal, folder: Path) -> None:
    shell.run("{ freak watch --types run > watched 2>&1; echo $? > watch-code; } & true")
    shell.start("freak stop")
    shell.until(r"Stop 'digits' after this batch, with a checkpoint\? \[y/N\]")
    shell.type("n")
    assert shell.ended() == 130
    shell.start("freak stop --after epoch --reason 'seen enough' --json > out.json")
    shell.until(r"\[y/N\]")
    shell.type("y")
    assert shell.ended() == 0
    told = json.loads((folder / "out.json").read_text())
    assert (told["name"], told["by"], told["result"]["stopped_after"]) == ("stop", "freak", "epoch")
    assert Path(told["result"]["checkpoint"]["path"]).is_file()
    assert training.ended() == 0
    assert list((folder / "run" / "checkpoints").glob("stop-*.ckpt"))
    assert "no live runs" in shell.run("freak ls")
    shell.run("wait")
    assert (folder / "watch-code").read_text() == "0\n"
    assert re.search(r"^digits +\w{12} +stopped ", shell.run("freak ls --all"), re.MULTILINE)
    assert "seen enough" in shell.run("freak log digits")
    journal = next((folder / "home" / "runs").glob("*/journal.jsonl"))
    assert "seen enough" in shell.run(f"freak log --journal {journal}")


def test_an_ended_run_is_compared_exported_and_pruned(
    shell: Terminal, asked: Callable[..., Any], folder: Path
) -> None:
    assert re.search(r"^state +stopped +stopped$", shell.run("freak compare digits digits"), re.MULTILINE)
    assert [each["state"] for each in asked("compare digits digits")] == ["stopped", "stopped"]
    assert re.search(r"wrote \d+ points of \d+ metrics", shell.run("freak export digits --output points.csv"))
    assert re.search(r"^accuracy,\d+,\d+,", (folder / "points.csv").read_text(), re.MULTILINE)
    shell.start("freak ui --port 0")
    link = shell.until(r"^(http://127\.0\.0\.1:\d+)/#token=(\S+)$")
    listed = httpx.get(f"{link[1]}/runs", headers={"Authorization": f"Bearer {link[2]}"}, timeout=60)
    assert [row["phase"] for row in listed.json()["runs"]] == ["stopped"]
    shell.press("C-c")
    assert shell.ended() == 0
    assert "would delete" in shell.run("freak prune")
    (pruned,) = asked("prune --yes")
    assert (pruned["name"], pruned["deleted"]) == ("digits", True)
    assert "digits" not in shell.run("freak ls --all")


def test_this_session_has_every_command_and_every_exit_code() -> None:
    session = Path(__file__).read_text()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert re.search(rf"freak {name}\b", session), name
        if any("--json" in option.opts for option in command.params):
            assert re.search(rf'asked\(f?"{name}\b|freak {name}\b[^"]* --json', session), name
    for code in (1, 2, 3, 4, 5, 6, 7):
        assert re.search(rf"freak [^\n]*, code={code}\)", session), code
        assert re.search(rf"asked\([^\n]*, code={code}\)", session), code
    assert session.count("ended() == 130") > 1
