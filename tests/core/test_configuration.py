"""What Freak takes from its arguments and from the environment, and what it refuses."""

import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import pytest

from freak_core import Client, ConfigurationError, Freak, control
from tests.core.conftest import Connect, Serve
from tests.core.steered import Steered


def test_the_environment_wins(served: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREAK_HOST", "localhost")
    monkeypatch.setenv("FREAK_PORT", "0")
    monkeypatch.setenv("FREAK_TOKEN", "a-token-from-outside")
    freak = served(host="192.0.2.1", port=1, token="another-token-at-all")
    assert freak.link == f"http://127.0.0.1:{freak.port}/#token=a-token-from-outside"
    assert connect(freak).get("state").status_code == 200
    for name in ("HOST", "PORT", "TOKEN", "DISABLED"):
        monkeypatch.setenv(f"FREAK_{name}", "")
    assert (Freak(port=7).host, Freak(port=7).port, Freak().disabled) == ("127.0.0.1", 7, False)
    assert Freak(token="another-token-at-all").token == "another-token-at-all"


def test_disabled_freak_does_nothing_and_everything_still_works(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREAK_DISABLED", "1")
    before = set(threading.enumerate())
    for _ in range(2):
        with control(Steered()) as freak:
            assert not freak.running
            assert freak.sync() == []
            freak.publish(step=1, loss=2.0)
            freak.phase("training")
            freak.serve()
            assert freak.snapshot() == Steered()
            with freak.locked():
                pass
    assert set(threading.enumerate()) == before
    assert not home.exists()


@pytest.mark.parametrize("port", [-1, 65536, "x", 4444.5, True, "²", "4 4"])
def test_a_port_that_is_none_is_refused(port: Any) -> None:
    with pytest.raises(ConfigurationError, match="port"):
        Freak(port=port)


@pytest.mark.parametrize(
    "token", ["short", "with a space in the middle", "ünïcödé-is-not-for-headers", "x" * 20 + "\n"]
)
def test_a_token_that_cannot_work_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="token"):
        Freak(token=token)


def test_other_mistakes_are_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="allowed_hosts"):
        Freak(host="0.0.0.0")  # noqa: S104
    with pytest.raises(ConfigurationError, match="prefix"):
        Freak(prefix="freak")
    with pytest.raises(ConfigurationError, match="loud"):
        Freak(uvicorn_log_level="loud")
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1"):
        Freak(host="192.0.2.1", port=0, allowed_hosts=["x"]).control(Steered())


@pytest.mark.parametrize("port", [None, 0, 4444])
def test_a_host_that_is_none_is_named_after_one_look(
    port: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []

    def unknown(*place: object, **_: object) -> NoReturn:
        looked.append(place)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ConfigurationError, match=r"nowhere.*not known"):
        Freak(host="nowhere", port=port, allowed_hosts=["x"]).control(Steered())
    assert len(looked) == 1


def test_the_run_is_named_and_its_link_opens_it(served: Serve) -> None:
    freak = served(name="my run", host="localhost")
    assert freak.link.startswith(f"{freak.url}/#token=")
    with Client(freak.link) as client:
        assert client.run()["name"] == "my run"


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("/runs/train.py", "train"),
        ("/lib/vit/__main__.py", "vit"),
        ("-c", "python"),
        ("-m", "python"),
        ("", "python"),
    ],
)
def test_a_run_is_called_like_its_script(argument: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [argument])
    assert Freak().name == name
