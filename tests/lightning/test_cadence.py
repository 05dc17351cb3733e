"""How often ranks agree, on a clock of the test's own."""

import pytest

from freak_lightning.ranks import cadence as module
from freak_lightning.ranks.cadence import Cadence


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def train(clock: Clock, cadence: Cadence, steps: int, *, step: float, call: float, cost: float) -> list[int]:
    """Do steps; agreeing takes ``call`` seconds here and ``cost`` in all. Return when it agreed."""
    agreed = []
    for number in range(1, steps + 1):
        clock.now += step
        if number % 500 == 0:
            clock.now += 10.0  # a validation
        if not cadence.skip() and cadence.due(last_batch=False):
            agreed.append(number)
            cadence.agreed(cadence.proposal(), call)
            clock.now += cost
    return agreed


@pytest.mark.parametrize(("step", "every"), [(0.0065, 31), (0.05, 4), (1.0, 1)])
def test_auto_keeps_the_cost_near_a_quarter_of_a_percent(clock: Clock, step: float, every: int) -> None:
    cadence = Cadence("auto")
    train(clock, cadence, 2000, step=step, call=0.00015, cost=0.0005)
    agreed = train(clock, cadence, 2000, step=step, call=0.00015, cost=0.0005)
    assert 0.7 * every <= 2000 / len(agreed) <= 1.5 * every + 0.1


def test_a_number_is_kept_to(clock: Clock) -> None:
    agreed = train(clock, Cadence(7), 70, step=0.01, call=0.001, cost=0.001)
    assert agreed == [1, *range(8, 71, 7)]


def test_epoch_agrees_on_the_last_batch_only(clock: Clock) -> None:
    cadence = Cadence("epoch")
    assert cadence.due(last_batch=False)  # the very first, since nothing was agreed yet
    cadence.agreed(cadence.proposal(), 0.001)
    assert not any(cadence.due(last_batch=False) for _ in range(1000))
    assert cadence.due(last_batch=True)
