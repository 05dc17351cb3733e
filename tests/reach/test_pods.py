"""A run in a Kubernetes pod is reached with ``kubectl port-forward``, tested with a stand-in for kubectl."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from freak_core import Client, Freak, Unreachable
from freak_core.runs.run_file import publish
from freak_core.runs.run_folder import RunFolder
from tests.core.cli.shell import freak
from tests.core.runs.places import described
from tests.reach import stand_in
from tests.waiting import eventually


class Settings(BaseModel):
    lr: float = 0.1


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the process id and the arguments of the last kubectl."""
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in.__file__}" "$@"\n')
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{kubectl.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN_SAID", str(tmp_path / "said"))
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FREAK_NO_SSH", raising=False)
    return tmp_path / "said"


def in_pod(program: Freak, pod: str, **launcher: str) -> None:
    """Say that a program runs in a pod."""
    run = described("in-pod", host="pod-7", pid_space="other", url=program.url, token=program.token)
    publish(run.model_copy(update={"launcher": {"kubernetes_pod": pod, **launcher}}))
    RunFolder(program.id).run_file.unlink()


def ended(said: Path) -> bool:
    process = json.loads(said.read_text())[0]
    return not Path(f"/proc/{process}").exists()


def test_a_run_in_a_pod_is_read_and_changed(said: Path) -> None:
    with Freak(port=0).control(Settings()) as program:
        in_pod(program, "train-0", kubernetes_namespace="ml")
        done = freak("set", "lr=0.3")
        assert "applied" in done.out
        assert done.err.startswith("connecting to the pod train-0 with kubectl port-forward, to reach")
        port = program.url.rpartition(":")[2]
        expected = ["port-forward", "--namespace=ml", "--address=127.0.0.1", "pod/train-0", f":{port}"]
        assert json.loads(said.read_text())[1:] == expected
        eventually(lambda: ended(said), what="the end of kubectl")
        with Client.find("in-pod") as client:
            assert client.get("lr") == 0.3
            assert not ended(said)
        eventually(lambda: ended(said), what="the end of kubectl")
        assert freak("ls", "--json").json[0]["state"] == "running"


def test_no_kubectl_survives_a_program_that_is_killed(said: Path) -> None:
    code = "import time; from freak_core import Client; run = Client.find('in-pod'); time.sleep(60)"
    with Freak(port=0).control(Settings()) as program:
        in_pod(program, "train-0")
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as killed:
            eventually(lambda: said.exists() and said.read_text(), what="the start of kubectl")
            assert not ended(said)
            killed.kill()
        eventually(lambda: ended(said), what="the end of kubectl")


def test_a_pod_that_is_gone_is_told(said: Path) -> None:
    with Freak(port=0).control(Settings()) as program:
        in_pod(program, "gone")
        refused = freak("get", "lr", code=3).err
        why = 'Error from server (NotFound): pods "gone" not found'
        assert f"kubectl could not reach the pod: {why}" in refused
        assert "kubectl port-forward pod/gone" in refused  # to be run by hand


def test_without_kubectl_it_says_so(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Freak(port=0).control(Settings()) as program:
        in_pod(program, "train-0")
        monkeypatch.setenv("PATH", str(said.parent))
        assert "kubectl, which could reach the pod train-0, is not installed" in freak("get", code=3).err


@pytest.mark.parametrize("pod", ["-h", "a b", "--kubeconfig=/tmp/x", "UPPER", "a/b", "a\nb"])
def test_a_name_that_is_no_pod_starts_nothing(said: Path, pod: str) -> None:
    with Freak(port=0).control(Settings()) as program:
        in_pod(program, pod)
        with pytest.raises(Unreachable, match="is not the name of a Kubernetes pod"):
            Client.find("in-pod")
        in_pod_namespace = described("in-ns", host="pod-8", pid_space="other", url=program.url)
        publish(
            in_pod_namespace.model_copy(
                update={"launcher": {"kubernetes_pod": "train-0", "kubernetes_namespace": pod}}
            )
        )
        with pytest.raises(Unreachable, match="is not the name of a Kubernetes pod"):
            Client.find("in-ns")
        assert not said.exists()
