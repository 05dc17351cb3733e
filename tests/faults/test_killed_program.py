"""The program is killed: its server leaves, the port is free, and what was acknowledged is in the journal."""

import threading
import time

import httpx
import pytest

from tests.faults.conftest import Start
from tests.faults.program import Program, alive
from tests.waiting import eventually

IDLE = """
freak = begin()
while True:
    time.sleep(60)
"""

FORKED = """
import multiprocessing
freak = begin()
worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
worker.start()
say(worker=worker.pid)
time.sleep(60)
"""

LOADING = """
import warnings, torch
from torch.utils.data import DataLoader

class Pids(torch.utils.data.Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return os.getpid()

freak = begin()
loader = DataLoader(Pids(), num_workers=2, persistent_workers=True, multiprocessing_context="fork")
say(workers=sorted({int(pid) for pid in loader}))
time.sleep(60)
"""


def changes(program: Program) -> set[str]:
    """Return the ids of the changes that the journal says were applied."""
    return {entry["id"] for entry in program.journalled() if entry["status"] == "applied"}


def test_an_answered_change_is_in_the_journal_of_a_killed_program(start: Start) -> None:
    """SIGKILL right after the answer: the journal has the change and the server has left the port."""
    program = start(IDLE)
    receipt = program.client().set({"lr": 0.5})
    program.kill()
    program.gone()
    assert receipt.id in changes(program)


def test_every_answered_change_is_in_the_journal_while_many_fly(start: Start) -> None:
    """SIGKILL in the middle of many PATCHes: every answer that got out is in the journal."""
    program = start(IDLE)
    program.ready()
    answered: list[str] = []

    def patch(worker: int) -> None:
        http = program.http()
        for number in range(1000):
            try:
                answer = http.patch("state", json={"left": number, "right": worker})
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                answered.append(answer.json()["id"])
            elif answer.status_code == 503:
                return

    threads = [threading.Thread(target=patch, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answered) >= 30, what="thirty answers")
    program.kill()
    program.gone()
    for thread in threads:
        thread.join(10)
    assert len(answered) >= 30
    assert set(answered) <= changes(program)


@pytest.mark.parametrize("body", [FORKED, LOADING], ids=["multiprocessing", "DataLoader"])
def test_forked_children_that_outlive_the_program_keep_no_server(start: Start, body: str) -> None:
    """A forked worker has copies of the pipes: the server leaves all the same."""
    if body is LOADING:
        pytest.importorskip("torch")
    program = start(body)
    program.ready()
    program.hear()
    program.kill()
    program.gone()


def test_a_server_that_has_not_yet_come_up_leaves_too(start: Start) -> None:
    """SIGKILL while the server still imports: nobody is left."""
    program = start(IDLE)
    program.kill()
    program.gone(5.0)


def test_a_server_whose_pipe_somebody_else_holds_open_leaves_too(start: Start) -> None:
    """Without end-of-file on the link the server notices that its parent is another."""
    program = start(
        """
        import subprocess
        freak = begin()
        pipe = freak._serving._link._process.stdin.fileno()
        holder = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=[pipe])
        say(holder=holder.pid)
        time.sleep(60)
        """
    )
    holder = program.hear()["holder"]
    program.ready()
    began = time.monotonic()
    program.kill()
    program.gone()
    assert time.monotonic() - began < 2.5
    assert alive(holder)
