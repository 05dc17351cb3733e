"""Weight decay, momentum and betas are held while a step runs, and released to the bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import lr_scheduler as lrs

from freak_core import Rejected
from freak_lightning import CheckpointNow, LROverride, OptimizerOverride
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, reference, same, weights

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


class Used(Callback):
    """Notes the values of one key that the steps of the first group used, and those between the steps."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.used: list[Any] = []
        self.between: list[Any] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.optimizers[0].register_step_pre_hook(
            lambda optimizer, *_: self.used.append(optimizer.param_groups[0][self.key])
        )

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.between.append(trainer.optimizers[0].param_groups[0][self.key])


def asked(**section: Any) -> Any:
    return patch({"optimizer": section})


def cycled(parameters: Any) -> Any:
    """SGD whose schedule cycles the momentum too."""
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    scheduler = lrs.OneCycleLR(optimizer, 0.1, total_steps=24)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def adam(parameters: Any) -> Any:
    first, *rest = parameters
    groups = [{"params": [first], "name": "body"}, {"params": rest}]
    return torch.optim.AdamW(groups, lr=0.05, betas=(0.9, 0.99))


def test_a_cycled_momentum_is_held_and_released_to_the_bit() -> None:
    control, steered, untouched = OptimizerOverride(), Used("momentum"), Used("momentum")

    def model() -> TinyModel:
        return TinyModel(cycled)

    ask = Ask(control, (0, 3, asked(momentum=0.5)), (1, 4, asked(momentum=None)))
    fit([ask, control, steered], model=model)
    fit([untouched], model=model)
    assert steered.between == untouched.between
    assert steered.used[:4] == untouched.used[:4]
    assert steered.used[4:13] == [0.5] * 9
    assert steered.used[13:] == untouched.used[13:]
    assert ask.receipt(0).result == {"optimizer": {"momentum": {"0/0": 0.5}}}
    assert ask.receipt(1).result == {"optimizer": {"momentum": {"0/0": untouched.between[13]}}}


def test_betas_and_keys_of_single_groups_are_held() -> None:
    control, betas, decay = OptimizerOverride(), Used("betas"), Used("weight_decay")
    ask = Ask(
        control,
        (0, 0, asked(betas=[0.5, 0.6], eps=1e-3, weight_decay=0.3)),
        (0, 1, asked(groups={"body": {"weight_decay": 0.7}})),
    )
    fit([ask, control, betas, decay], model=lambda: TinyModel(adam))
    assert betas.used[1] == (0.5, 0.6)
    assert betas.between[-1] == (0.9, 0.99)
    assert decay.used[1:3] == [0.3, 0.7]
    assert ask.receipt(1).result["optimizer"]["weight_decay"] == {"body": 0.7, "0/1": 0.3}
    assert ask.receipt(1).result["optimizer"]["eps"] == {"body": 1e-3, "0/1": 1e-3}


def test_a_key_of_one_group_alone_is_held() -> None:
    control, decay = OptimizerOverride(), Used("weight_decay")
    ask = Ask(control, (0, 1, asked(groups={"body": {"weight_decay": 0.7}})))
    fit([ask, control, decay], model=lambda: TinyModel(adam), max_epochs=1)
    assert decay.used[:4] == [0.01, 0.01, 0.7, 0.7]
    assert ask.receipt().result == {"optimizer": {"weight_decay": {"body": 0.7, "0/1": 0.01}}}


def test_it_stands_next_to_a_held_learning_rate() -> None:
    lr, optimizer = LROverride(), OptimizerOverride()
    rates, decay = Used("lr"), Used("weight_decay")
    both = patch({"lr": {"hold": 0.01}, "optimizer": {"weight_decay": 0.5}})
    ask = Ask(lr, (0, 0, both), (0, 2, patch({"lr": {"hold": None}})), (0, 4, asked(weight_decay=None)))
    fit([ask, lr, optimizer, rates, decay], model=lambda: TinyModel(adam))
    assert rates.used[:6] == [0.05, 0.01, 0.01, 0.05, 0.05, 0.05]
    assert decay.used[:6] == [0.01, 0.5, 0.5, 0.5, 0.5, 0.01]


def test_it_comes_back_with_a_resume_and_the_checkpoint_has_the_program_s_own_values(tmp_path: Path) -> None:
    def controls() -> tuple[OptimizerOverride, CheckpointNow]:
        return OptimizerOverride(), CheckpointNow(tmp_path)

    hold = (0, 1, asked(weight_decay=0.5, dampening=0.25, groups={"0/0": {"momentum": 0.3}}))
    ours = controls()
    ask = Ask(ours[0], hold, (1, 2, checkpoint(name="held")))
    steered = fit([ask, *ours])
    resumed = fit(list(controls()), resume=tmp_path / "held.ckpt")
    assert same(weights(resumed), weights(steered))
    assert not same(weights(resumed), reference().weights)
    saved = torch.load(tmp_path / "held.ckpt", weights_only=True)
    assert saved["optimizer_states"][0]["param_groups"][0]["momentum"] == 0.9


