"""The owner's stop is answered while clients of every kind take all the places that they can get."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx

from tests.faults.conftest import Start
from tests.faults.program import Program

BESIEGED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
stopped = threading.Event()
freak = begin()

@freak.action
def stop():
    stopped.set()

say(read_token=freak.read_token)
stopped.wait()
freak.stop()
"""


def request(token: str | None, route: str) -> bytes:
    lines = [f"GET {route} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode()


def crowd(owner: str, reader: str) -> Iterator[bytes]:
    """Yield what each client sends; none reads its answers."""
    for token in (owner, reader, None):
        yield from [request(token, "/run?wait=60&step=99999")] * 30
        yield from [request(token, "/events")] * 30
        yield from [request(token, "/series")] * 5
        yield from [request(token, "/state") * 500] * 20
    yield from [b"GET / HTT"] * 30


def besiege(program: Program, reader: str, stack: ExitStack) -> None:
    """Open every connection of the crowd, twice: some of the first are closed for later ones."""
    owner = program.link.partition("#token=")[2]
    for sent in [*crowd(owner, reader), *crowd(owner, reader)]:
        with contextlib.suppress(OSError):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", program.port), timeout=10)
            )
            connection.settimeout(0.2)
            connection.sendall(sent)


def write_greedily(http: httpx.Client, over: threading.Event) -> None:
    with contextlib.suppress(httpx.HTTPError):
        while not over.is_set():
            http.patch("state", json={"left": 1})


def test_the_owner_stops_the_program_while_all_other_places_are_taken(start: Start) -> None:
    program = start(BESIEGED)
    reader = program.hear()["read_token"]
    program.ready()
    over = threading.Event()
    writers = [threading.Thread(target=write_greedily, args=(program.http(), over)) for _ in range(2)]
    with ExitStack() as stack:
        stack.callback(over.set)
        for writer in writers:
            writer.start()
        besiege(program, reader, stack)
        # Accepted, if no place to wait was free for the owner either.
        assert program.client().call("stop", wait=30).status in ("applied", "accepted")
        assert program.wait() == 0
    for writer in writers:
        writer.join(20)
    program.gone()
