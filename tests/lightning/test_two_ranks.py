"""Two real ranks over gloo, steered over HTTP: the same changes, in the same order, at the same step."""

import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freak_core import Client, Failed, Rejected
from tests.lightning.conftest import Training
from tests.pairs import grid
from tests.waiting import eventually

Start = Callable[..., Training]
pytestmark = pytest.mark.ranks


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    """Two ranks that may open few files and cannot save, for all tests that leave them training."""
    folder = tmp_path_factory.mktemp("two-ranks")
    (folder / "out").mkdir()
    (folder / "blocked").write_text("a file where a folder should be")
    few = ["sh", "-c", 'ulimit -n 256; exec "$0" "$@"', sys.executable]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_HOME", str(folder / "home"))
        options = ("--ranks", "2", "--sync", "auto", "--ready-only-dir", str(folder / "blocked"))
        training = Training(folder / "out", folder / "home", *options, launcher=few)
        try:
            training.connect()
            yield training
        finally:
            training.close()


@pytest.fixture
def client(training: Training) -> Client:
    """A client of the training that the tests share."""
    assert training.client is not None
    return training.client


def test_a_change_arrives_on_both_ranks(client: Client) -> None:
    receipt = client.set({"lr.hold": 0.5}, wait=30)
    assert receipt.applied is not None
    assert receipt.applied.ranks == 2


def test_a_request_that_fails_on_one_rank_fails_and_names_it(client: Client) -> None:
    with pytest.raises(Failed, match="rank 1 of 2"):
        client.call("fail_on", rank=1, wait=30)
    with pytest.raises(Rejected, match="there is no param group"):
        client.set({"lr.groups": {"9/9": {"hold": 0.1}}}, wait=30)
    assert client.get("lr.groups") == {}
    assert client.call("fail_on", rank=7, wait=30).result == 0


def test_a_checkpoint_that_cannot_be_written_fails_and_nobody_hangs(client: Client) -> None:
    with pytest.raises(Failed, match="rank 0 of 2"):
        client.call("checkpoint", wait=30)


def test_after_all_that_both_ranks_stop_at_the_same_step_with_256_open_files(
    training: Training, client: Client
) -> None:
    limits = Path(f"/proc/{training.pid(1)}/limits").read_text()
    assert re.search(r"Max open files +256 ", limits), limits
    stopped = client.set({"stop.should_stop": True}, wait=30)
    assert stopped.status == "applied"
    assert training.end() == 0, training.log()
    assert training.record(0) == training.record(1)
    assert "could not connect" not in (training.out / "log.txt").read_text()


def test_a_change_that_waits_for_the_epoch_arrives_at_its_end(start: Start) -> None:
    training = start("--ranks", "2", "--sync", "epoch", "--batches", "20")
    client = training.connect()
    receipt = client.set({"lr.hold": 0.5}, wait=30)
    assert receipt.applied is not None
    assert (receipt.applied.step % 20, receipt.applied.ranks) == (0, 2)
    client.set({"stop.should_stop": True}, wait=30)
    assert training.end() == 0, training.log()
    assert training.record(0) == training.record(1)


def test_a_crash_on_all_ranks_takes_the_server_along(start: Start) -> None:
    training = start("--ranks", "2")
    client = training.connect()
    client.call("crash", wait=30)
    assert training.end() != 0
    assert "the model crashed" in training.log()
    gone(client)


def test_a_run_names_the_rank_that_failed_first_while_another_still_waits_for_it(
    start: Start, home: Path
) -> None:
    """Rank one has raised, and keeps its connections open for a while; rank zero waits for it."""
    training = start("--ranks", "2", "--on-its-own", "--lingers")
    client = training.connect()
    client.call("crash_on", rank=1, wait=30)
    training.wait_until(lambda: client.run()["phase"] == "failing")
    culprit = "rank 1 of 2 failed first: RuntimeError: the model crashed"
    assert client.run()["error"] == culprit
    assert training.process.poll() is None
    assert training.end() != 0
    journal = next(home.glob("runs/*/journal.jsonl"))
    eventually(lambda: '"phase":"failed"' in journal.read_text())
    assert f"RankFailed: {culprit}. Then rank 0" in journal.read_text()


@pytest.mark.parametrize(
    ("phase", "killed"), grid(["training", "paused"], [0, 1], few=[("training", 1), ("paused", 0)])
)
def test_a_killed_rank_makes_nobody_wait(start: Start, phase: str, killed: int) -> None:
    """Without Lightning's observer, which kills the others anyway, each rank must run into its own error."""
    training = start("--ranks", "2", "--on-its-own")
    client = training.connect()
    if phase == "paused":
        client.set({"pause.paused": True}, wait=30)
        training.wait_until(lambda: client.run()["phase"] == "paused")
    other = Path(f"/proc/{training.pid(1 - killed)}")
    os.kill(training.pid(killed), signal.SIGKILL)
    assert training.end() != 0
    eventually(lambda: not other.exists() or "Z" in (other / "stat").read_text().split()[2])
    gone(client)


@pytest.mark.parametrize(
    ("phase", "which"),
    grid(
        ["training", "paused"],
        [signal.SIGINT, signal.SIGTERM],
        few=[("training", signal.SIGTERM), ("paused", signal.SIGINT)],
    ),
)
def test_signals_end_the_training_and_its_server(start: Start, phase: str, which: signal.Signals) -> None:
    training = start()
    client = training.connect()
    client.set({"pause.paused": phase == "paused"}, wait=30)
    training.wait_until(lambda: client.run()["phase"] == phase)
    training.process.send_signal(which)
    training.end()
    gone(client)


def test_the_server_leaves_when_the_trainer_is_killed(start: Start) -> None:
    training = start()
    client = training.connect()
    client.set({"lr.hold": 0.25}, wait=30)
    training.process.kill()
    training.end()
    gone(client)


def gone(client: Client) -> None:
    """Wait until nothing listens any more; the port was a random one, which nobody else gets so soon."""
    host, port = client.url.removeprefix("http://").split(":")

    def refused() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) != 0

    eventually(refused)
