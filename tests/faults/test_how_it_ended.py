"""However a program ends: ``freak watch``, ``freak ls -a`` and the journal say the same, and it is true."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from freak_core import Freak
from tests.faults.endings import WAYS, documented_rows, end, said_of
from tests.pairs import grid

FEW = ("an exception", "a rule stops it", "SIGKILL")
"""Ways to end a training that `make test` tries, beside all those to end a plain program."""


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
    assert row[:-1] == said[:-1], row
    assert said.why in row.why


def test_the_table_in_the_docs_has_a_row_for_every_end() -> None:
    rows = documented_rows()
    assert list(rows) == [(way, kind) for way in WAYS for kind in ("plain", "training")]
    for (way, kind), row in rows.items():
        said = said_of(kind, way)
        assert row[:-1] == said[:-1], (way, kind)
        assert said.why in row.why, (way, kind)


EXITS = {
    "try: sys.exit(0)\nexcept SystemExit: raise_again = 4\nraise SystemExit(raise_again)": "exited",
    "try: sys.exit(3)\nexcept SystemExit: pass\nraise SystemExit": "exited",
    "try: sys.exit(0)\nexcept SystemExit: raise SystemExit(0)": "finished",
    "try: sys.exit(3)\nfinally: print()": "failed",
    "try: sys.exit(3)\nexcept SystemExit: sys.exit(0)": "finished",
    "try: sys.exit(3)\nexcept SystemExit: pass": "finished",
    "async def main(): sys.exit(3)\nimport asyncio; asyncio.run(main())": "failed",
}
SCRIPT = """
import sys
from freak_core.program.script import Script
script = Script()
script.call_at_end(lambda: print(script.ending().phase))
"""


@pytest.mark.parametrize(("statement", "phase"), EXITS.items())
def test_an_exit_that_the_program_has_caught_is_not_its_end(statement: str, phase: str) -> None:
    command = [sys.executable, "-c", SCRIPT + statement]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.split() == [phase], ran.stderr


class Settings(BaseModel):
    rate: float = 0.1


@pytest.fixture
def freak(monkeypatch: pytest.MonkeyPatch) -> Freak:
    monkeypatch.setenv("FREAK_DISABLED", "1")
    return Freak()


class Ends:
    def __init__(self, freak: Freak) -> None:
        self._freak = freak

    def __enter__(self) -> None:
        """Only the end matters."""

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop, as a function of the program that cleans up."""
        self._freak.stop()


def test_an_exception_underway_ends_the_run_wherever_stop_is_called(freak: Freak) -> None:
    freak.control(Settings())
    with pytest.raises(ValueError, match="boom"), Ends(freak):
        raise ValueError("boom")
    assert freak.ended is not None
    assert (freak.ended.phase, freak.ended.error) == ("failed", "ValueError: boom")


def test_an_exception_that_a_finally_passes_on_ends_the_run(freak: Freak) -> None:
    freak.control(Settings())

    def main() -> None:
        try:
            raise ValueError("boom")
        finally:
            Ends(freak).end()

    with pytest.raises(ValueError, match="boom"):
        main()
    assert freak.ended is not None
    assert freak.ended.phase == "failed"


def test_an_exception_that_is_caught_above_does_not_end_the_run(freak: Freak) -> None:
    freak.control(Settings())
    try:
        raise ValueError("boom")
    except:  # noqa: E722  a bare one is of another form
        Ends(freak).end()
    assert freak.ended is not None
    assert freak.ended.phase == "finished"


def test_an_exception_from_before_the_run_does_not_end_it(freak: Freak) -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        freak.control(Settings())
        Ends(freak).end()
    assert freak.ended is not None
    assert freak.ended.phase == "finished"
