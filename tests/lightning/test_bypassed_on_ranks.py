"""An override that some ranks, or all, step without: the ranks agree what becomes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from freak_lightning import LROverride
from tests.lightning.asking import patch
from tests.lightning.forks import ON_FORKS, fit_on_forks, receipts
from tests.lightning.test_sharded import AskOnZero
from tests.lightning.ways_to_step import RATE, ByHand

pytestmark = [*ON_FORKS, pytest.mark.filterwarnings("ignore:the override of lr is not in use")]


class ByItself(ByHand):
    """Updates the weights itself on some ranks, as a captured step does."""

    def __init__(self, ranks: tuple[int, ...]) -> None:
        super().__init__()
        self.ranks = ranks

    def step_by_hand(self) -> None:
        if self.global_rank not in self.ranks:
            super().step_by_hand()
            return
        with torch.no_grad():
            for each in self.w:
                each.sub_(each.grad, alpha=RATE)  # type: ignore[arg-type]


class AtTheEnd(Callback):
    """Writes what each rank holds, and by what its weight has moved."""

    def __init__(self, out: Path, control: LROverride) -> None:
        self.out, self.control = out, control

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        state = self.control.state
        told = {"hold": state.hold, "scale": state.scale, "moved": [moved[0] for moved in pl_module.moved]}
        (self.out / f"rank-{trainer.global_rank}.json").write_text(json.dumps(told))


def train(
    out: Path, ranks: tuple[int, ...], *asked: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Train while ``ranks`` step by themselves; return the receipts and what each rank told."""
    control = LROverride(sync=1)
    callbacks = [AskOnZero(out, control, *asked), control, AtTheEnd(out, control)]
    model: LightningModule = ByItself(ranks)
    fit_on_forks(out, callbacks, model=model, max_epochs=3, limit_val_batches=0)
    return receipts(out), [json.loads((out / f"rank-{rank}.json").read_text()) for rank in (0, 1)]


HOLD, AGAIN = patch({"lr": {"hold": 0.25}}), patch({"lr": {"hold": None, "scale": 0.5}})


def test_an_override_that_no_rank_uses_is_released_on_all_and_the_next_request_is_carried_out(
    tmp_path: Path,
) -> None:
    told, ranks = train(tmp_path, (0, 1), (0, 1, HOLD), (2, 1, AGAIN))
    assert [(each["status"], each["by"]) for each in told] == [
        ("applied", "program"),
        ("failed", "freak"),
        ("applied", "program"),
        ("failed", "freak"),
    ]
    assert all("The override is released." in each["error"]["detail"] for each in told if each["error"])
    assert ranks[0] == ranks[1]
    assert ranks[0] == {"hold": None, "scale": None, "moved": [RATE] * 24}


@pytest.mark.parametrize("alone", [0, 1])
def test_an_override_that_one_rank_steps_without_is_told_with_its_rank(tmp_path: Path, alone: int) -> None:
    told, ranks = train(tmp_path, (alone,), (0, 1, HOLD), (2, 1, patch({"lr": {"hold": None}})))
    _, failed, _ = told
    assert [each["status"] for each in told] == ["applied", "failed", "applied"]
    assert failed["error"]["detail"].endswith(f"(on rank {alone} of 2)")
    assert [rank["hold"] for rank in ranks] == [None, None]
    assert ranks[alone]["moved"] == [RATE] * 24
    assert ranks[1 - alone]["moved"] == [RATE] * 2 + [0.25] * 16 + [RATE] * 6
