"""Clients that break off, dawdle or come in crowds hurt nobody but themselves."""

import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx

from tests.faults.conftest import Start
from tests.faults.program import Program
from tests.waiting import eventually

WAITING = "freak = begin()\nhear()\n"


def raw(program: Program, body: bytes, *, length: int | None = None, method: str = "PATCH") -> bytes:
    """Return an HTTP request as bytes, whose Content-Length may lie."""
    token = program.link.partition("#token=")[2]
    head = [
        f"{method} /state HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body) if length is None else length}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def connect(program: Program) -> socket.socket:
    """Return a plain connection to the server."""
    return socket.create_connection(("127.0.0.1", program.port), timeout=10)


def left_and_right(http: httpx.Client) -> tuple[int, int]:
    """Return the two values that are always changed together."""
    state = http.get("state").json()
    return state["left"], state["right"]


def test_a_client_that_leaves_in_the_middle_of_the_body_changes_nothing(start: Start) -> None:
    """Cut at many places, in the header and in the body, politely and with a reset."""
    program = start(WAITING)
    http = program.ready()
    request = raw(program, json.dumps({"left": 1, "right": 1}).encode())
    for cut in range(1, len(request), 7):
        with connect(program) as connection:
            connection.sendall(request[:cut])
            if cut % 2:  # RST in place of FIN
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert left_and_right(http) == (0, 0)
    assert http.get("receipts").json() == []
    assert http.patch("state", json={"left": 2, "right": 2}).status_code == 200
    assert "freak" not in program.complaints, "a rude client is no news for the program's log"


def test_a_client_that_leaves_before_the_answer_is_served_all_the_same(start: Start) -> None:
    """The whole request was sent: it is applied as a whole, and its receipt is in the journal."""
    program = start(WAITING)
    http = program.ready()
    for number in range(1, 6):
        with connect(program) as connection:
            connection.sendall(raw(program, json.dumps({"left": number, "right": number}).encode()))
    eventually(lambda: left_and_right(http)[0] > 0, what="a change")
    left, right = left_and_right(http)
    assert left == right
    assert http.patch("state", json={"left": 9, "right": 9}).status_code == 200
    assert left_and_right(http) == (9, 9)
    applied = [entry for entry in program.journalled() if entry["status"] == "applied"]
    assert {len(entry["changes"]) for entry in applied} == {2}
    assert "freak" not in program.complaints


REPLAYING = """
freak = begin()
for number in range(1500):
    freak.phase("training", at=number, padding="x" * 500)
say(id=freak.id)
hear()
"""


def test_clients_that_leave_in_the_middle_of_the_replay_are_no_news(start: Start) -> None:
    """``freak watch --since 0 | head``: they read a little of the old events and hang up."""
    program = start(REPLAYING)
    boot = program.hear()["id"]
    http = program.ready()
    eventually(lambda: http.get("run").json().get("at") == 1499, what="the last event")
    begin = raw(program, b"", method="GET").replace(b"/state", b"/events")
    begin = begin.replace(b"Host:", f"Last-Event-ID: {boot}-0\r\nHost:".encode())
    for number in range(20):
        with connect(program) as connection:
            connection.sendall(begin)
            assert connection.recv(200 * number + 1)
            if number % 2:  # RST in place of FIN
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with http.stream("GET", "events", headers={"Last-Event-ID": f"{boot}-0"}) as answer:
        assert any('"at":1499' in line for line in answer.iter_lines()), "the next client is served in full"
    program.say()
    assert program.wait() == 0
    program.gone()
    assert program.complaints == ""


def test_unfinished_requests_block_nobody(start: Start) -> None:
    """A hundred connections that never finish their header, and one body that never comes."""
    program = start(WAITING)
    http = program.ready()
    with ExitStack() as stack:
        for number in range(100):
            connection = stack.enter_context(connect(program))
            connection.sendall(b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"a" * number)
        stack.enter_context(connect(program)).sendall(raw(program, b"{", length=1000))
        assert http.get("state", timeout=2.0).status_code == 200
        assert http.patch("state", json={"left": 1}, timeout=2.0).status_code == 200
        program.say()
        assert program.wait(4.0) == 0
        program.gone()


def test_two_hundred_connections_at_once_are_all_answered(start: Start) -> None:
    """All of them are open before the first is used."""
    program = start(WAITING)
    program.ready()
    request = raw(program, b"", method="GET")
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(program)) for _ in range(200)]

        def ask(connection: socket.socket) -> bytes:
            connection.sendall(request)
            return connection.recv(65536)

        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(ask, connections))
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
freak = begin()
hear()
"""


def test_more_idle_connections_than_files_keep_nobody_out(start: Start) -> None:
    """Anybody on the machine can open them, without a token; the program's log hears nothing of it."""
    program = start(FEW_FILES)
    program.ready()
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connect(program))
        client = program.client()
        assert client.set({"left": 1}).status == "applied"
        assert client.get("left") == 1
    program.say()
    assert program.wait() == 0
    assert program.complaints == ""


NONSENSE: dict[str, Callable[[Program], bytes]] = {
    "no HTTP at all": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
    "a header without end": lambda _: b"GET /state HTTP/1.1\r\nX: " + b"a" * 200_000,
    "two lengths": lambda program: raw(program, b"{}").replace(
        b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 3"
    ),
    "length and chunks": lambda program: (
        raw(program, b"{}").replace(b"Content-Length: 2", b"Content-Length: 2\r\nTransfer-Encoding: chunked")
        + b"\r\n"
    ),
    "a negative length": lambda program: raw(program, b"{}", length=-1),
}


def test_nonsense_on_the_wire_is_refused_and_harmless(start: Start) -> None:
    """The server answers 4xx or hangs up, changes nothing and lives on."""
    program = start(WAITING)
    http = program.ready()
    for name, make in NONSENSE.items():
        with connect(program) as connection:
            try:
                connection.sendall(make(program))
                answer = connection.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                answer = b""
            assert not answer or answer.startswith(b"HTTP/1.1 4"), (name, answer)
    assert http.get("receipts").json() == []
    assert http.patch("state", json={"left": 1}).status_code == 200
    assert program.servers() == {program.server}
