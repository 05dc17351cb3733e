"""The random number generators in a checkpoint: exact, small with many ranks, and read from older files."""

import base64
import io
import json
import random
import threading
from typing import Any

import numpy as np
import torch

from freak_lightning.checkpoint.rng_states import (
    RngStates,
    collect_rng_states,
    restore_rng_states,
    states_of_all_ranks,
    states_of_rank,
)
from freak_lightning.ranks.collectives import Collectives, SingleProcess


class Crowd:
    """As many ranks as threads, which exchange what they gather."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = threading.Barrier(size)
        self.texts: list[str | None] = [None] * size

    def rank(self, number: int) -> Collectives:
        crowd = self

        class Rank(SingleProcess):
            def gather(self, text: str | None) -> list[str | None]:
                crowd.texts[number] = text
                crowd.barrier.wait(30)
                told = list(crowd.texts)
                crowd.barrier.wait(30)
                return told

        return Rank()

    def gather(self, states: list[RngStates | None]) -> list[Any]:
        saved: list[Any] = [None] * self.size

        def one(number: int) -> None:
            saved[number] = states_of_all_ranks(states[number], number, self.rank(number))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(self.size)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return saved


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def drawn() -> list[float]:
    """Draw from every generator, in ways that keep a second value for the next time, too."""
    return [
        *(random.random(), random.gauss(0, 1)),  # noqa: S311
        *(np.random.rand(), np.random.randn()),
        *(float(torch.rand(1)), float(torch.randn(1)), *torch.randn(20).tolist()),
    ]


def size_of(saved: Any) -> int:
    file = io.BytesIO()
    torch.save(saved, file)
    return file.tell()


def test_generators_go_on_exactly_wherever_they_were() -> None:
    for count in (0, 1, 2, 311, 623, 624, 700):
        seed(count)
        for _ in range(count):
            drawn()
        states = collect_rng_states()
        expected = drawn()
        seed(99)
        restore_rng_states(states)
        assert drawn() == expected


def test_every_rank_gets_its_own_states_and_equal_ones_are_saved_once() -> None:
    states: list[RngStates | None] = []
    expected = []
    for rank in range(64):
        seed(rank // 32)  # two groups, as of data parallel replicas
        states.append(collect_rng_states())
        expected.append(drawn())
    saved = Crowd(64).gather(states)
    assert all(torch.equal(each["data"], saved[0]["data"]) for each in saved)
    assert size_of(saved[0]) < 2 * 8500 + 64 * 30 + 2000
    for rank in (0, 31, 32, 63):
        restore_rng_states(states_of_rank(saved[0], rank))
        assert drawn() == expected[rank]


def test_ranks_that_differ_take_half_of_what_they_took() -> None:
    """With 1,024 ranks it was 18 MB."""
    states: list[RngStates | None] = []
    for rank in range(16):
        seed(rank)
        states.append(collect_rng_states())
    assert size_of(Crowd(16).gather(states)[0]) / 16 < 8700


def test_without_the_states_of_one_rank_none_are_saved() -> None:
    states: list[RngStates | None] = [collect_rng_states(), None, collect_rng_states()]
    assert Crowd(3).gather(states) == [None] * 3


def test_a_checkpoint_of_0_1_0_is_read() -> None:
    seed(5)
    drawn()
    name, keys, *rest = np.random.get_state(legacy=True)
    text = json.dumps(
        {
            "python": random.getstate(),
            "numpy": [str(name), base64.b64encode(np.asarray(keys).tobytes()).decode(), *rest],
            "torch": base64.b64encode(torch.get_rng_state().numpy().tobytes()).decode(),
            "cuda": None,
        }
    )
    expected = drawn()
    seed(99)
    restore_rng_states(states_of_rank({"ranks": [text]}, 0))
    assert drawn() == expected
