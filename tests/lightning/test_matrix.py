"""Every control works under every strategy in every mode, or says why not: as the table in the docs says."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lightning.matrix import EXAMPLE, MODES, STRATEGIES, run
from tests.lightning.matrix_table import Cells, Outcome, cells_of, documented, table

pytestmark = [pytest.mark.ranks, pytest.mark.timeout(1000)]

DEADLINE = 900.0
"""Seconds until the trainings under a strategy must have ended, those that come before them included."""

BY_HAND = "gradient_clip_val=0.5 cannot be: with manual optimization that is up to training_step"
"""What TrainerOverride refuses in manual mode."""

EVERY_LIGHTNING = ("single device", "ddp")
"""The strategies under which other versions and namespaces are tried."""


@pytest.fixture(scope="module")
def trainings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Path]]]:
    """The folders of the trainings under each strategy; two at a time, since much of it is waiting."""
    few = request.config.getoption("-m") == "every_lightning"

    def trained(strategy: str) -> Path:
        return run(strategy, tmp_path_factory.mktemp(strategy.replace(" ", "-")))

    with ThreadPoolExecutor(2) as pool:
        strategies = EVERY_LIGHTNING if few else STRATEGIES
        yield {strategy: pool.submit(trained, strategy) for strategy in strategies}


def cells(strategy: str, trainings: dict[str, Future[Path]]) -> Cells:
    out = trainings[strategy].result(DEADLINE)
    assert len(list(out.glob("*/rank-0.json"))) == len(MODES), (out / "log.txt").read_text()[-5000:]
    return cells_of(strategy, out)


@pytest.mark.parametrize(
    "strategy",
    [pytest.param(s, marks=pytest.mark.every_lightning if s in EVERY_LIGHTNING else ()) for s in STRATEGIES],
)
def test_every_control_works_in_every_mode_under(strategy: str, trainings: dict[str, Future[Path]]) -> None:
    for (_, mode), told in cells(strategy, trainings).items():
        expected = dict.fromkeys(told, "yes") | ({"TrainerOverride": BY_HAND} if mode == "manual" else {})
        assert told == expected, mode


def test_the_modes_are_what_they_say(trainings: dict[str, Future[Path]]) -> None:
    """Of 14 batches a scaler skips three, and accumulating halves the steps."""
    out = trainings["ddp"].result(DEADLINE)
    assert Outcome(out / "automatic").stepped == set(range(14))
    assert Outcome(out / "scaler").stepped == set(range(14)) - {2, 6, 10}
    assert Outcome(out / "accumulating").stepped == set(range(7))


def test_the_control_of_the_docs_that_is_tried_here_too_has_at_most_eight_lines() -> None:
    assert len([line for line in EXAMPLE.splitlines() if line]) <= 8


def test_the_table_in_the_docs_says_so(trainings: dict[str, Future[Path]]) -> None:
    """``python -m tests.lightning.matrix_table`` writes it anew."""
    assert table({key: told for s in STRATEGIES for key, told in cells(s, trainings).items()}) == documented()
