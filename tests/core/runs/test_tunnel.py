"""What a program says at its start, and how one gets to it from another machine."""

import getpass
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from freak_core.runs.run_file import Run
from freak_core.runs.tunnel import announce, link_through_tunnel, tunnel_command

ME = getpass.getuser()
PROGRAM = """
from pydantic import BaseModel
from freak_core import Freak
class State(BaseModel):
    pass
with Freak(port=0, name="vit large").control(State()) as freak:
    print(freak.link)
"""


def run(**facts: object) -> Run:
    known = {
        "id": "a",
        "name": "a",
        "url": "http://127.0.0.1:4500",
        "token": "secret",
        "host": "gpu7",
        "pid": 1,
    }
    return Run(**{**known, "started_at": "", **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "command", "link"),
    [
        ({}, f"ssh -N -L 4500:127.0.0.1:4500 {ME}@gpu7", "http://127.0.0.1:4500/#token=secret"),
        (
            {"url": "http://[::1]:4500/freak"},
            f"ssh -N -L 4500:[::1]:4500 {ME}@gpu7",
            "http://127.0.0.1:4500/freak/#token=secret",
        ),
        (
            {"launcher": {"slurm_submit_host": "login1"}},
            f"ssh -N -J {ME}@login1 -L 4500:127.0.0.1:4500 {ME}@gpu7",
            "http://127.0.0.1:4500/#token=secret",
        ),
        (
            {"launcher": {"kubernetes_pod": "vit-0", "kubernetes_namespace": "lab"}},
            "kubectl port-forward -n lab pod/vit-0 4500:4500",
            "http://127.0.0.1:4500/#token=secret",
        ),
        (
            {"url": "unix:///run/my freak.sock:/at"},
            f"ssh -N -L 4444:'/run/my freak.sock' {ME}@gpu7",
            "http://127.0.0.1:4444/at/#token=secret",
        ),
    ],
)
def test_a_tunnel_leads_to_the_run(facts: dict[str, object], command: str, link: str) -> None:
    assert tunnel_command(run(**facts)) == command
    assert link_through_tunnel(run(**facts)) == link


def test_the_near_end_of_a_tunnel_can_be_chosen() -> None:
    assert tunnel_command(run(), 5000) == f"ssh -N -L 5000:127.0.0.1:4500 {ME}@gpu7"
    assert link_through_tunnel(run(), 5000) == "http://127.0.0.1:5000/#token=secret"


def test_the_token_is_said_to_a_terminal_only(tmp_path: Path) -> None:
    environment = {**os.environ, "FREAK_HOME": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    logged = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    link = logged.stdout.strip()
    token = link.partition("#token=")[2]
    assert logged.stderr.splitlines() == [
        f"Freak controls 'vit large': {link.partition('/#')[0]} on {os.uname().nodename}; "
        "for the link: freak open 'vit large'"
    ]
    assert token not in logged.stderr

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        link = process.communicate(timeout=60)[0].strip()
    os.close(theirs)
    first, second = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    port = link.partition("/#")[0].rpartition(":")[2]
    assert first == f"Freak controls 'vit large': {link}"
    assert second.endswith(f"ssh -N -L {port}:127.0.0.1:{port} {ME}@{os.uname().nodename}")


class Broken(io.StringIO):
    """A stderr that nothing can be written to, as on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stderr", [None, closed(), Broken(), object()])
def test_nothing_is_said_where_nothing_can_be(stderr: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    announce(run())
