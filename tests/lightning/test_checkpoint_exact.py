"""``checkpoint`` with ``exact``: it waits for the next exact place and says which, or is refused at once."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from freak_lightning import CheckpointNow, LROverride
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.test_exact_kinds import ByEpoch
from tests.lightning.tiny import KNOWN_WARNINGS, NEEDS_2_6, TinyModel, fit, plain_loader, same, weights

pytestmark = [*KNOWN_WARNINGS, NEEDS_2_6, pytest.mark.usefixtures("home")]

EXACT = partial(checkpoint, exact=True, name="exact")


def run(folder: Path, *asked: Any, **settings: Any) -> tuple[Ask, Any]:
    save = CheckpointNow(folder)
    ask = Ask(save, *asked)
    return ask, fit([ask, LROverride(), save], **settings)


def test_it_waits_for_the_end_of_the_epoch_and_nobody_waits_for_it(tmp_path: Path) -> None:
    """A plain loader does not know its position; a hold that was asked for later comes first."""
    hold = patch({"lr": {"hold": 0.01}})
    ask, trainer = run(tmp_path, (1, 2, EXACT()), (1, 4, hold), loader=plain_loader)
    saved, held = ask.receipt(0), ask.receipt(1)
    assert saved.result["exact"]
    assert saved.result["waited_for"] == "the end of an epoch"
    assert (saved.applied.step, held.applied.step) == (16, 13)
    resumed = fit(
        [LROverride(), CheckpointNow(tmp_path)], loader=plain_loader, resume=tmp_path / "exact.ckpt"
    )
    assert same(weights(resumed), weights(trainer))


def test_it_does_not_wait_where_the_next_step_is_exact(tmp_path: Path) -> None:
    ask, _ = run(tmp_path, (1, 2, EXACT()))
    assert ask.receipt().applied.step == 11
    assert "waited_for" not in ask.receipt().result


def test_it_is_refused_at_once_where_no_exact_place_can_come(tmp_path: Path) -> None:
    loader = partial(plain_loader, shuffle=True)
    ask, _ = run(tmp_path, (1, 2, EXACT()), (1, 3, checkpoint(exact=True, weights_only=True)), loader=loader)
    for number, words in enumerate(["shuffles in an order that a resume does not repeat", "weights_only"]):
        receipt = ask.receipt(number)
        assert receipt.applied is None
        assert words in (receipt.error or {})["detail"]
    assert not list(tmp_path.glob("*.ckpt"))


def test_it_fails_where_the_training_ends_before_the_place(tmp_path: Path) -> None:
    """The epoch is broken off: its end does not come."""
    save = CheckpointNow(tmp_path)
    ask = Ask(save, (1, 2, EXACT()))
    fit([save, ask], model=ByEpoch, max_steps=13)
    assert ask.receipt().status == "failed"
    assert "training has ended before" in (ask.receipt().error or {})["detail"]


def test_with_a_validation_in_the_epoch_it_still_waits_for_its_end(tmp_path: Path) -> None:
    ask, _ = run(tmp_path, (1, 2, EXACT()), model=ByEpoch, val_check_interval=4)
    assert ask.receipt().applied.step == 16
    assert ask.receipt().result["exact"]


def test_the_plain_model_is_named(tmp_path: Path) -> None:
    ask, _ = run(tmp_path, (1, 2, EXACT()), model=TinyModel)
    assert ask.receipt().result["assumes"][0].startswith("TinyModel:")
