"""Runs are found by their files: on this machine, and on all that share its home."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from freak_core import Client, Freak, NotFound
from freak_core.runs import run_file as run_files
from freak_core.runs.launcher_ids import launcher_ids
from freak_core.runs.run_file import Run, RunFile, chosen, find_run, list_runs, new_run, publish
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.waiting import eventually

MANY = 12
PROGRAMS = """
import os, sys, time
from pydantic import BaseModel
from freak_core import Freak

class State(BaseModel):
    lr: float = 0.1

parent = os.getppid()
if all(os.fork() for _ in range(int(sys.argv[1]))):
    sys.stdin.read()  # until the test ends
    os.killpg(0, 9)
with Freak(name=f"run-{os.getpid()}").control(State()) as freak:
    step = 0
    while True:
        freak.publish(step=step, loss=1 / (step + 1))
        step += 1
        time.sleep(0.2)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_for_their_owners_eyes_only(served: Serve, home: Path) -> None:
    before = os.umask(0)
    try:
        program = served(name="private")
    finally:
        os.umask(before)
    assert [mode(home), mode(home / "runs"), mode(home / "runs" / f"{program.id}.json")] == [
        0o700,
        0o700,
        0o600,
    ]
    run = find_run("private")
    assert (run.host, run.pid) == (socket.gethostname(), os.getpid())
    assert (run.token, run.read_token) == (program.token, program.read_token)
    assert run.process.runs()


@pytest.fixture
def many(home: Path) -> Iterator[None]:
    """A dozen programs, started at the same moment."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAMS, str(MANY)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as programs:
        try:
            yield
        finally:
            os.killpg(programs.pid, signal.SIGKILL)


def test_a_dozen_runs_are_listed_and_a_killed_one_is_not(many: None) -> None:
    deadline = time.monotonic() + 100
    while len(list_runs()) < MANY or any(run.get("step") is None for run in freak("ls", "--json").json):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    listed = freak("ls", "--json").json
    assert len({run["url"] for run in listed}) == len({run["pid"] for run in listed}) == MANY
    assert {run["state"] for run in listed} == {"running"}
    assert len(freak("ls").out.splitlines()) == MANY + 1
    victim = listed[0]
    os.kill(victim["pid"], signal.SIGKILL)  # it stays a zombie: nobody waits for it
    assert victim["id"] not in freak("ls", "-q").out
    assert len(list_runs()) == MANY - 1


def elsewhere(run_id: str, **update: object) -> Path:
    """Write the file of a run of another machine."""
    here = new_run(run_id, run_id, "http://127.0.0.1:4444", "t" * 16, None)
    return publish(here.model_copy(update={"host": "gpu7", "pid_space": "other", **update}))


def silent(path: Path, seconds: float) -> None:
    """Let a run's last heartbeat be so many seconds ago."""
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_run_of_another_machine_lives_as_long_as_its_heart_beats(home: Path) -> None:
    young, old = elsewhere("young"), elsewhere("old")
    silent(young, run_files.SILENCE - 30)
    silent(old, run_files.SILENCE + 30)
    assert [run.id for run in list_runs()] == ["young"]
    assert (young.exists(), old.exists()) == (True, False)
    with pytest.raises(NotFound, match="gpu7"):
        find_run("young")
    with pytest.raises(NotFound, match="gpu7"):
        Client.find()


def test_the_exact_name_of_a_run_elsewhere_is_no_beginning_of_one_here(home: Path) -> None:
    publish(new_run("here", "exp-2", "http://127.0.0.1:4444", "t" * 16, None))
    elsewhere("far", name="exp")
    with pytest.raises(NotFound, match=r"exp \(far\) .* on gpu7"):
        find_run("exp")
    assert find_run("exp-").id == "here"
    elsewhere("other", name="exp-2")
    assert [find_run(wanted).id for wanted in ("exp-2", "exp-", None)] == ["here"] * 3


def test_a_run_that_other_machines_can_reach_is_found_from_there(home: Path) -> None:
    elsewhere("open", url="http://gpu7:4444")
    assert find_run().near
    elsewhere("socket", url="unix:///run/freak.sock")
    assert [run.id for run in list_runs() if not run.near] == ["socket"]


def test_a_name_that_two_machines_share_does_not_mix_them_up(home: Path) -> None:
    path = elsewhere("twin", host=socket.gethostname(), pid=2**22 + 1)  # no such process here
    (run,) = list_runs()
    assert not run.near
    silent(path, run_files.SILENCE + 30)
    assert list_runs() == []


def test_the_clock_is_the_disks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere("young")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert len(list_runs()) == 1


