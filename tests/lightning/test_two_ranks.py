"""Two real ranks over gloo, steered over HTTP: the same changes, in the same order, at the same step."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freak_core import Client, Failed, Receipt, Rejected
from tests.lightning.conftest import Training

Start = Callable[..., Training]
pytestmark = pytest.mark.ranks


def random_request(client: Client, chance: random.Random) -> Receipt:
    """Ask for something, applied or not; waits for nothing."""
    match chance.randrange(5):
        case 0 | 1:
            return client.set({"lr.hold": chance.uniform(1e-4, 1e-1), "lr.scale": None})
        case 2:
            return client.set({"lr.scale": chance.uniform(0.1, 2.0), "lr.hold": None})
        case 3:
            return client.set({"lr.hold": None, "lr.scale": None})
        case _:  # min_epochs hold the stop back for good
            return client.set({"stop.should_stop": chance.random() < 0.5, "stop.after": "epoch"})


def check_steps(record: list[Any], receipts: list[Receipt]) -> None:
    """Each hold must be in use from the very step after the one in its receipt until the next change."""
    used = {step: lrs for step, lrs, *_ in record}
    changes = sorted((r for r in receipts if r.applied), key=lambda r: (r.applied.step, r.seq))
    last = {r.applied.step: r for r in changes if any(c.path.startswith("/lr") for c in r.changes)}
    held = {step: [c.new for c in r.changes if c.path == "/lr/hold"] for step, r in last.items()}
    checked = 0
    for step, new in held.items():
        if new and new[0] is not None and step + 1 in used:
            assert used[step + 1] == new
            checked += 1
    assert checked > 10


def test_two_ranks_see_the_same_over_200_randomly_timed_requests(start: Start) -> None:
    training = start("--ranks", "2", "--sync", "3", "--min-epochs", "100000")
    client = training.connect()
    chance = random.Random(4)  # noqa: S311 - the same every time
    receipts = []
    for _ in range(200):
        receipts.append(random_request(client, chance))
        time.sleep(chance.expovariate(40))
    receipts = [client.wait(receipt) for receipt in receipts]
    client.set({"stop.should_stop": True, "stop.after": "batch", "stop.force": True}, wait=30)
    assert training.end() == 0, training.log()
    zero, one = training.record(0), training.record(1)
    assert zero == one
    assert len(zero) > 100
    assert {receipt.status for receipt in receipts} == {"applied"}
    assert {receipt.applied.ranks for receipt in receipts if receipt.applied} == {2}
    check_steps(zero, receipts)


@pytest.mark.parametrize("sync", ["epoch", "auto", "1"])
def test_a_change_arrives_with_every_cadence(start: Start, sync: str) -> None:
    training = start("--ranks", "2", "--sync", sync, "--batches", "20")
    client = training.connect()
    receipt = client.set({"lr.hold": 0.5}, wait=30)
    assert receipt.applied is not None
    assert receipt.applied.ranks == 2
    if sync == "epoch":
        assert receipt.applied.step % 20 == 0
    client.set({"stop.should_stop": True}, wait=30)
    assert training.end() == 0, training.log()
    assert training.record(0) == training.record(1)


def test_a_request_that_fails_on_one_rank_fails_and_names_it(start: Start) -> None:
    training = start("--ranks", "2")
    client = training.connect()
    with pytest.raises(Failed, match="rank 1 of 2"):
        client.call("fail_on", rank=1, wait=30)
    with pytest.raises(Rejected, match="there is no param group"):
        client.set({"lr.groups": {"9/9": {"hold": 0.1}}}, wait=30)
    assert client.get("lr.groups") == {}
    assert client.call("fail_on", rank=7, wait=30).result == 0
    client.set({"stop.should_stop": True}, wait=30)
    assert training.end() == 0, training.log()


def test_a_checkpoint_that_cannot_be_written_fails_and_nobody_hangs(start: Start, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    training = start("--ranks", "2", "--ready-only-dir", str(blocked))
    client = training.connect()
    with pytest.raises(Failed, match="rank 0 of 2"):
        client.call("checkpoint", wait=30)
    stopped = client.set({"stop.should_stop": True}, wait=30)
    assert stopped.status == "applied"
    assert training.end() == 0, training.log()


def test_a_crash_on_all_ranks_takes_the_server_along(start: Start) -> None:
    training = start("--ranks", "2")
    client = training.connect()
    client.call("crash", wait=30)
    assert training.end() != 0
    assert "the model crashed" in training.log()
    gone(client)


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_training_and_its_server(start: Start, which: signal.Signals) -> None:
    training = start()
    client = training.connect()
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
    """Check that nothing listens any more, within 2.5 seconds."""
    import socket

    host, port = client.url.removeprefix("http://").split(":")
    deadline = time.monotonic() + 2.5
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) != 0:
                return
        assert time.monotonic() < deadline, "the server is still there"
        time.sleep(0.05)
