"""A stop that cannot come, and a longer or shorter training that breaks another part, are told at once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import StochasticWeightAveraging
from torch.optim import lr_scheduler as schedules
from torch.utils.data import DataLoader, IterableDataset

from freak_core import Refused, Write
from freak_lightning import GracefulStop, TrainerOverride
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, NEEDS_2_6, Rows, TinyModel, fit

pytestmark = [*KNOWN_WARNINGS, NEEDS_2_6, pytest.mark.usefixtures("home")]


class Endless(IterableDataset[torch.Tensor]):
    def __iter__(self) -> Iterator[torch.Tensor]:
        while True:
            yield from Rows(4)


def endless() -> DataLoader[torch.Tensor]:
    return DataLoader(Endless(), batch_size=2)


class EndsAt(Callback):
    """Ends what nothing else would end."""

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.global_step >= 40


def stop_asked(after: str, folder: Path, epoch: int = 0, batch: int = 3, **settings: Any) -> tuple[Ask, int]:
    stop = GracefulStop(folder)
    ask = Ask(stop, (epoch, batch, patch({"stop": {"should_stop": True, "after": after}})))
    trainer = fit([ask, stop, EndsAt()], **settings)
    return ask, trainer.global_step


def test_a_stop_after_an_epoch_of_unknown_length_says_so(tmp_path: Path) -> None:
    ask, steps = stop_asked("epoch", tmp_path, loader=endless, max_epochs=1)
    assert "on data without an end it never ends" in ask.receipt().result["stop"]["stops"]
    assert steps == 40


NO_VALIDATION: dict[str, dict[str, Any]] = {
    "every fourth epoch of three": {"check_val_every_n_epoch": 4},
    "every 13th batch, and 4 are left": {
        "val_check_interval": 13,
        "check_val_every_n_epoch": None,
        "epoch": 2,
    },
    "too few steps": {"max_steps": 7},
    "switched off": {"limit_val_batches": 0},
}


@pytest.mark.parametrize("case", NO_VALIDATION)
def test_a_stop_after_a_validation_that_does_not_come_is_refused(case: str, tmp_path: Path) -> None:
    ask, _ = stop_asked("validation", tmp_path, **NO_VALIDATION[case])
    assert "validation" in (ask.receipt().error or {})["detail"]
    assert ask.receipt().applied is None


COMING: dict[str, tuple[dict[str, Any], str, int]] = {
    "end of this epoch": ({}, "in 4 batches", 8),
    "within this epoch": ({"val_check_interval": 3}, "in 2 batches", 6),
    "in the next epoch": ({"check_val_every_n_epoch": 2}, "in 12 batches", 16),
    "across epochs": ({"val_check_interval": 10, "check_val_every_n_epoch": None}, "in 6 batches", 10),
}


@pytest.mark.parametrize("case", COMING)
def test_a_stop_after_a_validation_says_when_that_comes_and_then_comes(case: str, tmp_path: Path) -> None:
    settings, when, steps = COMING[case]
    ask, stopped_at = stop_asked("validation", tmp_path, **settings)
    assert ask.receipt().result["stop"]["stops"] == f"after the next validation, {when}"
    assert stopped_at == steps


LOST: dict[str, dict[str, Any]] = {
    "switched off": {"limit_val_batches": 0},
    "in later epochs": {"check_val_every_n_epoch": 9},
    "after the last step": {"max_steps": 7},
}


@pytest.mark.parametrize("case", LOST)
def test_a_change_that_takes_the_validation_from_a_stop_that_waits_for_it_is_refused(
    case: str, tmp_path: Path
) -> None:
    stop, ends = GracefulStop(tmp_path), EndsAt()
    body = {"stop": {"should_stop": True, "after": "validation"}}
    ask = Ask(stop, (0, 3, patch(body)), (0, 5, patch({"trainer": LOST[case]})))
    trainer = fit([ask, stop, TrainerOverride(), ends])
    assert "a stop waits for the next validation" in (ask.receipt(1).error or {})["detail"]
    assert trainer.global_step == 8


def test_a_change_that_leaves_the_validation_to_a_stop_is_applied(tmp_path: Path) -> None:
    stop = GracefulStop(tmp_path)
    body = {"stop": {"should_stop": True, "after": "validation"}}
    ask = Ask(stop, (0, 3, patch(body)), (0, 5, patch({"trainer": {"max_epochs": 1, "max_steps": 8}})))
    trainer = fit([ask, stop, TrainerOverride()])
    assert (ask.receipt(1).status, trainer.global_step) == ("applied", 8)
    assert ask.receipts[-1].result["stopped_after"] == "validation"


@pytest.mark.parametrize(
    "change", [{"accumulate_grad_batches": 2}, {"max_epochs": 5}, {"check_val_every_n_epoch": 3}]
)
def test_what_waits_for_another_epoch_says_that_none_may_come(change: dict[str, int], tmp_path: Path) -> None:
    override = TrainerOverride()
    ask = Ask(override, (0, 3, patch({"trainer": change})))
    fit([ask, override], loader=endless, max_epochs=1, max_steps=6)
    assert "on data without an end" in ask.receipt().result["trainer"][next(iter(change))]


DRY: dict[str, tuple[str, dict[str, Any]]] = {
    "an epoch without an end": ("epoch", {"loader": endless, "max_epochs": 1}),
    "no validation to come": ("validation", {"max_steps": 7}),
    "held back": ("batch", {"min_epochs": 2}),
}


@pytest.mark.parametrize("case", DRY)
def test_a_dry_run_of_a_stop_tells_what_the_stop_tells(case: str, tmp_path: Path) -> None:
    after, settings = DRY[case]
    body = {"stop": {"should_stop": True, "after": after}}
    stop = GracefulStop(tmp_path)
    told: list[Any] = []

    class Dry(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            session = stop.session
            if trainer.global_step == 2 and session is not None:
                try:
                    told.append(session.store.submit(Write("patch", body=body, dry_run=True)).result)
                except Refused as refused:
                    told.append(refused.detail)
                assert not stop.state.should_stop

    ask = Ask(stop, (0, 3, patch(body)))
    fit([Dry(), ask, stop, EndsAt()], **settings)
    real = ask.receipt()
    assert told == [real.result if real.error is None else real.error["detail"]]
    assert told != [None]


@pytest.mark.parametrize("change", [{"max_epochs": 8}, {"max_epochs": 3}, {"max_steps": 20}])
@pytest.mark.parametrize("start", [2, 0.5])
def test_averaging_that_was_planned_for_its_epochs_is_not_given_others(
    change: dict[str, int], start: float
) -> None:
    override = TrainerOverride()
    ask = Ask(override, (1, 3, patch({"trainer": change})))
    averaging = StochasticWeightAveraging(0.05, swa_epoch_start=start)
    trainer = fit([ask, averaging, override], max_epochs=5)
    assert "has planned its averaging for max_epochs=5" in (ask.receipt().error or {})["detail"]
    assert trainer.global_step == 40


def cycle(optimizer: Any, steps: int) -> schedules.OneCycleLR:
    return schedules.OneCycleLR(optimizer, 0.1, total_steps=steps)


class Wrapper(schedules.LRScheduler):
    """Steps another scheduler, as those of some libraries do."""

    def __init__(self, inner: schedules.LRScheduler) -> None:
        self.inner, self.optimizer = inner, inner.optimizer

    def step(self, epoch: int | None = None) -> None:
        self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()


NESTED: dict[str, Callable[[Any, int], Any]] = {
    "alone": cycle,
    "in a sequence": lambda optimizer, steps: schedules.SequentialLR(
        optimizer, [schedules.ConstantLR(optimizer), cycle(optimizer, steps - 2)], milestones=[2]
    ),
    "in a chain": lambda optimizer, steps: schedules.ChainedScheduler([cycle(optimizer, steps)]),
    "in a wrapper": lambda optimizer, steps: Wrapper(cycle(optimizer, steps)),
}
INTERVALS = {"step": 24, "epoch": 3}


BY_EPOCH = pytest.mark.filterwarnings("ignore:A `OneCycleLR` scheduler is using")


@BY_EPOCH
@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("nesting", NESTED)
def test_no_training_is_made_longer_than_a_cycle_in_it_can_be_stepped(nesting: str, interval: str) -> None:
    """And a training that ends with its cycle, or before, goes on to its end."""

    def model() -> TinyModel:
        def configure(parameters: Any) -> Any:
            optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
            scheduler = NESTED[nesting](optimizer, INTERVALS[interval])
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": interval}}

        return TinyModel(configure)

    override = TrainerOverride()
    asked = [{"max_epochs": 4}, {"max_epochs": 2}, {"max_epochs": 3}]
    ask = Ask(override, *((0, number + 1, patch({"trainer": each})) for number, each in enumerate(asked)))
    trainer = fit([ask, override], model=model)
    assert "OneCycleLR raises when its cycle is over" in (ask.receipt(0).error or {})["detail"]
    assert [ask.receipt(number).status for number in (1, 2)] == ["applied", "applied"]
    assert trainer.global_step == 24


@BY_EPOCH
def test_a_cycle_that_is_stepped_every_other_epoch_lasts_twice_as_long() -> None:
    def configure(parameters: Any) -> Any:
        optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": cycle(optimizer, 3), "interval": "epoch", "frequency": 2},
        }

    override = TrainerOverride()
    ask = Ask(
        override, (0, 1, patch({"trainer": {"max_epochs": 8}})), (0, 2, patch({"trainer": {"max_epochs": 7}}))
    )
    trainer = fit([ask, override], model=lambda: TinyModel(configure))
    assert [ask.receipt(number).applied is not None for number in (0, 1)] == [False, True]
    assert trainer.global_step == 56
