"""Every control works under every strategy in every mode, or says why not: as the table in the docs says."""

from pathlib import Path

import pytest

from tests.lightning.matrix import EXAMPLE, FEW, MODES, STRATEGIES, run
from tests.lightning.matrix_table import Outcome, cells_of, documented, documented_cells, table
from tests.soak import SOAK

pytestmark = [pytest.mark.ranks, pytest.mark.timeout(1000)]

BY_HAND = "gradient_clip_val cannot be 0.5: with manual optimization, training_step clips the gradients"
"""What TrainerOverride refuses in manual mode."""

EVERY_LIGHTNING = ("single device", "ddp")
"""The strategies under which other versions and namespaces are tried."""

STEPPED = {
    "automatic": set(range(14)),
    "scaler": set(range(14)) - {2, 6, 10},
    "accumulating": set(range(7)),
}
"""Of 14 batches a scaler skips three, and accumulating halves the steps."""


@pytest.mark.parametrize(
    "strategy",
    [pytest.param(s, marks=pytest.mark.every_lightning if s in EVERY_LIGHTNING else ()) for s in STRATEGIES],
)
def test_every_control_works_as_the_table_in_the_docs_says_under(strategy: str, tmp_path: Path) -> None:
    modes = list(MODES) if SOAK else FEW[strategy]
    out = run(strategy, modes, tmp_path)
    assert len(list(out.glob("*/rank-0.json"))) == len(modes), (out / "log.txt").read_text()[-5000:]
    for (_, mode), told in cells_of(strategy, modes, out).items():
        assert told == dict.fromkeys(told, "yes") | ({"TrainerOverride": BY_HAND} if mode == "manual" else {})
        assert told == documented_cells()[strategy, mode], f"make soak writes the table anew: {mode}"
        assert Outcome(out / mode).stepped == STEPPED.get(mode, Outcome(out / mode).stepped)


def test_the_table_in_the_docs_has_every_strategy_and_mode() -> None:
    """``make soak`` writes it anew."""
    cells = documented_cells()
    assert list(cells) == [(strategy, mode) for strategy in STRATEGIES for mode in MODES]
    assert table(cells) == documented()


def test_a_few_rows_try_every_strategy_and_every_mode() -> None:
    assert list(FEW) == list(STRATEGIES)
    assert {mode for strategy, modes in FEW.items() if strategy != "ddp" for mode in modes} == set(MODES)


def test_the_control_of_the_docs_that_is_tried_here_too_has_at_most_eight_lines() -> None:
    assert len([line for line in EXAMPLE.splitlines() if line]) <= 8
