"""Live runs are listed and found, on this machine and on all that share its home."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from freak_core import Client, NotFound
from freak_core.runs.live_runs import SILENCE, chosen, find_run, list_runs
from freak_core.runs.run_file import publish
from tests.core.cli.shell import freak
from tests.core.runs.places import described, elsewhere, silent
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
    eventually(lambda: len(list_runs()) == MANY, within=100, what="a dozen runs")
    eventually(lambda: all("step" in run for run in freak("ls", "--json").json), within=100, what="steps")
    listed = freak("ls", "--json").json
    assert len({run["url"] for run in listed}) == len({run["pid"] for run in listed}) == MANY
    assert {run["state"] for run in listed} == {"running"}
    assert len(freak("ls").out.splitlines()) == MANY + 1
    victim = listed[0]
    os.kill(victim["pid"], signal.SIGKILL)  # it stays a zombie: nobody waits for it
    assert victim["id"] not in freak("ls", "-q").out
    assert len(list_runs()) == MANY - 1


def test_a_run_of_another_machine_lives_as_long_as_its_heart_beats(home: Path) -> None:
    young, old = elsewhere("young"), elsewhere("old")
    silent(young, SILENCE - 30)
    silent(old, SILENCE + 30)
    assert [run.id for run in list_runs()] == ["young"]
    assert (young.exists(), old.exists()) == (True, False)
    with pytest.raises(NotFound, match="gpu7"):
        find_run("young")
    with pytest.raises(NotFound, match="gpu7"):
        Client.find()


def test_an_exact_name_elsewhere_wins_over_a_prefix_here(home: Path) -> None:
    publish(described("here", name="exp-2"))
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


def test_two_machines_of_one_name_are_told_apart(home: Path) -> None:
    path = elsewhere("twin", host=socket.gethostname(), pid=2**22 + 1)  # no such process here
    (run,) = list_runs()
    assert not run.near
    silent(path, SILENCE + 30)
    assert list_runs() == []


def test_a_heartbeat_is_read_by_the_clock_of_the_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere("young")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert len(list_runs()) == 1


def test_a_process_whose_start_is_unknown_needs_a_heartbeat(home: Path) -> None:
    path = publish(described("old-mac", pid_started=None))
    assert [run.id for run in list_runs()] == ["old-mac"]
    silent(path, SILENCE + 30)
    assert list_runs() == []


def test_a_run_is_chosen_by_id_name_job_or_prefix(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "31415")
    run = described("0abc", name="vit")
    other = run.model_copy(update={"id": "31a", "name": "31", "launcher": {}})
    assert chosen("31415", [run, other]) is run
    assert chosen("31", [run, other]) is other
    assert chosen("0a", [run, other]) is run
    assert chosen("vi", [run, other]) is run
    with pytest.raises(NotFound, match="more than one"):
        chosen(None, [run, other])
    with pytest.raises(NotFound, match="no live run"):
        chosen("", [run, other])
