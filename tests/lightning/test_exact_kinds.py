"""Each kind of thing that a resume does not repeat is told in the receipt; the rest is exact."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LambdaCallback
from torch import Tensor

from freak_lightning import CheckpointNow, TrainerOverride
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, NEEDS_2_6, TinyModel, fit, same, sgd, weights

pytestmark = [*KNOWN_WARNINGS, NEEDS_2_6, pytest.mark.usefixtures("home")]

MODEL = partial(TinyModel, dropout=0.3)
Told = dict[str, Any]


def resumed(
    folder: Path,
    theirs: Callable[[], Sequence[Callback]] = list,
    batch: int = 3,
    model: Callable[[], LightningModule] = MODEL,
    **settings: Any,
) -> tuple[Told, bool]:
    """Save in epoch 1, go on, resume; return what the receipt says, and whether weights are equal."""
    save = CheckpointNow(folder)
    ask = Ask(save, (1, batch, checkpoint(name="here")))
    went_on = fit([*theirs(), ask, save], model=model, **settings)
    told = ask.receipt()
    assert told.status == "applied", told
    again = fit([*theirs(), CheckpointNow(folder)], model=model, resume=folder / "here.ckpt", **settings)
    return told.result, went_on.global_step == again.global_step and same(weights(went_on), weights(again))


class ByEpoch(TinyModel):
    """Weighs the loss by the epoch, as a curriculum does."""

    weight = 1.0

    def on_train_epoch_start(self) -> None:
        self.weight = 1 / (1 + self.current_epoch)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return super().training_step(batch, batch_idx) * self.weight


class Vouched(ByEpoch):
    resumes_exactly = True


def set_dropout(trainer: Trainer, module: LightningModule) -> None:
    module.net[2].p = 0.1 * trainer.current_epoch


class DropoutByEpoch(Callback):
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        set_dropout(trainer, pl_module)


HOOKS: dict[str, tuple[Callable[[], LightningModule], Callable[[], Sequence[Callback]], str]] = {
    "module": (ByEpoch, list, "ByEpoch.on_train_epoch_start"),
    "callback": (MODEL, lambda: [DropoutByEpoch()], "DropoutByEpoch.on_train_epoch_start"),
    "lambda": (
        MODEL,
        lambda: [LambdaCallback(on_train_epoch_start=set_dropout)],
        "LambdaCallback.on_train_epoch_start",
    ),
}


@pytest.mark.parametrize("kind", HOOKS)
def test_a_hook_that_a_resume_in_mid_epoch_does_not_call_is_named(kind: str, tmp_path: Path) -> None:
    model, theirs, hook = HOOKS[kind]
    told, equal = resumed(tmp_path, theirs, model=model)
    assert not equal
    assert [
        reason.startswith(f"a resume in the middle of an epoch does not call {hook}")
        for reason in told["why_not_exact"]
    ] == [True]


@pytest.mark.parametrize("kind", HOOKS)
@pytest.mark.parametrize("validation", [0, 2])
def test_at_the_end_of_an_epoch_the_same_hook_is_called(kind: str, validation: int, tmp_path: Path) -> None:
    """Lightning alone leaves it out where no validation ends the epoch."""
    model, theirs, _ = HOOKS[kind]
    told, equal = resumed(tmp_path, theirs, batch=7, model=model, limit_val_batches=validation)
    assert told["exact"]
    assert equal


class MeanOfPlaces(TinyModel):
    """Logs a mean that falls from epoch to epoch, but that of the last batches of an epoch is higher."""

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.log("place", 3.0 * batch_idx - 8 * self.current_epoch, on_step=False, on_epoch=True)
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize("batch", [5, 7])
def test_an_early_stopping_that_looks_at_a_mean_over_the_epoch_sees_another_mean(
    batch: int, tmp_path: Path
) -> None:
    """The batches before the checkpoint are missing in the resumed epoch's mean."""

    def stopping() -> Sequence[Callback]:
        return [EarlyStopping("place", patience=1, check_on_train_epoch_end=True)]

    told, equal = resumed(tmp_path, stopping, batch=batch, model=MeanOfPlaces)
    assert not equal
    assert ["EarlyStopping monitors place" in reason for reason in told["why_not_exact"]] == [True]


def test_an_early_stopping_that_looks_at_a_metric_of_the_validation_sees_the_same(tmp_path: Path) -> None:
    told, equal = resumed(tmp_path, lambda: [EarlyStopping("val_loss", patience=1)], model=MeanOfPlaces)
    assert (equal, told["exact"]) == (True, True)


class Freezes(Callback):
    """Freezes a layer in the middle of training, in a hook that a resume calls."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == 9:
            pl_module.net[0].requires_grad_(False)


class AddsGroup(Callback):
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == 9:
            pl_module.extra = torch.nn.Parameter(torch.zeros(1))
            trainer.optimizers[0].add_param_group({"params": [pl_module.extra]})


class SwapsScheduler(Callback):
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == 9:
            scheduler = torch.optim.lr_scheduler.ExponentialLR(trainer.optimizers[0], 0.5)
            trainer.lr_scheduler_configs[0].scheduler = scheduler


class Sets(Callback):
    """Sets an attribute of the trainer in the middle of training."""

    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, value

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == 8:
            setattr(trainer, self.name, self.value)


class EndsEpoch(TinyModel):
    """Ends one epoch early, which leaves Lightning's counters apart."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int:
        return -1 if (self.current_epoch, batch_idx) == (0, 5) else 0


