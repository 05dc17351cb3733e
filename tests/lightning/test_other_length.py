"""A training that becomes longer or shorter: what a schedule was planned for is told, and callbacks go on."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import lr_scheduler as schedules

from freak_lightning import TrainerOverride
from tests.lightning.asking import Ask, patch
from tests.lightning.exact_grid import CALLBACKS, MODELS, Backbone
from tests.lightning.tiny import KNOWN_WARNINGS, NEEDS_2_6, TinyModel, fit, same, weights

pytestmark = [*KNOWN_WARNINGS, NEEDS_2_6, pytest.mark.usefixtures("home")]

EPOCHS, BATCHES = 3, 8
RISES, CEASES, STAYS = "its rate rises again", "its rate is 0", "its rate changes no more"


class OfMyOwn(schedules.LRScheduler):
    """A scheduler of the user's."""

    def get_lr(self) -> list[float]:
        return [group["lr"] * 0.9 for group in self.optimizer.param_groups]


class Case(NamedTuple):
    """A scheduler that was planned for three epochs, and what its rate does after them."""

    make: Callable[[Any], Any]
    named: str = ""
    then: str = ""
    interval: str = "epoch"
    steps: int = EPOCHS
    frequency: int = 1


def warmed_up(optimizer: Any) -> Any:
    warm_up = schedules.LinearLR(optimizer, 0.1, total_iters=1)
    return schedules.SequentialLR(optimizer, [warm_up, schedules.CosineAnnealingLR(optimizer, 2)], [1])


def lambda_in_chain(optimizer: Any) -> Any:
    inner = schedules.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    return schedules.ChainedScheduler([schedules.StepLR(optimizer, 1), inner])


PLANNED: dict[str, Case] = {
    "cosine": Case(lambda o: schedules.CosineAnnealingLR(o, 3), "CosineAnnealingLR", RISES),
    "cosine by step": Case(
        lambda o: schedules.CosineAnnealingLR(o, 24), "CosineAnnealingLR", RISES, "step", 24
    ),
    "cosine to the last epoch": Case(
        lambda o: schedules.CosineAnnealingLR(o, 2), "CosineAnnealingLR", RISES, steps=2
    ),
    "cosine every fourth step": Case(
        lambda o: schedules.CosineAnnealingLR(o, 6), "CosineAnnealingLR", RISES, "step", 6, 4
    ),
    "linear to 0": Case(lambda o: schedules.LinearLR(o, 1.0, 0.0, 3), "LinearLR", CEASES),
    "linear": Case(lambda o: schedules.LinearLR(o, 1.0, 0.1, 24), "LinearLR", STAYS, "step", 24),
    "polynomial": Case(lambda o: schedules.PolynomialLR(o, 3), "PolynomialLR", CEASES),
    "a warm-up and a cosine": Case(warmed_up, "CosineAnnealingLR", RISES),
    "a cosine in a chain": Case(
        lambda o: schedules.ChainedScheduler([schedules.CosineAnnealingLR(o, 3)]), "CosineAnnealingLR", RISES
    ),
}


def asked_for_two_and_five(case: Case) -> tuple[Ask, list[float]]:
    """Ask for two epochs, then for five; return the answers, and the scheduled rate of each epoch."""
    rates: list[float] = []

    class Rates(Callback):
        def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
            rates.append(float(trainer.optimizers[0].param_groups[0]["lr"]))

    def configure(parameters: Any) -> Any:
        optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
        config = {"interval": case.interval, "frequency": case.frequency, "monitor": "loss"}
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": case.make(optimizer), **config}}

    control = TrainerOverride()
    asked = ((0, batch, patch({"trainer": {"max_epochs": epochs}})) for batch, epochs in ((1, 2), (3, 5)))
    ask = Ask(control, *asked)
    trainer = fit([ask, Rates(), control], model=partial(TinyModel, configure), max_epochs=EPOCHS)
    assert trainer.current_epoch == 5
    return ask, rates


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
@pytest.mark.parametrize("name", PLANNED)
def test_a_receipt_says_what_becomes_of_a_schedule_that_was_planned_for_another_length(name: str) -> None:
    case = PLANNED[name]
    ask, rates = asked_for_two_and_five(case)
    unit = f"{case.interval}s" if case.frequency == 1 else "of its steps"
    length = f"{case.named} was planned for {case.steps} {unit}"
    shorter, longer = (ask.receipt(number).result for number in (0, 1))
    done = 2 * BATCHES // case.frequency if case.interval == "step" else 2
    ends = {"trainer": {"max_epochs": f"{length}; training ends after {done} of them"}}
    assert shorter == (ends if case.steps > 2 else None)
    assert longer == {"trainer": {"max_epochs": f"{length}; after them {case.then}"}}
    end = case.steps * case.frequency * (1 if case.interval == "step" else BATCHES)
    beyond = rates[end:]
    assert {
        RISES: beyond[-1] > min(rates) == min(beyond),
        CEASES: set(beyond) == {0.0},
        STAYS: len(set(beyond)) == 1,
    }[case.then]


