"""However a program ends: ``freak watch``, ``freak ls -a`` and the journal say the same, and it is true."""

from pathlib import Path

import pytest

from tests.faults.endings import WAYS, end, said_of
from tests.pairs import grid

FEW = ("an exception", "a request to stop", "a rule stops it", "SIGTERM with a handler", "SIGKILL")
"""Ways to end a training that say something else than those to end a plain program."""


@pytest.mark.timeout(400)  # a training starts slowly on a busy machine
@pytest.mark.parametrize(
    ("kind", "way"),
    grid(
        ["plain", "training"],
        list(WAYS),
        few=[*(("plain", way) for way in WAYS), *(("training", way) for way in FEW)],
    ),
)
def test_how_a_program_ended_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, way: str
) -> None:
    if kind == "training":
        pytest.importorskip("lightning")
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    row, said = end(kind, WAYS[way], tmp_path), said_of(kind, way)
    assert row[:3] == said[:3], row
    assert said.why in row.why
