"""A token goes to the run that it is for, and to nobody else who listens there."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from freak_core import AsyncClient, Client, Freak, Unreachable
from freak_core.runs.live_runs import list_runs
from freak_core.runs.run_file import publish
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.core.runs.places import described
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc/net/tcp")

PROGRAM = """
import sys
from freak_core import Freak
from pydantic import BaseModel

class State(BaseModel):
    n: int = 0

with Freak(name="brief", port=0).control(State()) as freak:
    print(freak.port, flush=True)
    sys.stdin.readline()
    import os; os.kill(freak.server_pid, 9); os.kill(os.getpid(), 9)
"""


def taken(address: str, port: int, family: int) -> socket.socket | None:
    """Return a listening socket; None while the server that had the port ends."""
    with suppress(OSError):
        return socket.create_server((address, port), family=family)
    return None


class Thief:
    """Takes a port, and keeps what is sent there."""

    def __init__(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.got: list[bytes] = []
        self._listener = eventually(lambda: taken(address, port, family), within=30, what="a free port")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.got.append(peer.recv(65536))
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                peer.close()

    def __enter__(self) -> "Thief":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def brief(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, which ends when it is told to."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as program:
        yield program
        program.kill()


def ended(program: subprocess.Popen[str]) -> None:
    assert program.stdin is not None
    program.stdin.write("\n")
    program.stdin.flush()
    program.wait(20)


def port_of(program: subprocess.Popen[str]) -> int:
    assert program.stdout is not None
    return int(program.stdout.readline())


def test_who_takes_the_port_of_a_dead_run_gets_no_token(brief: subprocess.Popen[str]) -> None:
    port = port_of(brief)
    with Client.find("brief", wait=20, timeout=10) as client:
        assert client.get("n") == 0
        ended(brief)
        with Thief("127.0.0.1", port) as thief:
            for ask in (client.get, client.run, lambda: client.set({"n": 1})):
                with pytest.raises(Unreachable, match="another program listens"):
                    ask()
            with pytest.raises(Unreachable):
                list(client.events(reconnect=1.0))
        assert thief.got == []


async def async_get(port: int, program: subprocess.Popen[str]) -> None:
    async with await AsyncClient.find("brief", wait=20, timeout=10) as client:
        assert await client.get("n") == 0
        ended(program)
        thief = Thief("127.0.0.1", port)
        with thief, pytest.raises(Unreachable, match="another program listens"):
            await client.get("n")
        assert thief.got == []


def test_nor_from_a_client_that_awaits(brief: subprocess.Popen[str]) -> None:
    import asyncio

    asyncio.run(async_get(port_of(brief), brief))


@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_another_loopback_address_with_the_same_port_gets_no_token(
    served: Serve, address: str, closing: ExitStack
) -> None:
    program = served()
    assert program.port is not None
    thief = closing.enter_context(Thief(address, program.port))
    shown = f"[{address}]" if ":" in address else address
    freak("get", "epochs", "-r", f"http://{shown}:{program.port}")
    assert len(thief.got) == 1
    assert b"Bearer" not in thief.got[0]
    assert freak("get", "epochs", "-r", f"localhost:{program.port}").out == "10\n"
    assert freak("get", "epochs", "-r", f"127.0.0.1:{program.port}").out == "10\n"
    assert not [each for each in thief.got if program.token.encode() in each]


def test_a_run_file_that_leads_to_another_process_is_not_followed(
    brief: subprocess.Popen[str], home: Path
) -> None:
    port_of(brief)
    (run,) = list_runs()
    with Thief("127.0.0.1", 0) as thief:
        publish(run.model_copy(update={"url": f"http://127.0.0.1:{thief._listener.getsockname()[1]}"}))
        assert freak("ls", "--json").json[0]["state"] == "no answer"
        assert "another program listens" in freak("get", "n", code=3).err
        assert thief.got == []


def test_a_run_of_another_network_namespace_is_not_near(home: Path) -> None:
    assert described("here").near
    assert not described("container", net_space="other").near
    assert described("container", net_space="other", url="http://gpu7:4444").near
    assert described("before", net_space=None).near


def test_localhost_is_published_as_what_is_bound(served: Serve) -> None:
    program = served(freak=Freak(port=0, host="localhost"))
    assert program.url == f"http://127.0.0.1:{program.port}"
    assert list_runs()[0].url == program.url


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_client_with_a_link_notices_that_another_user_took_the_port(brief: subprocess.Popen[str]) -> None:
    port = port_of(brief)
    token = list_runs()[0].token
    with Client(f"http://127.0.0.1:{port}", token) as client:
        assert client.get("n") == 0
        ended(brief)
        code = f"""import socket, time
while True:
    try:
        listener = socket.create_server(('127.0.0.1', {port}))
        break
    except OSError:
        time.sleep(0.1)
print(1, flush=True)
time.sleep(60)
"""
        with subprocess.Popen(
            ["/usr/bin/python3", "-c", code], user=65534, group=65534, extra_groups=[], stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(Unreachable, match="another program listens"):
                client.get("n")
            other.kill()