def refused_at_once(ask: Ask, callbacks: list[Callback], model: Callable[[], TinyModel]) -> Rejected:
    with pytest.raises(Rejected) as caught:
        fit([ask, *callbacks], model=model)
    return caught.value


@pytest.mark.parametrize(
    "section",
    [
        {"weight_decay": -0.1},
        {"betas": [0.9]},
        {"betas": [0.9, 1.0]},
        {"momentum": 0.9},
        {"lr": 0.1},
        {"amsgrad": 1.0},
        {"groups": {"body": {"decay": 0.1}}},
    ],
    ids=str,
)
def test_unknown_keys_and_values_out_of_bounds_are_refused_at_once(section: dict[str, Any]) -> None:
    control = OptimizerOverride()
    ask = Ask(control, (0, 0, asked(**section)))
    error = refused_at_once(ask, [control], lambda: TinyModel(adam))
    assert error.errors[0]["path"].startswith("/optimizer")


class TwoOptimizers(TinyModel):
    """Steps SGD on one half and Adam on the other, by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(super().training_step(batch, batch_idx))
        for optimizer in self.optimizers():
            optimizer.step()

    def configure_optimizers(self) -> Any:
        first, *rest = self.parameters()
        return torch.optim.SGD([first], lr=0.05, momentum=0.9), torch.optim.Adam(rest, lr=0.05)


def test_a_group_without_the_key_and_an_unknown_group_say_what_there_is() -> None:
    control, used = OptimizerOverride(), Used("momentum")
    ask = Ask(
        control,
        (0, 0, asked(groups={"1/0": {"momentum": 0.1}})),
        (0, 1, asked(groups={"2/0": {"momentum": 0.1}})),
        (0, 2, asked(momentum=0.25)),
    )
    fit([ask, control, used], model=TwoOptimizers, max_epochs=1)
    first, second = (ask.receipt(number).error or {} for number in (0, 1))
    assert "'1/0' has no 'momentum'; it has: betas, eps, weight_decay" in first["detail"]
    assert "there is no param group '2/0'; there are: 0/0, 1/0" in second["detail"]
    assert ask.receipt(2).result == {"optimizer": {"momentum": {"0/0": 0.25}}}
    assert used.used == [0.9] * 3 + [0.25] * 5


class Counted(torch.optim.SGD):
    """Has an integer, a pair for ``eps`` and integers in a tuple, and can do with nothing else."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, lr=0.05)
        self.param_groups[0] |= {"ns_steps": 5, "eps": (1e-30, 1e-3), "window": (1, 0.5)}

    def step(self, closure: Any = None) -> Any:
        group = self.param_groups[0]
        range(group["ns_steps"])
        range(group["window"][0])
        len(group["eps"])
        return super().step(closure)


def test_an_integer_stays_one_and_a_known_name_with_other_values_is_taken_as_it_is() -> None:
    control, used = OptimizerOverride(), Used("ns_steps")
    held = asked(ns_steps=6, eps=[1e-8, 1e-2], window=[2, 0.25], momentum=0.5, dampening=0.5)
    ask = Ask(control, (0, 0, held))
    fit([ask, control, used], model=lambda: TinyModel(Counted), max_epochs=1)
    assert ask.receipt().result["optimizer"]["ns_steps"] == {"0/0": 6}
    assert {type(value) for value in used.used} == {int}
    error = refused_at_once(Ask(control, (0, 0, asked(ns_steps=6.5))), [control], lambda: TinyModel(Counted))
    assert error.errors[0]["path"] == "/optimizer/ns_steps"


class Unlike(TwoOptimizers):
    """Two optimizers whose ``eps`` are of different kinds."""

    def configure_optimizers(self) -> Any:
        first, *rest = self.parameters()
        return Counted([first]), torch.optim.Adam(rest, lr=0.05)


def test_a_value_goes_only_where_one_of_its_kind_was() -> None:
    control, used = OptimizerOverride(), Used("eps")
    ask = Ask(
        control,
        (0, 0, asked(eps=1e-4)),
        (0, 2, asked(eps=[1e-8, 1e-2])),
        (0, 4, asked(groups={"1/0": {"eps": [1e-8, 1e-2]}})),
    )
    fit([ask, control, used], model=Unlike, max_epochs=1)
    assert used.used[::2] == [(1e-30, 1e-3)] * 3 + [(1e-8, 1e-2)] * 5  # a step within each step
    assert ask.receipt(0).result == {"optimizer": {"eps": {"0/0": [1e-30, 1e-3], "1/0": 1e-4}}}
    assert "'1/0' has no 'eps' of this kind" in (ask.receipt(2).error or {})["detail"]
