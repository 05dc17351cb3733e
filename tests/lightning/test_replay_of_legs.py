"""A run steered live, killed, resumed and steered further is repeated to the bit from its two journals."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from freak_core import Client, Failed, Rejected
from tests.lightning.conftest import Training
from tests.lightning.hashed import read_steps
from tests.soak import SOAK

Start = Callable[..., Training]
pytestmark = pytest.mark.ranks


def steer(training: Training, client: Client) -> None:
    """Ask for one of everything, each at a step of its own."""
    client.set({"lr.hold": 0.02}, wait=30)
    client.set({"optimizer.momentum": 0.5, "loss.weight": 2.5}, wait=30)
    client.call("validate", wait=30)
    client.put("lr.hold", None, wait=30)
    with pytest.raises(Failed, match="injected"):
        client.call("fail_on", rank=0, wait=30)
    with pytest.raises(Rejected):
        client.set({"loss.weight": -1}, wait=30)
    client.cancel(client.set({"loss.weight": 9.0}, at_step=10**9).id)
    client.call("nudge", by=0.01, wait=30)
    client.set({"pause.paused": True}, wait=30)
    training.wait_until(lambda: client.run()["phase"] == "paused")
    client.set({"lr.scale": 0.5, "loss.kinds.a": 1}, wait=30)
    client.call("nudge", by=-0.02, wait=30)
    client.set({"pause.paused": False}, wait=30)
    operations = [
        {"op": "test", "path": "/loss/kinds/a", "value": 1},
        {"op": "move", "from": "/loss/kinds/a", "path": "/loss/kinds/b"},
        {"op": "replace", "path": "/loss/weight", "value": 1.5},
    ]
    patched = client.patch(operations, wait=30)
    assert (patched.kind, client.get("loss.kinds")) == ("json_patch", {"b": 1})


def check(first: Training, again: Any, ranks: int) -> int:
    """Compare every step of every rank; return how many there are.

    A kill of rank zero may find another rank a step ahead, or not as far yet.
    """
    for rank in range(ranks):
        live, repeated = (read_steps(folder / f"rank-{rank}.jsonl") for folder in (first.out, again))
        assert len(live) <= len(repeated) + 1 if rank else len(live) == len(repeated)
        assert [one for one, two in zip(live, repeated, strict=False) if one != two] == []
    return len(live)


@pytest.mark.parametrize("ranks", [1, 2] if SOAK else [2])
def test_every_step_of_every_rank_is_repeated_through_a_kill_and_a_resume(start: Start, ranks: int) -> None:
    module = "tests.lightning.hashed"
    first = start("--ranks", str(ranks), module=module)
    client = first.connect()
    steer(first, client)
    saved = client.call("checkpoint", name="middle", wait=30)
    assert saved.result["exact"] is True, saved
    client.set({"lr.scale": 0.25, "trainer.gradient_clip_val": 0.1}, wait=30)
    done = client.call("nudge", by=0.03, wait=30).applied.step
    first.wait_until(lambda: read_steps(first.out / "rank-0.jsonl")[-1][0] > done + 5)
    first.kill()

    checkpoint = saved.result["path"]
    second = start("--ranks", str(ranks), "--resume", checkpoint, module=module)
    client = second.connect()
    assert client.get("lr.scale") == 0.5
    assert client.get("loss") == {"weight": 1.5, "kinds": {"b": 1}}
    client.reset("optimizer", wait=30)
    client.set({"loss.weight": 0.5}, wait=30)
    # A stop that ends the pause: nothing else would end it in a replay.
    client.set({"pause.paused": True}, wait=30)
    client.set({"stop.should_stop": True, "stop.after": "epoch", "stop.checkpoint": False}, wait=30)
    assert second.end() == 0, second.log()

    again = start(
        "--ranks",
        str(ranks),
        "--resume",
        checkpoint,
        "--again",
        str(first.out),
        str(second.out),
        module=module,
    )
    assert again.end() == 0, again.log()
    assert "differs" not in again.log()
    assert "never reached" not in again.log()
    steps = [check(leg, again.out / f"again-{number}", ranks) for number, leg in enumerate((first, second))]
    assert min(steps) > 20
    for rank in range(ranks):
        last = [torch.load(folder / f"last-{rank}.pt") for folder in (second.out, again.out / "again-1")]
        (weights, optimizer), (weights_again, optimizer_again) = last
        assert all(torch.equal(weights[name], weights_again[name]) for name in weights)
        momenta = optimizer["state"].items()
        assert momenta
        for number, state in momenta:
            assert torch.equal(state["momentum_buffer"], optimizer_again["state"][number]["momentum_buffer"])
