"""What a run file says is checked before anything is started with it."""

import socket
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from freak_core import Client, Unreachable
from freak_core.cli.app import app
from freak_core.cli.completion import complete_path, complete_run
from freak_core.runs.run_file import Run, publish
from freak_core.runs.run_folder import RunFolder
from tests.core.cli.shell import freak
from tests.core.runs.places import described


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a stand-in for ssh writes its arguments to; it reaches nothing."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    said = tmp_path / "said"
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>"{said}"\necho "no such host" >&2\nexit 255\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:/usr/bin:/bin")
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FREAK_NO_SSH", raising=False)
    return said


def elsewhere(**update: object) -> Run:
    run = described("far", **{"host": "gpu7", "pid_space": "other", **update})
    publish(run)
    return run


@pytest.mark.parametrize(
    "host",
    [
        "-oProxyCommand=touch /tmp/x",
        "-oProxyCommand=x",
        "gpu7 -oProxyCommand=x",
        "gpu7\n",
        "\tgpu7",
        "user@gpu7",
        "gpu7;touch",
        "$(touch)",
        "`touch`",
        "%h",
        "gpu7:22",
        "ssh://gpu7",
        "[::1]",
        "gpü7",
        ".gpu7",
        "gpu7-",
        "a" * 300,
        "",
    ],
)
def test_a_name_that_is_no_host_starts_nothing(started: Path, host: str) -> None:
    elsewhere(host=host)
    with pytest.raises(Unreachable, match="is not the name of a host; nothing was started with it"):
        Client.find("far")
    done = freak("get", code=3)
    assert "connecting" not in done.err
    assert freak("ls", "--json").json[0]["state"] == "alive"
    assert not started.exists()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1", "unix:///tmp/a b", "unix:///tmp/%h"],
)
def test_a_url_that_is_no_address_of_its_machine_starts_nothing(started: Path, url: str) -> None:
    elsewhere(url=url)
    with pytest.raises(Unreachable, match="nothing was started with it"):
        Client.find("far")
    assert not any(" -W " in line for line in started.read_text().splitlines())


def test_the_host_is_the_last_argument_and_follows_two_dashes(started: Path) -> None:
    elsewhere()
    with pytest.raises(Unreachable, match="no such host"):
        Client.find("far")
    asked, connected = started.read_text().splitlines()
    assert asked == "-G -- gpu7"
    assert connected.endswith("-W 127.0.0.1:4444 -- gpu7")
    for option in ("BatchMode=yes", "ConnectTimeout=10", "ForwardAgent=no"):
        assert f"-o {option} " in connected
    assert "HostKey" not in connected  # what the user's configuration says of host keys is left as it is
    assert "KnownHosts" not in connected


def test_a_file_that_others_may_write_starts_nothing(started: Path) -> None:
    elsewhere()
    RunFolder("far").run_file.chmod(0o666)
    assert "far" not in freak("ls").out
    assert not started.exists()


def test_a_run_in_a_container_of_this_machine_is_not_sought_with_ssh(started: Path) -> None:
    elsewhere(host=socket.gethostname(), net_space="other")
    with pytest.raises(Unreachable, match="in a container or a network of its own"):
        Client.find("far")
    assert not started.exists()


def test_a_machine_that_refuses_is_asked_once_by_a_list(started: Path) -> None:
    for name in ("one", "two", "three"):
        publish(described(name, host="gpu7", pid_space="other", url=f"http://127.0.0.1:{len(name)}"))
    done = freak("ls")
    assert done.out.count("alive") == 3
    assert done.err.count("connecting to gpu7") == 1
    assert done.err.count("no such host") == 1
    assert len(started.read_text().splitlines()) == 2


def test_a_tab_starts_nothing(started: Path) -> None:
    elsewhere()
    context = typer.Context(get_command(app), info_name="freak")
    context.params["run"] = "far"
    assert complete_path(context, "") == []
    assert ("far", "far on gpu7") in complete_run("")
    assert not started.exists()
