"""One optimizer step after the other, without a trainer: what may go wrong within a step."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.nn import Parameter
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import StepLR

from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay
from tests.lightning.rates import ARITHMETIC, hold, parameters, scale, watch_rates

HOLD = 0.0123


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rates of all steps, one per group."""
    return watch_rates(monkeypatch)


@pytest.fixture
def optimizer() -> SGD:
    """Two groups with rates 0.1 and 0.2."""
    first, second = parameters(2)
    return SGD([{"params": [first], "lr": 0.1}, {"params": [second], "lr": 0.2}], lr=1.0)


@pytest.fixture
def overlay(optimizer: SGD) -> Iterator[ParamGroupOverlay]:
    """Attached to the two groups."""
    overlay = ParamGroupOverlay([optimizer])
    overlay.attach()
    yield overlay
    overlay.detach()


def rates(optimizer: Optimizer) -> list[Any]:
    """Return what the groups hold now."""
    return [group["lr"] for group in optimizer.param_groups]


def test_groups_are_held_one_by_one(overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]) -> None:
    """``effective`` tells beforehand what the step will use."""
    overlay.set_rule("lr", lambda optimizer_index, group, _, scheduled: HOLD if group == 1 else None)
    assert overlay.effective("lr") == [[0.1, HOLD]]
    assert overlay.scheduled("lr") == [[0.1, 0.2]]
    optimizer.step()
    assert used == [0.1, HOLD]
    assert rates(optimizer) == [0.1, 0.2]


def test_the_closure_runs_on_the_schedule_and_may_change_it(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]
) -> None:
    """Lightning runs training_step and every hook up to on_before_optimizer_step within the closure."""
    overlay.set_rule("lr", scale(0.5))
    seen = []

    def closure() -> float:
        seen.extend(rates(optimizer))
        optimizer.param_groups[0]["lr"] = 0.4  # as a warm-up in on_before_optimizer_step does
        return 0.0

    optimizer.step(closure)
    optimizer.step(closure=closure)
    assert seen == [0.1, 0.2, 0.4, 0.2]
    assert used == [0.2, 0.1, 0.2, 0.1]
    assert rates(optimizer) == [0.4, 0.2]


def test_a_raising_closure_leaves_the_schedule_and_the_next_step_is_held(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]
) -> None:
    """Some programs catch an out-of-memory error and go on with the next batch."""
    overlay.set_rule("lr", hold(HOLD))

    def closure() -> float:
        raise MemoryError

    with pytest.raises(MemoryError):
        optimizer.step(closure)
    assert rates(optimizer) == [0.1, 0.2]
    optimizer.step()
    assert used == [HOLD, HOLD]
    assert rates(optimizer) == [0.1, 0.2]


