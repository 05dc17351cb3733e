"""No checkpoint is called exact from which a resume ends with other weights."""

from pathlib import Path

import pytest
from lightning.pytorch import callbacks

from tests.lightning.exact_grid import (
    CALLBACKS,
    PLACES,
    PRECISIONS,
    NoTraining,
    cell,
    documented_cells,
    documented_rows,
)
from tests.lightning.tiny import KNOWN_WARNINGS, NEEDS_2_6
from tests.pairs import grid

pytestmark = [
    *KNOWN_WARNINGS,
    NEEDS_2_6,
    pytest.mark.usefixtures("home"),
    pytest.mark.filterwarnings("ignore"),  # what each of Lightning's callbacks warns of is not looked at
    pytest.mark.timeout(120),
]


@pytest.mark.parametrize(("callback", "precision", "place"), grid(list(CALLBACKS), PRECISIONS, list(PLACES)))
def test_what_is_called_exact_is_exact_and_as_the_docs_say(
    callback: str, precision: str, place: str, tmp_path: Path
) -> None:
    try:
        told = cell(callback, precision, place, tmp_path)
    except NoTraining:
        assert precision in ("64-true", "bf16-true", "16-true")
        return
    assert told.equal or told.reasons
    documented = documented_cells()
    if (callback, precision, place) in documented:
        assert told.reasons == documented[callback, precision, place], "make soak writes the table anew"
    exact_alone = not documented["none", precision, place]
    if exact_alone and not documented.get((callback, "32-true", place), ("",)):
        assert told.reasons == ()


def test_the_tables_in_the_docs_have_every_row_and_every_callback_of_lightning() -> None:
    assert set(documented_cells()) == set(documented_rows())
    tried = set(CALLBACKS) - {"none", "built in configure_model"}
    assert tried | {"BatchSizeFinder", "SpikeDetection"} == set(callbacks.__all__)
