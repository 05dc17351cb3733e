"""The run file says how to reach a run, and its heartbeat that the run is alive."""

import os
import shutil
import socket
import stat
import threading
import time
from pathlib import Path

import pytest
from pydantic import BaseModel

from freak_core import Client, Freak
from freak_core.runs import run_file as run_files
from freak_core.runs.live_runs import find_run
from freak_core.runs.run_file import RunFile
from freak_core.runs.run_folder import RunFolder
from tests.core.conftest import Serve
from tests.core.runs.places import described, silent
from tests.waiting import eventually


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_their_owner_may_read_the_files_of_a_run(served: Serve, home: Path) -> None:
    before = os.umask(0)
    try:
        program = served(name="private")
    finally:
        os.umask(before)
    folder = home / "runs" / program.id
    assert [mode(path) for path in (home, home / "runs", folder, folder / "run.json")] == [
        0o700,
        0o700,
        0o700,
        0o600,
    ]
    run = find_run("private")
    assert (run.host, run.pid) == (socket.gethostname(), os.getpid())
    assert (run.token, run.read_token) == (program.token, program.read_token)
    assert run.journal == str(folder / "journal.jsonl")
    assert run.process.is_running()


def test_a_heartbeat_keeps_the_file_young_and_writes_it_again(
    served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "BEAT", 0.0)
    program = served()
    path = RunFolder(program.id).run_file
    silent(path, 1000)
    eventually(lambda: path.stat().st_mtime > time.time() - 500, what="a heartbeat")
    path.unlink()  # as another machine does that takes the run for ended
    eventually(path.exists, what="the run file")
    assert find_run().id == program.id
    program.stop()
    assert not path.exists()


def test_a_heartbeat_is_rare(home: Path) -> None:
    file = RunFile(described("one"))
    silent(file.path, 1000)
    file.beat()
    assert file.path.stat().st_mtime < time.time() - 500


def test_a_heartbeat_after_the_end_writes_no_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_files, "BEAT", 0.0)
    file = RunFile(described("one"))
    file.remove()
    file.beat()
    assert not file.path.exists()


def test_a_heartbeat_fails_silently_where_the_disk_is_gone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "BEAT", 0.0)
    file = RunFile(described("one"))
    shutil.rmtree(home)
    home.write_text("")
    file.beat()
    assert home.read_text() == ""


def test_a_heartbeat_does_not_bring_back_a_file_that_is_being_removed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "BEAT", 0.0)
    file = RunFile(described("one"))
    removing = threading.Thread(target=file.remove)

    def gone(_: Path) -> None:
        removing.start()
        removing.join(0.2)  # ends only where nothing keeps it waiting
        raise FileNotFoundError

    monkeypatch.setattr("freak_core.runs.run_file.os.utime", gone)
    file.beat()
    removing.join(10)
    assert not file.path.exists()


def test_a_run_goes_on_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty(BaseModel):
        pass

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "file" / "home"))
    with Freak(port=0).control(Empty()) as program, Client(program.link) as client:
        assert client.get() == {}
        assert program.store.model == Empty()


def test_a_run_file_that_cannot_be_written_leaves_no_part_of_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    RunFile(described("one"))
    assert [path for path in home.rglob("*") if path.is_file()] == []
