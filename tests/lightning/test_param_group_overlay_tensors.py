"""Rates and betas that are tensors: filled in place, never mixed up where groups share them."""

import pytest
import torch
from torch import Tensor
from torch.optim import SGD, Adam

from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay, Rule
from tests.lightning.rates import hold, parameters, rounded, scale, watch_rates

HOLD = 0.0123


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The rates of all steps, one per group."""
    return watch_rates(monkeypatch)


def shared() -> tuple[SGD, Tensor]:
    """Return an optimizer whose two groups hold one tensor, and that tensor."""
    rate = torch.tensor(0.1)
    first, second = parameters(2)
    return SGD([{"params": [first]}, {"params": [second]}], lr=rate), rate


@pytest.mark.parametrize("rule", [hold(HOLD), scale(0.5)], ids=["hold", "scale"])
def test_a_tensor_shared_by_groups_is_scaled_once(used: list[float], rule: Rule) -> None:
    """Read all, then write all: the second group must not scale what the first one has written."""
    optimizer, rate = shared()
    overlay = ParamGroupOverlay([optimizer])
    overlay.attach()
    overlay.set_rule("lr", rule)
    wanted = overlay.effective("lr")[0]
    for _ in range(2):
        optimizer.step()
    assert used == [float(value) for value in wanted] * 2
    assert all(group["lr"] is rate for group in optimizer.param_groups)
    assert float(rate) == rounded(0.1)


def test_a_shared_tensor_parts_for_a_step_when_groups_want_different_rates(used: list[float]) -> None:
    """Including a group that wants to be left alone."""
    optimizer, rate = shared()
    overlay = ParamGroupOverlay([optimizer])
    overlay.attach()
    overlay.set_rule("lr", lambda optimizer_index, group_index, group, scheduled: [None, 0.5][group_index])
    optimizer.step()
    overlay.set_rule("lr", lambda optimizer_index, group_index, group, scheduled: [0.25, 0.5][group_index])
    optimizer.step()
    assert used == [rounded(0.1), 0.5, 0.25, 0.5]
    assert all(group["lr"] is rate for group in optimizer.param_groups)
    assert float(rate) == rounded(0.1)


def test_a_tensor_rate_is_filled_in_place() -> None:
    """A captured step knows the tensor by its address."""
    rate = torch.tensor(0.1)
    optimizer = SGD(parameters(1), lr=rate)
    overlay = ParamGroupOverlay([optimizer])
    overlay.attach()
    overlay.set_rule("lr", hold(0.5))
    during = []
    optimizer.register_step_pre_hook(
        lambda *_: during.append((optimizer.param_groups[0]["lr"] is rate, float(rate)))
    )
    optimizer.step()
    assert during == [(True, 0.5)]
    assert float(rate) == rounded(0.1)


def test_tensor_betas_stay_tensors() -> None:
    """Adam refuses a mixture."""
    betas = (torch.tensor(0.9), torch.tensor(0.99))
    optimizer = Adam(parameters(1), lr=torch.tensor(0.1), betas=betas, foreach=False, capturable=True)
    overlay = ParamGroupOverlay([optimizer])
    overlay.set_rule("betas", hold((0.5, 0.25)))
    assert overlay.effective("betas") == [[(torch.tensor(0.5), torch.tensor(0.25))]]
