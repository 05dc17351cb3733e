"""What a resume brings along is said, and a reset releases it."""

from pathlib import Path

import pytest

from freak_core import Write
from freak_core.journal import read_journal
from tests.lightning.asking import asking, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


def test_a_reset_releases_what_a_resume_has_restored(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 1, patch({"lr": {"hold": 0.01}})), (0, 4, checkpoint()))
    fit(callbacks)
    path = Path(next(r for r in ask.receipts if r.name == "checkpoint").result["path"])
    again, ours = asking(tmp_path, (1, 1, Write("reset", path=("lr",))))
    fit(ours, resume=path)
    restored = next(receipt for receipt in again.receipts if receipt.name == "restore")
    assert restored.result["lr"]["hold"] == 0.01
    released = again.receipt()
    assert [(change.path, change.new) for change in released.changes] == [("/lr/hold", None)]


def test_the_journal_says_how_a_fit_ended(tmp_path: Path, home: Path) -> None:
    class Broken(TinyModel):
        def training_step(self, batch: object, batch_idx: int) -> None:
            raise ZeroDivisionError("on purpose")

    _, callbacks = asking(tmp_path)
    with pytest.raises(ZeroDivisionError):
        fit(callbacks, model=Broken)
    entries = [entry for path in home.glob("runs/*/journal.jsonl") for entry in read_journal(path)]
    assert entries[-1]["phase"] == "failed"
    assert entries[-1]["error"] == "ZeroDivisionError: on purpose"
