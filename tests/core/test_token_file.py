"""The token may come from a file, and is in nothing that is printed by accident."""

from pathlib import Path

import pytest

from freak_core import Client, ConfigurationError, Freak
from freak_core.client.transport import Address
from freak_core.runs.live_runs import list_runs
from tests.core.cli.shell import freak
from tests.core.conftest import Serve

TOKEN = "the-token-of-the-file"


def test_the_token_of_a_file_is_the_token(served: Serve, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"  {TOKEN}\n")
    program = served(token_file=tmp_path / "token")
    assert program.token == TOKEN
    with Client(program.url, TOKEN) as client:
        assert client.get("epochs") == 10


def test_the_environment_names_the_file_and_the_token_itself_takes_precedence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("FREAK_TOKEN_FILE", str(tmp_path / "token"))
    assert Freak().token == TOKEN
    monkeypatch.setenv("FREAK_TOKEN", "the-token-of-the-environment")
    assert Freak().token == "the-token-of-the-environment"


def test_a_client_and_the_command_line_read_the_file_too(
    served: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    program = served(token=TOKEN)
    monkeypatch.setenv("FREAK_TOKEN_FILE", str(tmp_path / "token"))
    with Client(program.url) as client:
        assert client.get("epochs") == 10
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "another home"))
    assert freak("get", "epochs", "--run", program.url).out == "10\n"


def test_a_client_says_that_the_file_cannot_be_read(
    served: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = served()
    monkeypatch.setenv("FREAK_TOKEN_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="nowhere"):
        Client(program.url)
    assert "nowhere" in freak("get", "epochs", "--run", program.url, code=2).err
    with Client(program.link) as client:  # what is given takes precedence
        assert client.get("epochs") == 10


def test_a_token_file_that_cannot_work_is_said_at_once(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "short").write_text("short")
    (tmp_path / "bytes").write_bytes(b"\xff" * 20)
    for name in ("nowhere", "empty", "short", "bytes"):
        with pytest.raises(ConfigurationError, match="token"):
            Freak(token_file=tmp_path / name)
    (tmp_path / "good").write_text(TOKEN)
    with pytest.raises(ConfigurationError, match="not both"):
        Freak(token=TOKEN, token_file=tmp_path / "good")


def test_no_token_is_in_a_repr(served: Serve) -> None:
    program = served(token=TOKEN)
    (run,) = list_runs()
    client = Client(program.link)
    for shown in (program, run, client, Address.parse(program.link, None), vars(client)):
        assert TOKEN not in repr(shown)
        assert program.read_token not in repr(shown)
    client.close()


def test_a_link_carries_any_token(served: Serve) -> None:
    odd = "a+b&c%41d=/e#f?g;h:i@j"
    program = served(token=odd)
    assert odd not in program.link
    with Client(program.link) as client:
        assert client.get("epochs") == 10
        assert Address.parse(client.link, None).token == odd
