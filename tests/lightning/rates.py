"""Rules for learning rates, and the rates an optimizer really computes with."""

import sys
from typing import Any

import pytest
import torch
from torch.nn import Parameter

from freak_lightning.optimizers.param_group_overlay import Rule

ARITHMETIC = sys.modules["torch.optim.sgd"]


def watch_rates(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that grows by each rate SGD computes with, one per group and step."""
    seen: list[float] = []
    arithmetic = ARITHMETIC.sgd

    def watched(*args: Any, lr: Any, **kwargs: Any) -> None:
        seen.append(float(lr))
        arithmetic(*args, lr=lr, **kwargs)

    monkeypatch.setattr(ARITHMETIC, "sgd", watched)
    return seen


def hold(value: Any) -> Rule:
    """Return the rule that steps with this value."""
    return lambda optimizer_index, group_index, group, scheduled: value


def scale(factor: float) -> Rule:
    """Return the rule that steps with so much of the schedule."""
    return lambda optimizer_index, group_index, group, scheduled: scheduled * factor


def rounded(value: float) -> float:
    """Return the value as a tensor of 32 bits holds it."""
    return float(torch.tensor(value))


def parameters(count: int) -> list[Parameter]:
    """Return parameters of ones whose gradients are ones."""
    made = [Parameter(torch.ones(2)) for _ in range(count)]
    for parameter in made:
        parameter.grad = torch.ones(2)
    return made