def test_a_raising_update_leaves_the_schedule_and_the_next_step_is_held(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch skips its post hooks then."""
    overlay.set_rule("lr", hold(HOLD))
    with monkeypatch.context() as broken:
        broken.setattr(ARITHMETIC, "sgd", raise_memory_error)
        with pytest.raises(MemoryError):
            optimizer.step()
    assert rates(optimizer) == [0.1, 0.2]
    optimizer.step()
    assert used == [HOLD, HOLD]
    assert rates(optimizer) == [0.1, 0.2]


def raise_memory_error(*args: Any, **kwargs: Any) -> None:
    """Fail as an update does that finds no room."""
    raise MemoryError


def test_a_raising_rule_changes_nothing(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]
) -> None:
    """All rules are asked before the first value is written."""
    overlay.set_rule("lr", hold(HOLD))
    overlay.set_rule("momentum", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        optimizer.step()
    assert rates(optimizer) == [0.1, 0.2]
    overlay.set_rule("momentum", None)
    optimizer.step()
    assert used == [HOLD, HOLD]
    assert rates(optimizer) == [0.1, 0.2]


def test_detach_and_attach_can_be_called_twice(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]
) -> None:
    """A second attach does not scale twice; after detach nothing is held."""
    overlay.attach()
    assert "step" not in vars(optimizer)
    overlay.set_rule("lr", scale(0.5))
    optimizer.step()
    overlay.detach()
    overlay.detach()
    optimizer.step()
    assert used == [0.05, 0.1, 0.1, 0.2]
    assert "step" not in vars(optimizer)


def test_a_scheduler_made_while_held_and_a_wrapper_around_ours_do_no_harm(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]
) -> None:
    """Schedulers wrap the step themselves, and warn where theirs is gone."""
    before = StepLR(optimizer, 1, 0.5)
    overlay.set_rule("lr", hold(HOLD))
    after = StepLR(optimizer, 100)
    optimizer.step()
    before.step()
    after.step()
    assert used == [HOLD, HOLD]
    assert rates(optimizer) == [0.05, 0.1]
    optimizer.step = partial(optimizer.step)  # type: ignore[method-assign]
    overlay.set_rule("lr", None)
    optimizer.step()
    overlay.set_rule("lr", hold(HOLD))
    optimizer.step()
    assert used[2:] == [0.05, 0.1, HOLD, HOLD]


def test_detaching_within_the_closure_ends_the_hold(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]
) -> None:
    """Nothing is written that nobody would put back."""
    overlay.set_rule("lr", hold(HOLD))
    optimizer.step(overlay.detach)
    assert used == rates(optimizer) == [0.1, 0.2]


def test_betas_and_weight_decay_are_held_together() -> None:
    """Any key of a group works, tuples as well; groups without the key are left alone."""
    optimizer = Adam(parameters(1), betas=(0.9, 0.99), weight_decay=0.1)
    overlay = ParamGroupOverlay([optimizer])
    overlay.attach()
    overlay.set_rule("betas", hold((0.5, 0.6)))
    overlay.set_rule("weight_decay", hold(0.3))
    overlay.set_rule("momentum", hold(0.7))
    during: list[Any] = []
    optimizer.register_step_pre_hook(lambda *_: during.append(dict(optimizer.param_groups[0])))
    optimizer.step()
    assert (during[0]["betas"], during[0]["weight_decay"]) == ((0.5, 0.6), 0.3)
    assert "momentum" not in during[0]
    after = optimizer.param_groups[0]
    assert (after["betas"], after["weight_decay"]) == ((0.9, 0.99), 0.1)
    assert overlay.effective("momentum") == [[None]]


class Nested(SGD):
    """Calls a step that has the same hooks, as every subclass does whose parent has been used before."""

    def step(self, closure: Any = None) -> Any:
        result = super().step(closure)
        self.after_inner = self.param_groups[0]["lr"]
        return result


def test_a_step_within_a_step_is_held_to_the_end(used: list[float]) -> None:
    """The scheduled values come back after the outer step only."""
    SGD(parameters(1), lr=1.0)
    optimizer = Nested(parameters(1), lr=0.1)
    overlay = ParamGroupOverlay([optimizer])
    overlay.attach()
    overlay.set_rule("lr", scale(0.5))
    for _ in range(2):
        optimizer.step(lambda: 0.0)
        assert optimizer.after_inner == 0.05
        assert rates(optimizer) == [0.1]
    assert used == [0.05, 0.05]


def test_lbfgs_which_calls_its_closure_many_times_is_held() -> None:
    """It reads the rate before its first closure."""
    moved = []
    for held in (False, True):
        parameter = Parameter(torch.ones(2))
        optimizer = torch.optim.LBFGS([parameter], lr=0.01 if held else 0.1, max_iter=4)
        overlay = ParamGroupOverlay([optimizer])
        overlay.attach()
        if held:
            overlay.set_rule("lr", hold(0.1))

        def closure(parameter: Parameter = parameter) -> Tensor:
            parameter.grad = None
            loss = (parameter - torch.tensor([3.0, -1.0])).square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        moved.append(parameter.detach().clone())
        assert rates(optimizer) == [0.01 if held else 0.1]
    assert torch.equal(*moved)


def test_a_step_the_grad_scaler_skips_leaves_the_schedule(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]
) -> None:
    """Infinite gradients: the scaler does not call step at all."""
    overlay.set_rule("lr", hold(HOLD))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    loss = scaler.scale(optimizer.param_groups[0]["params"][0].sum())
    optimizer.zero_grad()
    loss.backward()
    optimizer.param_groups[0]["params"][0].grad.fill_(float("inf"))
    scaler.step(optimizer)
    scaler.update()
    assert used == []
    assert rates(optimizer) == [0.1, 0.2]


def test_groups_added_or_reloaded_later_are_held_too(
    overlay: ParamGroupOverlay, optimizer: SGD, used: list[float]
) -> None:
    """Unfreezing adds groups, and load_state_dict replaces the dicts."""
    overlay.set_rule("lr", hold(HOLD))
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.add_param_group({"params": parameters(1), "lr": 0.3})
    optimizer.step()
    assert used == [HOLD] * 3
    assert rates(optimizer) == [0.1, 0.2, 0.3]


def test_the_optimizer_inside_a_lightning_optimizer_is_held(optimizer: SGD, used: list[float]) -> None:
    """Lightning steps the inner one, and says of the wrapper that its state is not kept in sync."""
    overlay = ParamGroupOverlay([LightningOptimizer(optimizer)])
    overlay.attach()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.param_groups[0]["lr"] = 0.4
    overlay.set_rule("lr", scale(0.5))
    assert overlay.effective("lr") == [[0.2, 0.1]]
    optimizer.step()
    assert used == [0.2, 0.1]
    overlay.detach()


def test_something_that_is_no_optimizer_is_refused() -> None:
    """With its name, so that the user knows which strategy is meant."""
    with pytest.raises(TypeError, match=r"object is not a torch\.optim"):
        ParamGroupOverlay([object()])  # type: ignore[list-item]
