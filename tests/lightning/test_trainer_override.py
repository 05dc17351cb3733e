"""The trainer's settings change while it fits, and stay as asked for."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning.pytorch.strategies import SingleDeviceStrategy

from freak_core import Receipt, Rejected
from freak_lightning import CheckpointNow, TrainerOverride
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.test_validate_now import Validations
from tests.lightning.tiny import KNOWN_WARNINGS, fit, reference, same, weights

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


def asked(epoch: int, batch: int, **section: Any) -> Any:
    return (epoch, batch, patch({"trainer": section}))


def steered(*requests: Any, callbacks: tuple[Callback, ...] = (), **settings: Any) -> tuple[Trainer, Ask]:
    control = TrainerOverride()
    ask = Ask(control, *requests)
    return fit([ask, control, *callbacks], **settings), ask


class Seen(Callback):
    """Notes what the section shows in the first batch, and the steps done after each batch."""

    def __init__(self, control: TrainerOverride) -> None:
        self.control = control
        self.section: dict[str, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.section = self.control.state.model_dump()


def test_at_first_the_section_shows_the_trainer_s_own_values() -> None:
    control = TrainerOverride()
    seen = Seen(control)
    fit([control, seen], max_epochs=1, gradient_clip_val=0.5, accumulate_grad_batches=2)
    assert seen.section == {
        "max_epochs": 1,
        "max_steps": -1,
        "gradient_clip_val": 0.5,
        "accumulate_grad_batches": 2,
        "log_every_n_steps": 50,
        "check_val_every_n_epoch": 1,
        "limit_val_batches": 2,
    }
    assert control.state_dict() == {}


@pytest.mark.parametrize(
    ("section", "steps"),
    [
        ({"max_epochs": 5}, 40),
        ({"max_epochs": 2}, 16),
        ({"max_epochs": 1}, 16),
        ({"max_steps": 20}, 20),
        ({"max_steps": 5}, 11),
        ({"max_epochs": -1, "max_steps": 30}, 30),
    ],
    ids=str,
)
def test_training_ends_where_it_is_told_to(section: dict[str, int], steps: int) -> None:
    trainer, ask = steered(asked(1, 2, **section))
    assert trainer.global_step == steps
    assert ask.receipt().status == "applied"
    assert {name: getattr(trainer, name) for name in section} == section
    if steps <= 16:
        assert "training ends after this" in str(ask.receipt().result)


def test_a_clip_value_is_used_from_the_next_step_on() -> None:
    trainer, _ = steered(asked(0, 7, gradient_clip_val=0.0), gradient_clip_val=0.01)
    assert not same(weights(trainer), weights(fit(gradient_clip_val=0.01)))
    always, _ = steered(asked(0, 0, gradient_clip_val=1e9))
    assert same(weights(always), reference().weights)


def test_accumulation_changes_with_the_next_epoch() -> None:
    trainer, ask = steered(asked(0, 3, accumulate_grad_batches=4))
    assert trainer.global_step == 8 + 2 + 2
    told = {"accumulate_grad_batches": "from the start of epoch 1 on"}
    assert ask.receipt().result == {"trainer": told}


def test_validation_can_be_switched_off_and_on_again() -> None:
    seen = Validations()
    off, on = asked(0, 2, limit_val_batches=0), asked(1, 2, limit_val_batches=2)
    trainer, _ = steered(off, on, callbacks=(seen,))
    assert seen.steps == [16, 24]
    assert trainer.limit_val_batches == 2


def test_the_cadences_of_validation_and_of_logging_change() -> None:
    seen = Validations()
    trainer, _ = steered(asked(0, 2, check_val_every_n_epoch=3, log_every_n_steps=7), callbacks=(seen,))
    assert seen.steps == [24]
    assert trainer.log_every_n_steps == 7


def failed(section: dict[str, Any], *callbacks: Callback, **settings: Any) -> str:
    trainer, ask = steered(asked(0, 2, **section), callbacks=callbacks, **settings)
    receipt: Receipt = ask.receipt()
    assert receipt.status == "failed"
    assert trainer.max_epochs == 1
    return str((receipt.error or {})["detail"])


def test_what_this_trainer_cannot_take_is_refused_as_a_whole_with_the_reason() -> None:
    one = {"max_epochs": 1}
    both = {"max_epochs": 9, "check_val_every_n_epoch": None}
    assert "integer val_check_interval" in failed(both, **one)
    back = {"check_val_every_n_epoch": 1}
    many: dict[str, Any] = {"val_check_interval": 12, "check_val_every_n_epoch": None}
    assert "only 8 batches" in failed(back, **one, **many)
    scheduler = GradientAccumulationScheduler({0: 2})
    assert "GradientAccumulationScheduler" in failed({"accumulate_grad_batches": 4}, scheduler, **one)


class AccumulatesItself(SingleDeviceStrategy):
    """What DeepSpeed is to the trainer here."""

    @property
    def handles_gradient_accumulation(self) -> bool:
        return True


def test_accumulation_is_left_to_a_strategy_that_accumulates_itself() -> None:
    strategy = AccumulatesItself("cpu")
    told = failed({"accumulate_grad_batches": 4}, max_epochs=1, strategy=strategy)
    assert "AccumulatesItself accumulates gradients itself" in told


@pytest.mark.parametrize(
    "section",
    [{"max_epochs": -2}, {"limit_val_batches": 1}, {"val_check_interval": 2}, {"gradient_clip_val": -1.0}],
    ids=str,
)
def test_what_cannot_be_changed_at_all_is_refused_at_once(section: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        steered(asked(0, 0, **section))
    assert caught.value.errors[0]["path"].startswith("/trainer")


def test_a_resume_brings_back_what_was_asked_for(tmp_path: Path) -> None:
    """Saved in an epoch that accumulates 2 batches, while 4 are asked for the next ones."""

    def ours() -> tuple[TrainerOverride, CheckpointNow]:
        return TrainerOverride(), CheckpointNow(tmp_path)

    controls = ours()
    ask = Ask(
        controls[0],
        asked(0, 2, accumulate_grad_batches=2, max_epochs=4, gradient_clip_val=0.1),
        asked(1, 1, accumulate_grad_batches=4),
        (1, 3, checkpoint(name="mid")),
        (3, 7, checkpoint(name="last")),
    )
    whole = fit([ask, *controls])
    assert whole.global_step == 8 + 4 + 2 + 2
    resumed = fit(list(ours()), resume=tmp_path / "mid.ckpt")
    assert resumed.global_step == whole.global_step
    assert same(weights(resumed), weights(whole))
    assert (resumed.max_epochs, resumed.gradient_clip_val) == (4, 0.1)
    beyond = fit(list(ours()), resume=tmp_path / "last.ckpt")
    assert beyond.global_step == whole.global_step


def test_a_second_fit_starts_from_what_the_trainer_has() -> None:
    control = TrainerOverride()
    fit([Ask(control, asked(0, 2, max_epochs=1)), control])
    assert control.state_dict()["state"] == {"max_epochs": 1}
    assert fit([control]).global_step == 24
    assert control.state_dict() == {}


class ClipsLater(Callback):
    """Sets a value of the trainer by itself, in the middle of the fit."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1:
            trainer.gradient_clip_val = 0.5


