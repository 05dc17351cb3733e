"""``freak ui`` as a process: its port, its token, how it ends, and folders that are no good."""

import os
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from freak_core import Freak
from freak_core.runs.run_folder import RunFolder, runs_folder
from tests.core.cli.shell import freak as freak_command
from tests.core.conftest import Serve
from tests.core.runs.places import described, recorded
from tests.core.ui.conftest import Shown
from tests.core.ui.process import Ui
from tests.waiting import eventually


def test_the_token_and_the_port_stay_and_only_this_user_can_read_them(home: Path, start: Shown) -> None:
    first = start()
    port = first.port
    files = list((home / "ui").iterdir())
    assert {path.name for path in files} == {"token", f"{socket.gethostname()}-{port}.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((home / "ui").stat().st_mode) == 0o700
    assert first.end()[0] == 0
    again = start("--port", str(port))
    assert again.link == first.link
    assert again.runs() == []


def test_a_second_one_tells_the_link_of_the_first(ui: Ui) -> None:
    ran = freak_command("ui", "--no-open", "--port", str(ui.port))
    assert ran.out.strip() == ui.link
    assert "runs already" in ran.err


def test_a_port_of_another_program_is_told(home: Path, ui: Ui, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "--port" in freak_command("ui", "--no-open", "--port", str(port), code=2).err
    monkeypatch.setenv("FREAK_HOME", str(home / "other"))
    said = freak_command("ui", "--no-open", "--port", str(ui.port), code=2)  # it shows other runs
    assert "--port" in said.err
    assert ui.token not in said.err + said.out


def test_no_wild_address_is_listened_on(home: Path) -> None:
    wild = ("--host", "0.0.0.0")  # noqa: S104
    assert "give the one name" in freak_command("ui", *wild, "--port", "0", code=2).err


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_its_event_streams_first(
    home: Path, ui: Ui, freak: Freak, ending: signal.Signals
) -> None:
    with ui.http.stream("GET", f"runs/{freak.id}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": connected"
        code, said = ui.end(ending)
        assert (code, said) == (0, "freak ui has ended\n")
        assert list(lines)[-1] == ""  # the stream has ended and was not cut off
    assert list((home / "ui").glob("*.json")) == []
    assert freak.running


def test_one_that_was_killed_is_forgotten(start: Shown) -> None:
    killed = start()
    port = killed.port
    killed.end(signal.SIGKILL)
    assert start("--port", str(port)).link == killed.link


def test_it_is_started_for_the_page_of_an_ended_run(ui: Ui, ended: Freak) -> None:
    ran = freak_command("open", "past", "--print")
    assert ran.out.strip() == ui.link.replace("/#", f"/runs/{ended.id}/#")
    assert "it broke" in ran.err
    assert freak_command("open", "past", "--json").json["link"] == ran.out.strip()
    ui.end()
    assert "start 'freak ui'" in freak_command("open", "past", "--print", code=3).err


def test_broken_and_foreign_folders_are_listed_or_left_out_and_block_nothing(ui: Ui, ended: Freak) -> None:
    torn = RunFolder("torn").make()
    (torn / "summary.json").write_text('{"id": ')
    pipe = RunFolder("pipe").make()
    os.mkfifo(pipe / "summary.json")
    os.mkfifo(pipe / "journal.jsonl")
    piped = RunFolder("piped").make()
    os.mkfifo(piped / "run.json")
    (runs_folder() / "link").symlink_to(RunFolder(ended.id).path)
    (runs_folder() / "a file").write_text("")
    foreign = RunFolder("foreign").make()
    (foreign / "summary.json").write_text("{}")
    foreign.chmod(0o777)
    odd = runs_folder() / "odd name ü"
    odd.mkdir(mode=0o700)
    (odd / "summary.json").write_text("[]")
    os.mkdir(os.fsencode(runs_folder()) + b"/no UTF-8 \xff", 0o700)  # noqa: PTH102 - bytes
    (Path(os.fsdecode(os.fsencode(runs_folder()) + b"/no UTF-8 \xff")) / "summary.json").write_text("[]")
    begun = time.monotonic()
    rows = {row["id"]: row for row in ui.runs()}
    assert time.monotonic() - begun < 30
    (no_text,) = set(rows) - {ended.id, "torn", "pipe", "foreign", "odd name ü"}
    assert no_text.startswith("no UTF-8")
    assert rows[no_text]["phase"] == "broken"
    assert rows[ended.id]["unreadable"] is None
    for name in ("torn", "pipe", "foreign", "odd name ü"):
        assert (rows[name]["phase"], rows[name]["alive"]) == ("broken", False)
        assert rows[name]["unreadable"]
        assert rows[name]["unreadable"] in ui.http.get(f"{rows[name]['url']}run").json()["detail"]
    assert "other users can write" in rows["foreign"]["unreadable"]
    assert ui.http.get("runs/link/run").status_code == 404


def test_a_run_whose_server_is_gone_is_listed_and_says_so(ui: Ui, served: Serve) -> None:
    program = recorded(served(name="silent"))
    silent = described("mute", url="http://127.0.0.1:9", name="mute")
    folder = RunFolder("mute").make()
    (folder / "run.json").write_text(silent.model_dump_json())
    (folder / "run.json").chmod(0o600)
    row = eventually(lambda: next((r for r in ui.runs() if r["unreachable"]), None))
    assert (row["id"], row["alive"]) == ("mute", True)
    answer = ui.http.get("runs/mute/run")
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"]
    assert ui.row(program.id)["unreachable"] is None
