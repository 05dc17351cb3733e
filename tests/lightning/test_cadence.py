"""How often ranks agree, on a clock of the test's own."""

import itertools
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freak_lightning.ranks import cadence as module
from freak_lightning.ranks.cadence import Cadence
from tests.soak import SOAK


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


def train(clock: Clock, cadence: Cadence, times: Sequence[float]) -> list[tuple[int, float]]:
    """Do steps that take so long; return after how many steps, and when, the ranks agreed."""
    agreed = []
    for number, seconds in enumerate(times, 1):
        clock.now += seconds
        if not cadence.skip() and cadence.due(last_batch=False):
            agreed.append((number, clock.now))
            cadence.agreed(cadence.proposal())
    return agreed


def gaps(agreed: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the steps and the seconds between two agreements."""
    return [(n - m, t - s) for (m, s), (n, t) in itertools.pairwise(agreed)]


@settings(max_examples=1000 if SOAK else 250, deadline=None)
@given(typical=st.floats(0.0005, 3.0), seed=st.integers(), extreme=st.booleans())
def test_agreements_are_a_quarter_second_or_one_step_apart_while_steps_stay_within_a_factor_of_two(
    typical: float, seed: int, extreme: bool
) -> None:
    clock, chance = Clock(), random.Random(seed)  # noqa: S311
    times = [typical * (chance.choice((1, 2)) if extreme else chance.uniform(1, 2)) for _ in range(600)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "time", clock)
        for steps, seconds in gaps(train(clock, Cadence("auto"), times)):
            assert steps == 1 or seconds <= 0.2501


@settings(max_examples=1000 if SOAK else 250, deadline=None)
@given(
    levels=st.lists(st.floats(0.0005, 3.0), min_size=2, max_size=4),
    length=st.integers(1, 700),
    seed=st.integers(),
    extreme=st.booleans(),
)
def test_after_a_jump_one_interval_at_most_is_too_long_and_its_length_is_that_of_steps_before(
    levels: list[float], length: int, seed: int, extreme: bool
) -> None:
    """Step times stay within a factor of two of a level, which jumps every ``length`` steps or later."""
    clock, chance = Clock(), random.Random(seed)  # noqa: S311
    lengths = [chance.randrange(length, 2 * length) for _ in levels]
    times = [
        level * (chance.choice((1, 2)) if extreme else chance.uniform(1, 2))
        for level, count in zip(levels, lengths, strict=True)
        for _ in range(count)
    ]
    jumps = list(itertools.accumulate(lengths[:-1]))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "time", clock)
        agreed = [(0, 0.0), *train(clock, Cadence("auto"), times)]
    for (first, began), (last, ended) in itertools.pairwise(agreed):
        if last - first > 1 and ended - began > 0.2501:
            assert any(first <= jump < last for jump in jumps)
            before = times[first - 1]  # the step that the interval was counted by
            assert last - first <= min(256, 0.1251 / before)


def test_short_steps_are_not_slowed_down_by_agreements(clock: Clock) -> None:
    """At 0.25 ms for an agreement on two ranks the cost is 0.2%."""
    assert train(clock, Cadence("auto"), [0.004] * 2000)[-1][0] > 1900
    assert len(train(clock, Cadence("auto"), [0.004] * 2000)) < 2000 / 30


@pytest.mark.parametrize("step", [0.002, 0.004, 0.01, 0.05])
@pytest.mark.parametrize("stall", [1.0, 5.0])
@pytest.mark.parametrize("every", [20, 50, 100])
def test_an_agreement_follows_soon_after_each_stall(
    clock: Clock, step: float, stall: float, every: int
) -> None:
    """Requests at any time are applied within 0.3 s or the two longest steps in between, 95 of 100."""
    times = [step + stall * (number % every == 0) for number in range(1, 40 * every)]
    ends = list(itertools.accumulate(times))
    agreed = [when for _, when in train(clock, Cadence("auto"), times)]
    chance, kept = random.Random(1), 0  # noqa: S311
    for _ in range(1000):
        asked = chance.uniform(agreed[2], agreed[-1])
        applied = agreed[bisect_left(agreed, asked)]
        between = times[bisect_right(ends, asked) : bisect_right(ends, applied)]
        kept += applied - asked <= max(0.3, sum(sorted(between)[-2:]))
    assert kept >= 950
    assert len(agreed) <= 64 + ends[-1] / 0.0625  # no more often than without stalls


def test_a_number_is_kept_to(clock: Clock) -> None:
    agreed = train(clock, Cadence(7), [0.01] * 70)
    assert [number for number, _ in agreed] == [1, *range(8, 71, 7)]


def test_epoch_agrees_on_the_last_batch_only(clock: Clock) -> None:
    cadence = Cadence("epoch")
    assert cadence.due(last_batch=False)  # the very first, since nothing was agreed yet
    cadence.agreed(cadence.proposal())
    assert not any(cadence.due(last_batch=False) for _ in range(1000))
    assert cadence.due(last_batch=True)


class OneRank:
    """What rank zero broadcasts is what it gets."""

    def broadcast(self, decision: Any, steps: int) -> tuple[Any, int]:
        return decision, steps


@pytest.mark.parametrize(("sooner", "steps"), [(None, 50), (3, 3), (500, 50)])
def test_rank_zero_may_wish_for_the_next_agreement_sooner_and_never_later(
    sooner: int | None, steps: int
) -> None:
    cadence = Cadence(50)
    decision: Any = []
    assert cadence.exchange(cast(Any, OneRank()), decision, sooner) is decision
    due = [step for step in range(1, 51) if not cadence.skip() and cadence.due(last_batch=False)]
    assert due[0] == steps
