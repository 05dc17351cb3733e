"""Forked children have a read-only snapshot: they serve nothing, block on nothing, and end nothing."""

import pytest

from tests.faults.conftest import Start
from tests.faults.program import children_of
from tests.waiting import eventually

FORK = """
def in_child(function):
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    signal.alarm(5)  # a deadlock shows as SIGALRM
    try:
        function()
    except BaseException as error:
        sys.stderr.write(f"child: {error!r}\\n")
        sys.stderr.flush()
        os._exit(99)
    os._exit(0)
"""

USES = """
def use():
    assert state.lr == freak.snapshot().lr
    with freak.locked() as held:
        assert held is state
    assert freak.sync(step=1) == []
    freak.publish(step=1, loss=0.5)
    freak.phase("child")
    assert freak.server_pid is None
    assert freak.running is False
    freak.stop()
    freak.stop()
"""


def test_a_forked_child_reads_and_does_nothing_else(start: Start) -> None:
    """Every method of Freak works in the child and changes nothing in the parent."""
    program = start(FORK + USES + "freak = begin()\nhear()\nsay(status=in_child(use))\nhear()\n")
    client = program.client()
    client.set({"lr": 0.25})
    program.say()
    assert program.hear()["status"] == 0
    assert program.servers() == {program.server}
    assert client.set({"lr": 0.5}).status == "applied"
    assert list(program.home.glob("runs/*/run.json"))


@pytest.mark.parametrize("apply", ["now", "sync"])
def test_a_child_that_is_forked_while_another_thread_holds_the_lock_does_not_deadlock(
    start: Start, apply: str
) -> None:
    """The lock of the child is its own, whoever held the parent's."""
    program = start(
        FORK
        + USES
        + f"""
freak = begin(apply={apply!r})
held, release = threading.Event(), threading.Event()
def hold():
    with freak.locked():
        held.set()
        release.wait(60)
holder = threading.Thread(target=hold)
holder.start()
held.wait(60)
say(status=in_child(use))
release.set()
holder.join(60)
hear()
"""
    )
    assert program.hear(15.0)["status"] == 0, program.error_text


def test_a_child_that_ends_like_a_script_leaves_the_parents_run_alone(start: Start) -> None:
    """atexit functions run in a child of os.fork that returns: server and run file stay."""
    program = start(
        """
        freak = begin()
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        os.waitpid(pid, 0)
        say(over=True)
        hear()
        """
    )
    program.ready()
    program.hear()
    assert list(program.home.glob("runs/*/run.json"))
    assert program.servers() == {program.server}
    assert program.client().set({"left": 1}).status == "applied"
    program.say()
    assert program.wait() == 0
    program.gone()


def test_forks_by_the_hundred_under_fire_never_deadlock(start: Start) -> None:
    """Children forked while requests arrive and metrics are told; each reads a whole state."""
    program = start(
        FORK
        + """
freak = begin()
def read():
    seen = freak.snapshot()
    assert seen.left == seen.right, (seen.left, seen.right)
    freak.publish(step=1, loss=0.5)
    freak.stop()
bad = []
until = time.monotonic() + 2
children = 0
while time.monotonic() < until or children < 20:
    freak.publish(step=children, loss=0.5)
    status = in_child(read)
    children += 1
    if status:
        bad.append(status)
say(children=children, bad=bad)
hear()
"""
    )
    http = program.ready()
    for number in range(1, 100):
        http.patch("state", json={"left": number, "right": number})
    facts = program.hear()
    assert facts["bad"] == [], program.error_text


def test_a_child_may_be_under_control_itself(start: Start) -> None:
    """A forked child may begin a run of its own; both are served."""
    program = start(
        """
        freak = begin()
        pid = os.fork()
        if pid == 0:
            own = control(State(left=7), port=0, name="child")
            say(link=own.link)
            hear()
            sys.exit(0)
        os.waitpid(pid, 0)
        say(over=True)
        hear()
        """
    )
    program.ready()
    parent, program.link = program.link, program.hear()["link"]
    assert program.client().get("left") == 7
    program.link = parent
    assert program.client().get("left") == 0
    program.say()
    program.hear()
    eventually(lambda: list(children_of(program.pid)) == [program.server], what="the end of the child")


def test_a_data_loaders_workers_read_the_state_and_leave_the_run_alone(start: Start) -> None:
    """DataLoader with forked workers, made anew for each epoch; persistent ones too."""
    pytest.importorskip("torch")
    program = start(
        """
        import torch
        from torch.utils.data import DataLoader

        class Reads(torch.utils.data.Dataset):
            def __len__(self):
                return 8
            def __getitem__(self, index):
                freak.publish(step=index, loss=1.0)
                freak.sync()
                return freak.snapshot().left

        freak = begin()
        hear()
        seen = []
        for persistent in (False, True):
            loader = DataLoader(Reads(), num_workers=2, persistent_workers=persistent,
                                multiprocessing_context="fork")
            seen += [int(value) for _ in range(2) for batch in loader for value in batch]
        del loader
        say(seen=sorted(set(seen)))
        hear()
        """
    )
    client = program.client()
    client.set({"left": 5})
    program.say()
    assert program.hear(30.0)["seen"] == [5], program.error_text
    assert client.set({"left": 6}).status == "applied"
    assert program.servers() == {program.server}


def test_a_forked_worker_of_an_embedding_app_refuses_instead_of_answering_with_a_frozen_state(
    start: Start,
) -> None:
    """As under ``gunicorn --preload``: the app is made once, and every worker is a fork."""
    program = start(
        FORK
        + """
import asyncio
import httpx
from fastapi import FastAPI
from freak_core import Freak

freak = begin()
app = FastAPI()
embedded = Freak(app=app, prefix="/freak", name="embedded").control(State())

async def ask():
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {embedded.token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as http:
        return [(await http.get(f"/freak/{route}")).status_code for route in ("state", "run", "healthz")]

def answers(*expected):
    found = asyncio.run(ask())
    assert found == list(expected), found

answers(200, 200, 200)
say(status=in_child(lambda: answers(503, 503, 503)))
answers(200, 200, 200)
say(still=True)
embedded.stop()
hear()
"""
    )
    assert program.hear(60.0)["status"] == 0, program.error_text
    assert program.hear(60.0)["still"]
