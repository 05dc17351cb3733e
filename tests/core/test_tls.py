"""HTTPS: for a server that other machines can reach."""

import asyncio
import logging
import subprocess
from pathlib import Path

import httpx
import pytest

from freak_core import AsyncClient, Client, ConfigurationError, Freak, Unreachable
from tests.core.cli.shell import freak as command
from tests.core.conftest import Serve


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    new_key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    about = ["-subj", "/CN=freak", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run(
        [*new_key, "-keyout", key, "-out", cert, "-days", "2", *about],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return cert, key


def test_a_run_with_a_certificate_is_found_read_and_changed(
    served: Serve, certificate: tuple[Path, Path]
) -> None:
    program = served(name="safe", ssl_certfile=certificate[0], ssl_keyfile=certificate[1])
    assert program.url.startswith("https://127.0.0.1:")
    assert program.link.startswith(program.url)
    with Client.find("safe", wait=20) as client:
        assert client.set({"epochs": 20}, wait=10).status == "applied"
    assert command("ls", "--json").json[0]["state"] == "running"
    assert command("get", "epochs").out == "20\n"


def test_a_client_that_does_not_know_the_certificate_sends_nothing(
    served: Serve, certificate: tuple[Path, Path]
) -> None:
    program = served(ssl_certfile=certificate[0], ssl_keyfile=certificate[1])
    with Client(program.link) as client, pytest.raises(Unreachable, match=r"certificate|CERTIFICATE"):
        client.get()
    with Client(program.link, ssl_ca_certs=certificate[0]) as client:
        assert client.get("epochs") == 10

    async def read() -> object:
        async with AsyncClient(program.link, ssl_ca_certs=certificate[0]) as client:
            return await client.get("epochs")

    assert asyncio.run(read()) == 10


def test_plain_http_at_a_port_with_https_gets_no_answer(
    served: Serve, certificate: tuple[Path, Path]
) -> None:
    program = served(ssl_certfile=certificate[0], ssl_keyfile=certificate[1])
    with pytest.raises(httpx.HTTPError):
        httpx.get(program.url.replace("https", "http") + "/healthz", timeout=20)


def test_a_certificate_that_cannot_work_is_said_at_once(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    (tmp_path / "empty").touch()
    for options in (
        {"ssl_certfile": "nowhere.pem"},
        {"ssl_certfile": tmp_path / "empty"},
        {"ssl_certfile": cert},
        {"ssl_keyfile": key},
        {"ssl_certfile": cert, "ssl_keyfile": cert},
        {"ssl_certfile": cert, "ssl_keyfile": key, "uds": tmp_path / "s"},
    ):
        with pytest.raises(ConfigurationError, match=r"ssl_"):
            Freak(**options)


def test_a_server_that_others_can_reach_without_tls_warns(
    served: Serve, certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "freak")
    served(host="0.0.0.0", allowed_hosts=["gpu7"])  # noqa: S104
    assert "without encryption" in caplog.text
    caplog.clear()
    served()
    cert, key = certificate
    served(host="0.0.0.0", allowed_hosts=["gpu7"], ssl_certfile=cert, ssl_keyfile=key)  # noqa: S104
    assert caplog.text == ""
