"""The loop without Lightning is steered, saved and stopped, as the example says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from freak_core import Client, Rejected
from tests.waiting import eventually

SCRIPT = Path(__file__).parents[2] / "examples" / "plain_loop.py"


def test_a_plain_loop_is_steered_saved_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    options = ["--epochs", "100000", "--step-seconds", "0.002", "--name", "plain", "--dir", str(tmp_path)]
    loop = subprocess.Popen(
        [sys.executable, str(SCRIPT), *options],
        env={**os.environ, "FREAK_PORT": "0", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: list(tmp_path.glob("home/runs/*/run.json")), within=60, what="a run")
        with Client.find("plain") as run:
            changed = run.set({"lr": 0.01, "dropout": 0.5}, wait=30, note="less noise")
            assert changed.applied is not None
            assert changed.applied.step is not None
            with pytest.raises(Rejected, match="less than or equal to 1"):
                run.set({"lr": 5})
            saved = run.call("checkpoint", name="mine", wait=30)
            stored = torch.load(saved.result)
            assert stored["step"] == saved.applied.step > changed.applied.step
            assert stored["optimizer"]["param_groups"][0]["lr"] == 0.01
            eventually(lambda: {"loss", "lr"} <= run.series().keys())
            stopped = run.set({"should_stop": True}, wait=30)
        said, _ = loop.communicate(timeout=30)
        assert f"stopped at step {stopped.applied.step}" in said
        assert loop.returncode == 0
    finally:
        loop.kill()
        loop.wait(30)
