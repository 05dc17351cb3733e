"""What a resume brings along is said, and a reset releases it."""

from pathlib import Path
from typing import Any, Self

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from pydantic import BaseModel, ConfigDict, model_validator

from freak_core import Receipt, Rejected, Write
from freak_core.runs.journal import read_journal
from freak_lightning import CheckpointNow, ControlCallback, Section, Tunable
from freak_lightning.checkpoint.contents import RNG_STATES
from tests.lightning.asking import Ask, asking, checkpoint, patch
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


@pytest.mark.served
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


class Window(ControlCallback):
    """A section whose fields can only change together."""

    class State(Section):
        model_config = ConfigDict(validate_assignment=True)
        low: int = 0
        high: int = 1

        @model_validator(mode="after")
        def _in_order(self) -> Self:
            if self.low >= self.high:
                raise ValueError("low must be below high")
            return self


class Unlucky(Window):
    """Cannot go on with what was asked for."""

    section = "window"

    @property
    def state_key(self) -> str:
        return "Window"

    def apply(self, *_: Any) -> None:
        if self.state.low:
            raise RuntimeError("on purpose")


class Span(BaseModel):
    low: int = 0


def restored(control: ControlCallback, path: Path) -> Receipt:
    ask = Ask(control)
    assert fit([ask, control], resume=path).global_step == 24
    return next(receipt for receipt in ask.receipts if receipt.name == "restore")


def test_fields_that_must_change_together_come_back_together(tmp_path: Path) -> None:
    control = Window()
    change = (0, 1, patch({"window": {"low": 5, "high": 10}}))
    fit([Ask(control, change, (0, 4, checkpoint(name="mid"))), control, CheckpointNow(tmp_path)])
    again, unlucky = Window(), Unlucky()
    assert restored(again, tmp_path / "mid.ckpt").status == "applied"
    assert (again.state.low, again.state.high) == (5, 10)
    assert restored(unlucky, tmp_path / "mid.ckpt").status == "failed"
    assert (unlucky.state.low, unlucky.state.high) == (0, 1)


def test_an_object_whose_owner_cannot_take_what_was_restored_is_as_it_was_made(tmp_path: Path) -> None:
    def unlucky(span: Span) -> None:
        if span.low == 5:
            raise RuntimeError("on purpose")

    control = Tunable(Span(low=2), name="span")
    change = (0, 1, patch({"span": {"low": 5}}))
    reset = (0, 5, Write("reset", path=("span", "low")))
    fit([Ask(control, change, (0, 4, checkpoint(name="mid")), reset), control, CheckpointNow(tmp_path)])
    assert control.model.low == 2
    again = Tunable(Span(low=3), name="span", on_change=unlucky)
    assert restored(again, tmp_path / "mid.ckpt").status == "failed"
    assert again.model.low == 3


def test_random_numbers_of_another_number_of_ranks_are_left_out_with_a_warning(tmp_path: Path) -> None:
    _, callbacks = asking(tmp_path, (0, 4, checkpoint(name="one")))
    fit(callbacks)
    saved = torch.load(tmp_path / "one.ckpt", weights_only=True)
    saved[RNG_STATES]["ranks"] *= 2
    torch.save(saved, tmp_path / "two.ckpt")
    _, ours = asking(tmp_path)
    with pytest.warns(UserWarning, match="generators of 2 ranks, and this training has 1"):
        fit(ours, resume=tmp_path / "two.ckpt")


def test_a_request_that_was_applied_before_the_checkpoint_is_not_applied_again_after_it(
    tmp_path: Path,
) -> None:
    hold = Write("patch", body={"lr": {"hold": 0.01}}, key="hold")
    release = Write("patch", body={"lr": {"hold": None}})
    late = Write("patch", body={"stop": {"reason": "late"}}, key="late", at_step=1000)
    _, callbacks = asking(
        tmp_path, (0, 1, hold), (0, 2, late), (0, 2, release), (0, 4, checkpoint(name="mid"))
    )
    fit(callbacks)
    assert list(torch.load(tmp_path / "mid.ckpt", weights_only=True)["freak_applied"]) == ["hold"]
    _, again = asking(tmp_path, (1, 1, late), (1, 2, hold))
    with pytest.raises(Rejected, match="requested before"):
        fit(again, resume=tmp_path / "mid.ckpt")


def test_a_checkpoint_saved_on_an_exception_knows_what_was_applied_too(tmp_path: Path) -> None:
    """Callbacks that save then come behind ours, which have ended the session by then."""

    class Fails(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            if trainer.global_step == 6:
                raise ZeroDivisionError("on purpose")

        def on_exception(self, trainer: Trainer, *_: Any) -> None:
            trainer.save_checkpoint(tmp_path / "failed.ckpt")

    _, callbacks = asking(tmp_path, (0, 1, Write("patch", body={"lr": {"hold": 0.01}}, key="hold")))
    with pytest.raises(ZeroDivisionError):
        fit([*callbacks, Fails()])
    saved = torch.load(tmp_path / "failed.ckpt", weights_only=True)
    assert list(saved["freak_applied"]) == ["hold"]
    assert saved["callbacks"]["LROverride"]
