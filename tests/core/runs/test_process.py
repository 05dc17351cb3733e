"""A process is told from a later one with the same number, and from one that has ended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from freak_core.runs import process as processes
from freak_core.runs.process import Process, is_here, this_process


@pytest.fixture(params=["linux", "macos"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Linux as it is; and a system without /proc, whose processes have a start in seconds since the epoch."""
    if request.param == "macos":
        monkeypatch.setattr(psutil, "LINUX", False)
        monkeypatch.setattr(processes, "pid_space", lambda: None)
    return str(request.param)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs until the test ends it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def of(child: subprocess.Popen[bytes]) -> Process:
    """Return a child as it would describe itself: a process of this machine, started when psutil says."""
    here, since = this_process(), psutil.Process(child.pid).create_time()
    if psutil.LINUX:
        since = round((since - psutil.boot_time()) * os.sysconf("SC_CLK_TCK"))
    return here._replace(pid=child.pid, started=since)


def test_a_process_that_runs_is_told_from_one_that_has_ended(
    system: str, child: subprocess.Popen[bytes]
) -> None:
    assert this_process().is_running() is True
    process = of(child)
    assert process.is_running() is True
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    assert process.is_running() is False
    child.wait(30)
    assert process.is_running() is False


def test_a_process_is_told_from_an_earlier_one_with_the_same_number(system: str) -> None:
    here = this_process()
    assert here.started is not None
    assert here._replace(started=here.started - 1).is_running() is False


def test_a_process_whose_start_is_unknown_is_told_only_once_it_has_ended(
    system: str, child: subprocess.Popen[bytes]
) -> None:
    process = of(child)._replace(started=None)
    assert process.is_running() is None
    child.kill()
    child.wait(30)
    assert process.is_running() is False


@pytest.mark.parametrize("elsewhere", [{"host": "gpu7"}, {"space": "boot/pid:[1]"}])
def test_a_process_of_another_machine_or_container_cannot_be_seen(elsewhere: dict[str, str]) -> None:
    assert this_process()._replace(**elsewhere).is_running() is None


def test_a_container_is_on_this_machine_and_another_boot_is_not() -> None:
    here = this_process()
    assert here.space is not None
    boot = here.space.partition("/")[0]
    assert is_here(here._replace(space=f"{boot}/pid:[1]"))
    assert not is_here(here._replace(space="other-boot/pid:[1]"))
    assert not is_here(here._replace(host="gpu7"))


def test_a_start_is_counted_in_ticks_since_boot_as_0_1_0_did() -> None:
    ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    assert this_process().started == float(ticks)


def test_a_program_on_a_system_that_tells_nothing_is_known_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise FileNotFoundError("/proc/self/stat")

    monkeypatch.setattr(psutil, "Process", fail)
    assert this_process() == (os.uname().nodename, processes.pid_space(), os.getpid(), None)
