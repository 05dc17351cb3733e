"""Connections of strangers: none may dawdle, and however many come, who asks is answered."""

import contextlib
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from freak_core.server import connection_limits as connections
from freak_core.server import connection_shares
from freak_core.server.http import HttpServer

Connect = Callable[[], socket.socket]
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


async def hello(request: Request) -> str:
    with contextlib.suppress(ClientDisconnect):
        await request.body()
    return "hello"


@pytest.fixture
def connect(closing: ExitStack) -> Iterator[Connect]:
    """Return a function that connects to a server of an app that says hello."""
    app = FastAPI()
    app.add_api_route("/", hello, methods=["GET", "POST"])
    app.add_api_route("/much", lambda: Response(bytes(20_000_000)))
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    server = HttpServer(app, listener, "error")
    server.start()
    yield lambda: closing.enter_context(socket.create_connection(address, timeout=20))
    closing.close()
    server.stop(5.0)


def answer(connection: socket.socket, request: bytes = ASK) -> bytes:
    """Return what a server answers until it says hello or hangs up."""
    heard = b""
    with contextlib.suppress(ConnectionError):
        connection.sendall(request)
        while b"hello" not in heard and (data := connection.recv(65536)):
            heard += data
    return heard


@pytest.mark.parametrize("begin", [b"", b"G", ASK[:-2], POST, POST + b"{"])
def test_a_request_that_is_not_finished_in_time_is_hung_up_on(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setattr(connections, "REQUEST_WITHIN", 0.2)
    assert answer(connect(), begin) == b""


def test_a_second_request_must_be_finished_in_time_too(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_WITHIN", 0.2)
    connection = connect()
    for _ in range(3):
        assert b"200 OK" in answer(connection)
    assert answer(connection, ASK[:-2]) == b""


def test_when_there_are_too_many_strangers_the_longest_idle_one_goes(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 12)  # a quarter is for strangers
    idle = [connect() for _ in range(5)]
    assert b"200 OK" in answer(connect())
    assert [b"200 OK" in answer(each) for each in idle] == [False, False, False, True, True]


def test_who_does_not_read_the_answers_is_hung_up_on(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WRITE_WITHIN", 0.5)
    unread = connect()
    unread.sendall(ASK.replace(b"/", b"/much", 1))
    watch = select.poll()
    watch.register(unread, 0)  # only of the end of the connection
    assert watch.poll(20_000)


def test_of_requests_that_are_sent_without_waiting_the_first_is_answered(connect: Connect) -> None:
    connection = connect()
    assert b"200 OK" in answer(connection)
    connection.sendall(ASK * 3)
    heard = b""
    while data := connection.recv(65536):
        heard += data
    assert heard.count(b"200 OK") == 1
    whole = connect()
    for part in (ASK[:9], ASK[9:], POST, b"{}{}"):  # in parts, and with a body: one at a time is enough
        whole.sendall(part)
    assert b"200 OK" in answer(connect())


def test_there_are_fewer_connections_than_files_that_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited = connection_shares.resource.RLIM_INFINITY
    for limit, most in ((128, 64), (1024, 512), (1 << 20, 1000), (unlimited, 1000)):
        monkeypatch.setattr(connection_shares.resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert connection_shares.most_connections() == most
        shares = [connection_shares.places_of(who, most) for who in ("owner", "reader", None)]
        assert sum(shares) == most
        assert min(shares) == shares[2] == most // 4