def test_a_process_that_cannot_be_told_from_another_needs_a_heartbeat(home: Path) -> None:
    path = publish(
        new_run("mac", "mac", "http://127.0.0.1:1", "t" * 16, None).model_copy(update={"pid_started": None})
    )
    assert [run.id for run in list_runs()] == ["mac"]
    silent(path, run_files.SILENCE + 30)
    assert list_runs() == []


def test_a_heartbeat_comes_from_a_thread_that_is_there_anyway(
    served: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "BEAT", 0.0)
    program = served()
    path = run_files.home() / "runs" / f"{program.id}.json"
    silent(path, 1000)
    eventually(lambda: path.stat().st_mtime > time.time() - 500)
    path.unlink()  # somebody took the run for dead
    eventually(path.exists)
    assert find_run().id == program.id
    program.stop()
    assert not path.exists()


def test_a_file_is_not_touched_all_the_time_nor_after_the_end(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RunFile(new_run("one", "one", "http://127.0.0.1:1", "t" * 16, None))
    silent(file.path, 1000)
    file.beat()
    assert file.path.stat().st_mtime < time.time() - 500
    monkeypatch.setattr(run_files, "BEAT", 0.0)
    file = RunFile(new_run("two", "two", "http://127.0.0.1:1", "t" * 16, None))
    silent(file.path, 1000)
    file.beat()
    assert file.path.stat().st_mtime > time.time() - 500
    file.remove()
    file.beat()
    assert not file.path.exists()


def test_a_heart_beats_in_vain_where_the_disk_is_gone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_files, "BEAT", 0.0)
    file = RunFile(new_run("one", "one", "http://127.0.0.1:1", "t" * 16, None))
    shutil.rmtree(home)
    home.write_text("")
    file.beat()


def test_a_run_goes_on_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty(BaseModel):
        pass

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "file" / "home"))
    with Freak(port=0).control(Empty()) as program, Client(program.link) as client:
        assert client.get() == {}
        assert program.store.model == Empty()


def test_a_run_goes_by_the_names_its_launcher_gave_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "31415")
    run = new_run("0abc", "vit", "http://127.0.0.1:1", "t" * 16, None)
    other = run.model_copy(update={"id": "31a", "name": "31", "launcher": {}})
    assert chosen("31415", [run, other]) is run
    assert chosen("31", [run, other]) is other
    assert chosen("0a", [run, other]) is run
    assert chosen("vi", [run, other]) is run
    with pytest.raises(NotFound, match="more than one"):
        chosen(None, [run, other])
    with pytest.raises(NotFound, match="no live run"):
        chosen("", [run, other])


def test_the_launcher_is_known() -> None:
    assert launcher_ids({"TORCHELASTIC_RUN_ID": "none"}) == {}
    assert launcher_ids({"SLURM_JOB_ID": "7", "SLURM_SUBMIT_HOST": "login1", "TORCHELASTIC_RUN_ID": "t"}) == {
        "slurm_job": "7",
        "slurm_submit_host": "login1",
        "torchrun": "t",
    }
    in_a_pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "POD_NAME": "vit-0", "POD_NAMESPACE": "lab"}
    assert launcher_ids(in_a_pod) == {"kubernetes_pod": "vit-0", "kubernetes_namespace": "lab"}


def test_a_file_of_an_older_version_is_read(home: Path) -> None:
    (home / "runs").mkdir(parents=True)
    known = {"id": "a", "name": "a", "url": "http://127.0.0.1:1", "token": "t", "host": "gpu7", "pid": 1}
    path = home / "runs" / "a.json"
    path.write_text(Run(**known, started_at="2026-01-01T00:00:00Z").model_dump_json(exclude_unset=True))  # type: ignore[arg-type]
    assert [run.id for run in list_runs()] == ["a"]


def test_a_run_file_that_cannot_be_written_leaves_no_scrap(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    RunFile(new_run("a", "a", "http://127.0.0.1:4444", "t" * 16, None))
    assert list((home / "runs").iterdir()) == []


def test_a_heartbeat_does_not_bring_back_a_removed_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_files, "BEAT", 0.0)
    file = RunFile(new_run("a", "a", "http://127.0.0.1:4444", "t" * 16, None))
    removing = threading.Thread(target=file.remove)

    def gone(_: Path) -> None:
        removing.start()
        removing.join(0.2)  # ends only where nothing keeps it waiting
        raise FileNotFoundError

    monkeypatch.setattr("freak_core.runs.run_file.os.utime", gone)
    file.beat()
    removing.join(10)
    assert not file.path.exists()