UNPLANNED: dict[str, Case] = {
    "steps": Case(lambda o: schedules.StepLR(o, 3)),
    "restarts": Case(lambda o: schedules.CosineAnnealingWarmRestarts(o, 3)),
    "a warm-up": Case(lambda o: schedules.LinearLR(o, 0.1, total_iters=1)),
    "several cosines": Case(lambda o: schedules.CosineAnnealingLR(o, 4), interval="step"),
    "a plateau": Case(schedules.ReduceLROnPlateau),
    "a function": Case(lambda o: schedules.LambdaLR(o, lambda step: 1 / (1 + step)), "LambdaLR"),
    "a function in a chain": Case(lambda_in_chain, "LambdaLR"),
    "the user's own": Case(OfMyOwn, "OfMyOwn"),
}


@pytest.mark.parametrize("name", UNPLANNED)
def test_nothing_is_claimed_of_a_schedule_that_was_planned_for_no_length_or_by_the_program(name: str) -> None:
    case = UNPLANNED[name]
    ask, _ = asked_for_two_and_five(case)
    told = f"Freak cannot tell whether {case.named} was planned for 3 epochs: look at its rate after them"
    expected = {"trainer": {"max_epochs": told}} if case.named else None
    assert [ask.receipt(number).result for number in (0, 1)] == [expected, expected]


class Estimates(TinyModel):
    """Plans by Lightning's own estimate."""

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.05)
        steps = int(self.trainer.estimated_stepping_batches)
        cosine = schedules.CosineAnnealingLR(optimizer, steps)
        return [optimizer], [{"scheduler": cosine, "interval": "step"}]


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"max_epochs": 4}, "CosineAnnealingLR was planned for 24 steps; after them its rate rises again"),
        ({"max_steps": 20}, "CosineAnnealingLR was planned for 24 steps; training ends after 20 of them"),
        ({"max_epochs": 3}, None),
        ({"max_epochs": -1, "max_steps": 30}, "planned for 24 steps; after them its rate rises again"),
        (
            {"accumulate_grad_batches": 2},
            "from the start of epoch 1 on; CosineAnnealingLR was planned for 24",
        ),
    ],
    ids=str,
)
def test_steps_that_lightning_has_estimated_are_a_plan_too(section: dict[str, int], told: str | None) -> None:
    control = TrainerOverride()
    ask = Ask(control, (0, 2, patch({"trainer": section})))
    fit([ask, control], model=Estimates)
    result = ask.receipt().result
    assert (result is None) if told is None else (told in str(result))


GO_ON = (
    "BackboneFinetuning",
    "BaseFinetuning",
    "EarlyStopping",
    "EMAWeightAveraging",
    "GradientAccumulationScheduler",
    "ModelPruning",
    "Timer",
    "WeightAveraging",
)
"""The callbacks of Lightning that act by epoch or at the end; ``StochasticWeightAveraging`` is refused."""


@pytest.mark.filterwarnings("ignore")  # what each of Lightning's callbacks warns of is not looked at
@pytest.mark.parametrize(("name", "epochs"), [(name, 2 + 2 * (i % 2)) for i, name in enumerate(GO_ON)])
def test_a_callback_ends_as_if_the_training_had_been_so_long_from_the_start(name: str, epochs: int) -> None:
    model = MODELS.get(name, Backbone)
    control = TrainerOverride()
    ask = Ask(control, (0, 5, patch({"trainer": {"max_epochs": epochs}})))
    changed = fit([ask, *CALLBACKS[name](), control], model=model)
    planned = fit(CALLBACKS[name](), model=model, max_epochs=epochs)
    assert ask.receipt().status == "applied"
    assert changed.current_epoch == planned.current_epoch == epochs
    assert same(weights(changed), weights(planned))
