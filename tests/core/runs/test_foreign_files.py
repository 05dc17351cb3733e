"""Files that somebody else put among the runs are not believed, and hang nothing."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from freak_core.runs.live_runs import list_runs
from freak_core.runs.run_file import BEAT, RunFile
from freak_core.runs.run_folder import RunFolder, runs_folder
from freak_core.runs.user_owned_file import LARGEST
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.core.runs.places import described, elsewhere

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def names() -> list[str]:
    return [run.name for run in list_runs()]


@needs_root
def test_a_run_file_of_another_user_is_not_believed(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = elsewhere("theirs")
    assert names() == ["theirs"]
    os.chown(path, 65534, 65534)
    assert names() == []
    assert "another user owns it (uid 65534)" in caplog.text


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_a_run_file_that_others_can_write_is_not_believed(
    home: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    path = elsewhere("open")
    path.chmod(mode)
    assert names() == []
    assert f"chmod go-w {path}" in caplog.text
    path.chmod(0o644)
    assert names() == ["open"]


def link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, link_to_zeros])
@pytest.mark.parametrize("name", ["run.json", "journal.jsonl", "run.html"])
def test_a_pipe_a_folder_or_a_link_in_a_runs_folder_hangs_nothing(
    home: Path, make: Callable[[Path], None], name: str
) -> None:
    elsewhere("sound")
    make(RunFolder("odd").make() / name)
    make(runs_folder() / "loose.json")
    for command in (["ls"], ["ls", "--all"], ["info", "odd"], ["log", "odd"]):
        freak(*command, code=0 if command[0] == "ls" else 3)


def test_a_link_to_a_run_file_is_not_followed(home: Path) -> None:
    path = elsewhere("linked")
    target = path.rename(home / "elsewhere.json")
    path.symlink_to(target)
    assert names() == []


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "null", "\xff", " " * (LARGEST + 1), '{"pid": 1e999}'])
def test_a_run_file_with_any_other_content_is_left_out(home: Path, text: str) -> None:
    elsewhere("sound")
    RunFolder("odd").write_secret("run.json", text)
    (RunFolder("bytes").make() / "run.json").write_bytes(text.encode("latin-1", "replace"))
    assert names() == ["sound"]


def test_a_live_run_writes_its_file_again_when_somebody_opened_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RunFile(described("mine"))
    file.path.chmod(0o666)
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + BEAT)
    file.beat()
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert names() == ["mine"]
    file.remove()


ODD_LINES = [
    "[" * 100_000,
    "9" * 5000,
    '{"phase": ["failed"]}',
    '{"phase": "failed", "at": 12, "error": {"a": 1}}',
    '{"phase": "failed", "at": "nonsense", "error": null}',
    '{"applied": {"step": "\\ud800", "epoch": []}}',
    '{"freak_journal": 1, "run": [], "name": "a\\nb\\ud800", "started_at": "nonsense"}',
    '{"freak_journal": 1, "started_at": {"a": 1}}',
    '{"freak_journal": 1, "name": "far", "started_at": "9999-12-31T23:59:59-23:59"}',
    '{"freak_journal": 1, "name": "near", "started_at": "0001-01-01T00:00:00+23:59"}',
    "x" * 1000,
]


def test_a_journal_with_an_odd_line_breaks_no_list(served: Serve) -> None:
    sound, odd = served(name="sound"), served(name="odd")
    for each in (sound, odd):
        freak("set", "epochs=20", "-r", each.id)
        each.stop()
    lines = odd.journal_path.read_text().splitlines()
    for line in ODD_LINES:
        for damaged in ([line, *lines], [*lines[:-1], line]):
            odd.journal_path.write_text("\n".join(damaged))
            listed = freak("ls", "-a").out
            assert "sound" in listed, line[:80]
            assert len(listed.splitlines()) <= 3, line[:80]
            assert all(isinstance(run["state"], str) for run in json.loads(freak("ls", "-a", "--json").out))
            freak("log", "sound")


def test_a_dates_that_is_none_is_shown_as_such(served: Serve) -> None:
    program = served(name="odd")
    freak("set", "epochs=20", "--note", "why")
    program.stop()
    text = program.journal_path.read_text()
    entry = json.loads(text.splitlines()[1])
    program.journal_path.write_text(text.replace(entry["requested_at"], "nonsense"))
    assert freak("log", "odd").out.startswith("--:--:--  #1 patch")


@needs_root
def test_a_journal_of_another_user_is_not_listed_but_may_be_read(served: Serve) -> None:
    program = served(name="theirs")
    freak("set", "epochs=20")
    program.stop()
    os.chown(program.journal_path, 65534, 65534)
    assert freak("log", "theirs", "--json", code=4).out
    program.journal_path.with_name("summary.json").unlink()
    (listed,) = freak("ls", "-a", "--json").json
    assert (listed["name"], listed["state"]) == (program.id, "broken")
    assert "#1 patch" in freak("log", "--journal", str(program.journal_path)).out
