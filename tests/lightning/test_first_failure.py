"""The error that ends a run is that of the rank that failed first."""

import pytest
import torch.distributed as dist

from freak_lightning.ranks.first_failure import FirstFailure, RankFailed


@pytest.fixture(autouse=True)
def store() -> None:
    """The store of a group; both ranks of these tests are in this process."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)


def test_a_rank_whose_error_follows_from_another_names_that_rank_and_its_message() -> None:
    wheel, closed = RuntimeError("a wheel came off"), RuntimeError("Connection closed by peer")
    assert FirstFailure("fit", 1, 2).behind(wheel) is wheel
    named = FirstFailure("fit", 0, 2).behind(closed)
    assert isinstance(named, RankFailed)
    assert "rank 1 of 2 failed first: RuntimeError: a wheel came off" in str(named)
    assert "Connection closed by peer" in str(named)
    assert FirstFailure("another fit", 0, 2).behind(closed) is closed


def test_a_rank_that_is_interrupted_names_the_failure_before_it_and_is_none_itself() -> None:
    interrupted, wheel = KeyboardInterrupt(), RuntimeError("a wheel came off")
    assert FirstFailure("fit", 0, 2).behind(interrupted) is interrupted
    assert FirstFailure("fit", 1, 2).behind(wheel) is wheel
    assert isinstance(FirstFailure("fit", 0, 2).behind(interrupted), RankFailed)


def test_without_an_error_or_without_other_ranks_there_is_nothing_to_tell() -> None:
    wheel = RuntimeError("a wheel came off")
    assert FirstFailure("fit", 1, 2).behind(None) is None
    assert FirstFailure("fit", 0, 1).behind(wheel) is wheel
