"""torchrun starts a training again after a rank has failed: it is found where it was, and steered on."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from freak_core import Client, Unreachable
from freak_core.runs.journal_reader import run_in
from tests.lightning.conftest import Training
from tests.soak import SOAK

pytestmark = [pytest.mark.ranks, pytest.mark.timeout(240)]

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def trained_by_another(training: Training, client: Client, run_id: str) -> str:
    """Wait until another run trains at the same address; return its id."""
    found: list[str] = []

    def trains() -> bool:
        with suppress(Unreachable):  # nobody listens between two runs
            run = client.run()
            if run["id"] != run_id and run.get("step"):
                found.append(run["id"])
        return bool(found)

    training.wait_until(trains)
    return found[0]


def crash(training: Training, client: Client) -> None:
    client.call("crash_on", rank=1, wait=30)


def kill(training: Training, client: Client) -> None:
    os.kill(training.pid(0), signal.SIGKILL)


FAILURES = {"failed": crash, "lost": kill} if SOAK else {"lost": kill}  # each start takes ten seconds
"""What happens to the runs but the last, by how such a run ends."""


def test_a_training_that_torchrun_starts_again_keeps_its_address_and_tells_what_is_lost(
    start: Callable[..., Training], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rank zero is killed; at full length, rank one raises before. The last run is stopped."""
    # Else torchrun's store keeps the addresses of the ranks that have ended, and gloo connects to those.
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    training = start("--ranks", "2", launcher=[*TORCHRUN, f"--max-restarts={len(FAILURES)}"])
    client = training.connect()
    runs = [client.run()["id"]]
    for fail in FAILURES.values():
        never = client.set({"lr.hold": 0.5}, at_step=10**9)
        fail(training, client)
        runs.append(trained_by_another(training, client, runs[-1]))
        assert client.wait(never, 30).status == "failed"
    held = client.set({"lr.hold": 0.25}, wait=30)
    assert (held.status, held.applied and held.applied.ranks) == ("applied", 2)
    client.set({"stop.should_stop": True}, wait=30)
    assert training.end() == 0, training.log()
    ended = [run_in(home / "runs" / run / "journal.jsonl") for run in runs]
    assert [run and run["phase"] for run in ended] == [*FAILURES, "stopped"]
    if SOAK:
        assert "rank 1 of 2 failed first: RuntimeError: the model crashed" in str(ended[0])
    assert list(home.glob("runs/*/restart.json")) == []