def stepped() -> TinyModel:
    def configure(parameters: Any) -> Any:
        optimizer = sgd(parameters)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)]

    return TinyModel(configure)


CHANGES: dict[str, tuple[Callable[[], Callback], str]] = {
    "requires_grad": (Freezes, "requires_grad has changed since training began (net.0.bias and 1 more)"),
    "param groups": (AddsGroup, "the optimizers or their param groups have changed"),
    "scheduler": (SwapsScheduler, "the schedulers have changed since training began, from ['StepLR']"),
    "accumulation": (lambda: Sets("accumulate_grad_batches", 2), "accumulate_grad_batches has changed"),
    "clipping": (lambda: Sets("gradient_clip_val", 0.1), "gradient_clip_val has changed"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_what_a_callback_changes_and_a_resume_builds_anew_is_named(kind: str, tmp_path: Path) -> None:
    """By what has changed, whoever changed it: none of these overrides a hook that a resume leaves out."""
    make, reason = CHANGES[kind]
    save = CheckpointNow(tmp_path)
    ask = Ask(save, (1, 3, checkpoint(name="here")))
    fit([make(), ask, save], model=stepped)
    result = ask.receipt().result
    assert not result["exact"]
    assert any(each.startswith(reason) for each in result["why_not_exact"]), result


def test_counters_that_on_train_batch_start_has_left_apart_are_named(tmp_path: Path) -> None:
    told, equal = resumed(tmp_path, batch=4, model=EndsEpoch, accumulate_grad_batches=2)
    assert not equal
    assert told["why_not_exact"][0].startswith("Lightning's counters of batches or epochs have come apart")


class WithMaster(torch.optim.SGD):
    """Keeps float32 numbers for weights of lower precision, as many optimizers do."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            for weight in group["params"]:
                self.state[weight]["master"] = weight.detach().float()
        return loss


def test_an_optimizers_numbers_that_torch_rounds_as_it_loads_them_are_named(tmp_path: Path) -> None:
    told, _ = resumed(tmp_path, model=lambda: TinyModel(partial(WithMaster, lr=0.05)), precision="bf16-true")
    (reason,) = told["why_not_exact"]
    assert reason.startswith("WithMaster keeps master in float32, and torch loads it as bfloat16")


def test_what_trainer_override_has_changed_is_in_the_checkpoint(tmp_path: Path) -> None:
    for batch, validation in ((3, 2), (7, 0)):
        folder = tmp_path / str(batch)
        save, override = CheckpointNow(folder), TrainerOverride()
        change = patch({"trainer": {"accumulate_grad_batches": 2, "gradient_clip_val": 0.1}})
        ask = Ask(save, (0, 3, change), (1, batch, checkpoint(name="here")))
        went_on = fit([ask, override, save], model=MODEL, limit_val_batches=validation)
        assert ask.receipt(1).result["exact"], ask.receipt(1)
        ours = [TrainerOverride(), CheckpointNow(folder)]
        again = fit(ours, model=MODEL, resume=folder / "here.ckpt", limit_val_batches=validation)
        assert same(weights(again), weights(went_on))


@pytest.mark.parametrize(("first", "second"), [(3, 7), (7, 3), (7, 7)])
@pytest.mark.parametrize("validation", [0, 2])
def test_a_run_that_was_resumed_can_be_saved_and_resumed_again(
    first: int, second: int, validation: int, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"limit_val_batches": validation, "max_epochs": 4, "model": MODEL}
    untouched = fit(**settings)
    path = None
    for epoch, batch in ((1, first), (2, second)):
        save = CheckpointNow(tmp_path)
        ask = Ask(save, (epoch, batch, checkpoint(name=f"epoch-{epoch}")))
        fit([ask, save], resume=path, **settings)
        assert ask.receipt().result["exact"], ask.receipt()
        path = tmp_path / f"epoch-{epoch}.ckpt"
    last = fit([CheckpointNow(tmp_path)], resume=path, **settings)
    assert last.global_step == untouched.global_step
    assert same(weights(last), weights(untouched))


def test_what_could_not_be_judged_is_assumed_by_name_until_its_class_vouches(tmp_path: Path) -> None:
    class Quiet(Callback):
        """Overrides no hook that a resume leaves out."""

        def on_train_batch_start(self, *_: Any) -> None: ...

    told, _ = resumed(tmp_path / "1", lambda: [Quiet()])
    assert [each.partition(":")[0] for each in told["assumes"]] == ["TinyModel", "Quiet", "Ask", "Rows"]
    told, _ = resumed(tmp_path / "2", model=Vouched)
    assert told["exact"]
    assert [each.partition(":")[0] for each in told["assumes"]] == ["Ask", "Rows"]