def test_what_nobody_asked_for_is_left_to_the_program() -> None:
    scheduler = GradientAccumulationScheduler({0: 1, 1: 4})
    unused = fit([scheduler, TrainerOverride()])
    assert unused.global_step == 8 + 2 + 2
    trainer, _ = steered(asked(1, 3, log_every_n_steps=7), callbacks=(ClipsLater(), scheduler))
    assert (trainer.log_every_n_steps, trainer.gradient_clip_val) == (7, 0.5)
    assert trainer.global_step == 8 + 2 + 2


def test_a_resume_leaves_alone_what_was_never_asked_for(tmp_path: Path) -> None:
    control = TrainerOverride()
    ask = Ask(control, asked(0, 2, log_every_n_steps=7), (1, 3, checkpoint(name="mid")))
    fit([ask, GradientAccumulationScheduler({1: 4}), control, CheckpointNow(tmp_path)])
    again = [TrainerOverride(), GradientAccumulationScheduler({1: 2})]
    resumed = fit(again, resume=tmp_path / "mid.ckpt", accumulate_grad_batches=1)
    assert resumed.accumulate_grad_batches == 2


def test_accumulation_that_was_taken_back_within_the_epoch_resumes_so(tmp_path: Path) -> None:
    control = TrainerOverride()
    ask = Ask(
        control,
        asked(0, 2, accumulate_grad_batches=2),
        asked(1, 1, accumulate_grad_batches=1),
        (1, 3, checkpoint(name="mid")),
    )
    whole = fit([ask, control, CheckpointNow(tmp_path)])
    resumed = fit([TrainerOverride()], resume=tmp_path / "mid.ckpt")
    assert whole.global_step == resumed.global_step == 8 + 4 + 8
    assert same(weights(resumed), weights(whole))
