"""The server process is killed or hangs: the program goes on, and a server comes back on the same port."""

import os
import secrets
import signal
import threading

import httpx
import pytest

from freak_core import Client
from tests.faults.conftest import Start
from tests.faults.program import Program, alive, children_of
from tests.waiting import eventually

COUNTING = """
freak = begin()
count = 0
while True:
    count += 1
    freak.publish(step=count, loss=1 / count)
    freak.sync(step=count)
    time.sleep(0.001)
"""


def current_server(program: Program) -> int:
    """Return the process id of the one server, once there is one."""
    found = eventually(program.servers, what="a server process")
    assert len(found) == 1
    program.server = next(iter(found))
    return program.server


def kill_server(program: Program) -> int:
    """Kill the server and return the process id of the next one."""
    old = current_server(program)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: program.servers() - {old}, what="a new server process")
    return current_server(program)


def step(client: Client) -> int:
    """Return the step that the server knows."""
    return int(client.run().get("step") or 0)


def test_a_killed_server_comes_back_with_port_token_and_state(start: Start) -> None:
    """Same link, same ETag, same receipts; the program has gone on meanwhile."""
    program = start(COUNTING)
    client = program.client()
    receipt = client.set({"lr": 0.5}, note="before")
    before, etag = step(client), client.revision()
    kill_server(program)
    again = program.client()
    assert again.get("lr") == 0.5
    assert again.revision() == etag
    assert [known.id for known in again.receipts()] == [receipt.id]
    eventually(lambda: step(again) > before, what="progress after the restart")
    assert again.set({"lr": 0.6}).status == "applied"


def test_a_server_killed_again_and_again_comes_back_and_leaves_no_zombie(start: Start) -> None:
    """Three kills in a row; at the end the program has one server and no dead child."""
    program = start(COUNTING)
    for number in range(1, 4):
        kill_server(program)
        assert program.client().set({"left": number}).status == "applied"
    eventually(lambda: "Z" not in children_of(program.pid).values(), what="reaping the killed servers")
    assert len(program.servers()) == 1


def test_a_reader_that_reconnects_sees_every_event_once(start: Start) -> None:
    """Last-Event-ID works across a restart of the server: numbers without gap or repetition."""
    program = start("freak = begin()\nwhile True:\n    time.sleep(60)\n")
    client = program.client()
    seen: list[int] = []
    values: list[float] = []

    def follow() -> None:
        for event in client.events("state", "receipt"):
            seen.append(int(event.id.rpartition("-")[2]))
            if event.type == "state":
                values.append(event.data["value"]["left"])
            assert event.type != "reset"
            if values and values[-1] == 9:
                return

    position = client.receipts()
    assert position == []
    first = client.events("state", "receipt", last_id=f"{client.revision().strip(chr(34)).split('-')[0]}-0")
    client_events = threading.Thread(target=lambda: (first.close(), follow()))
    client_events.start()
    writer = program.client()
    for number in range(1, 9):
        if number == 4:
            kill_server(program)
        writer.set({"left": number})
    eventually(lambda: values and values[-1] == 8, what="the eighth value")
    writer.set({"left": 9})
    client_events.join(20)
    assert not client_events.is_alive()
    assert values == sorted(set(values))
    assert seen == list(range(seen[0], seen[0] + len(seen)))


def test_a_write_that_a_kill_interrupts_is_whole_and_its_retry_gets_the_same_receipt(start: Start) -> None:
    """Both values or none; a retry with the same key makes no second receipt."""
    program = start(COUNTING)
    program.ready()
    for number in range(1, 4):
        key, patch = secrets.token_hex(8), {"left": number, "right": number}
        server = current_server(program)
        answers: list[httpx.Response] = []

        def write(
            http: httpx.Client, key: str = key, patch: object = patch, answers: object = answers
        ) -> None:
            try:
                answers.append(http.patch("state", json=patch, headers={"Idempotency-Key": key}))
            except httpx.HTTPError:
                return

        thread = threading.Thread(target=write, args=(program.http(),))
        thread.start()
        threading.Event().wait(0.002 * number)
        os.kill(server, signal.SIGKILL)
        thread.join(20)
        eventually(lambda server=server: program.servers() - {server}, what="a new server")
        retried = program.client().set(patch, key=key)
        assert retried.status == "applied"
        for answer in answers:
            assert answer.json()["id"] == retried.id
        state = program.client().get()
        assert (state["left"], state["right"]) == (number, number)
    applied = [entry for entry in program.journalled() if entry["status"] == "applied"]
    assert len(applied) == 3


def test_a_stopped_server_never_blocks_the_program_and_dies_with_stop(start: Start) -> None:
    """SIGSTOP of the server: 50,000 calls of publish, many of sync, and stop() within its bound."""
    program = start(
        """
        freak = begin()
        hear()
        began = time.monotonic()
        for step in range(50_000):
            freak.publish(step=step, loss=0.5, text_of_some_length=0.123456789)
            freak.sync(step=step)
            if step % 100 == 0:
                freak.phase("training", note="x" * 1000)
        slowest = time.monotonic() - began
        say(published=slowest)
        began = time.monotonic()
        freak.stop()
        say(stopped=time.monotonic() - began, threads=threading.active_count())
        """
    )
    program.ready()
    os.kill(program.server, signal.SIGSTOP)
    program.say("go")
    assert program.hear()["published"] < 5
    ended = program.hear()
    assert ended["stopped"] < 2.5
    assert ended["threads"] == 1
    assert program.wait() == 0
    assert not alive(program.server)


def test_a_server_that_hangs_for_good_is_replaced(start: Start) -> None:
    """One that takes no messages for as long as ``PATIENCE`` says is killed, and the next one serves."""
    program = start(
        """
        import freak_core.program.server_process
        freak_core.program.server_process.PATIENCE = 4.0  # a busy machine imports slowly
        freak = begin()
        while True:
            freak.phase("training", note="x" * 10_000)
            time.sleep(0.01)
        """
    )
    program.ready()
    hung = program.server
    os.kill(hung, signal.SIGSTOP)
    eventually(lambda: program.servers() - {hung}, what="a new server")
    current_server(program)
    assert program.client().set({"left": 1}).status == "applied"


@pytest.mark.parametrize(("delay", "end"), [(0.0, ""), (1.0, "\n")])
@pytest.mark.parametrize("words", ["a stray print of a plugin", '{"type": "reply"}'])
def test_what_the_server_prints_goes_to_the_programs_logger(
    start: Start, words: str, delay: float, end: str
) -> None:
    """What is printed in the server process, even while it starts, never breaks the link."""
    program = start(
        f"""
        from pathlib import Path
        folder = Path(os.environ["FREAK_HOME"], "site")
        folder.mkdir()
        Path(folder, "sitecustomize.py").write_text(
            "import sys, threading; " # only in the server
            "'freak_core.server' in sys.orig_argv and "
            + {f"threading.Timer({delay}, lambda: print({words!r}, end={end!r}, flush=True)).start()"!r}
        )
        sys.path.insert(0, str(folder))
        freak = begin()
        hear()
        freak.stop()
        """
    )
    client = program.client()
    eventually(lambda: client.set({"left": 1}).status == "applied", what="a change")
    eventually(lambda: f"freak WARNING server: {words}" in program.error_text, what="the logged line")
    program.say("stop")
    assert program.wait() == 0
    assert "starting it again" not in program.error_text
