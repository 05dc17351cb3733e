"""Every optimizer of torch, in each of its implementations, steps as if its schedule had the override."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay

RATE = 0.05
EFFECTIVE = [RATE] * 3 + [0.2] * 3 + [RATE / 2] * 3 + [RATE] * 3
"""The rate of each step: held in the fourth, scaled in the seventh, released in the tenth."""

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
    "differentiable": {"differentiable": True},
    "tensor": {"lr": torch.tensor(RATE)},
    "momentum": {"momentum": 0.9, "nesterov": True},
    "amsgrad": {"amsgrad": True},
    "maximize": {"maximize": True},
}


def optimizers() -> Iterator[tuple[str, str]]:
    """Yield the name of each optimizer and of each variant that its constructor takes."""
    for name, kind in sorted(vars(torch.optim).items()):
        if inspect.isclass(kind) and issubclass(kind, Optimizer) and kind is not Optimizer:
            takes = inspect.signature(kind).parameters
            yield from (
                (name, variant) for variant, given in VARIANTS.items() if given.keys() <= takes.keys()
            )


def trained(
    name: str, variant: str, before_step: Callable[[ParamGroupOverlay, Optimizer, int], None]
) -> list[Tensor]:
    """Step an optimizer twelve times; return the weights after each step."""
    draw = torch.Generator().manual_seed(3)
    weight = torch.randn(4, 3, generator=draw).requires_grad_()
    if variant == "differentiable":
        weight = weight.clone()  # what it steps must not be a leaf
    given = {
        name: each.clone() if isinstance(each, Tensor) else each for name, each in VARIANTS[variant].items()
    }
    optimizer = getattr(torch.optim, name)([weight], **{"lr": RATE, **given})
    overlay = ParamGroupOverlay([optimizer])
    overlay.attach()
    found: list[Tensor] = []
    for number in range(len(EFFECTIVE)):
        gradient = torch.randn(4, 3, generator=draw)
        weight.grad = gradient.to_sparse() if name == "SparseAdam" else gradient
        before_step(overlay, optimizer, number)
        optimizer.step(lambda weight=weight: weight.detach().square().sum())
        found.append(weight.detach().clone())
    overlay.detach()
    return found


def override(overlay: ParamGroupOverlay, optimizer: Optimizer, number: int) -> None:
    match number:
        case 3:
            overlay.set_rule("lr", lambda *_: 0.2)
        case 6:
            overlay.set_rule("lr", lambda i, j, group, scheduled: scheduled / 2)
        case 9:
            overlay.set_rule("lr", None)


def schedule(overlay: ParamGroupOverlay, optimizer: Optimizer, number: int) -> None:
    group = optimizer.param_groups[0]
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(EFFECTIVE[number])
    else:
        group["lr"] = EFFECTIVE[number]


@pytest.mark.parametrize(("name", "variant"), list(optimizers()))
def test_its_weights_are_those_of_a_schedule_with_the_overrides(name: str, variant: str) -> None:
    overridden, scheduled = trained(name, variant, override), trained(name, variant, schedule)
    assert [
        number for number, (a, b) in enumerate(zip(overridden, scheduled, strict=True)) if not a.equal(b)
    ] == []
    unsteered = trained(name, variant, lambda *_: None)
    assert overridden[2].equal(unsteered[2])
    assert name == "Rprop" or not overridden[-1].equal(unsteered[-1])


def test_every_optimizer_of_torch_is_there() -> None:
    assert {"SGD", "Adam", "AdamW", "LBFGS", "Rprop"} <= {name for name, _ in optimizers()}
    assert ("Adam", "fused") in set(optimizers())
