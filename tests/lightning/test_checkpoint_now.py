"""A checkpoint asked for at any batch resumes to the weights of the run that was never interrupted."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins import AsyncCheckpointIO

from freak_core import Receipt
from tests.lightning.asking import asking, checkpoint
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, plain_loader, reference, same, weights
from tests.pairs import diagonal, grid

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]

MODEL = partial(TinyModel, dropout=0.5)  # draws random numbers in every step

CADENCES: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulate": {"accumulate_grad_batches": 3},
    "validate-twice": {"val_check_interval": 0.5},
    "no-validation": {"limit_val_batches": 0},
}


def ask_at(folder: Path, batch: int, **settings: Any) -> Receipt:
    ask, callbacks = asking(folder, (1, batch, checkpoint()))
    trainer = fit(callbacks, model=MODEL, **settings)
    untouched = reference(model=MODEL, **settings)
    assert same(weights(trainer), untouched.weights), "saving has changed the run"
    receipt = ask.receipt()
    assert receipt.status == "applied", receipt
    return receipt


FEW = dict.fromkeys([*diagonal(list(CADENCES), range(8)), *((each, 7) for each in CADENCES)])


@pytest.mark.parametrize(("cadence", "batch"), grid(list(CADENCES), range(8), few=list(FEW)))
def test_a_checkpoint_at_any_batch_resumes_exactly(cadence: str, batch: int, tmp_path: Path) -> None:
    settings = CADENCES[cadence]
    receipt = ask_at(tmp_path, batch, **settings)
    assert receipt.result["exact"] is True, receipt
    _, ours = asking(tmp_path)
    resumed = fit(ours, model=MODEL, resume=Path(receipt.result["path"]), **settings)
    untouched = reference(model=MODEL, **settings)
    assert resumed.global_step == untouched.global_step
    assert same(weights(resumed), untouched.weights)


def test_a_validation_whose_loader_is_made_late_comes_before_the_checkpoint_all_the_same(
    tmp_path: Path,
) -> None:
    """Without a sanity check Lightning makes it for the first epoch that validates."""
    settings: dict[str, Any] = {"check_val_every_n_epoch": 2, "num_sanity_val_steps": 0, "max_epochs": 4}
    receipt = ask_at(tmp_path, 7, **settings)
    assert receipt.result["exact"] is True, receipt
    _, ours = asking(tmp_path)
    resumed = fit(ours, model=MODEL, resume=Path(receipt.result["path"]), **settings)
    assert resumed.lightning_module.validations == 1
    assert same(weights(resumed), reference(model=MODEL, **settings).weights)


def test_a_checkpoint_resumes_without_our_callbacks_too(tmp_path: Path) -> None:
    receipt = ask_at(tmp_path, 3)
    resumed = fit(model=MODEL, resume=Path(receipt.result["path"]))
    assert resumed.global_step == 24


def test_a_loader_that_cannot_say_where_it_is_is_not_called_exact(tmp_path: Path) -> None:
    receipt = ask_at(tmp_path, 3, loader=plain_loader)
    assert receipt.result["exact"] is False
    assert any("repeats the epoch's first batches" in reason for reason in receipt.result["why_not_exact"])


def test_names_and_weights_only_are_as_asked_for(tmp_path: Path) -> None:
    ask, callbacks = asking(tmp_path, (0, 1, checkpoint(name="best", weights_only=True)))
    fit(callbacks)
    result = ask.receipt().result
    reasons = ["weights_only leaves out optimizers, schedulers and loops; resume needs all of them"]
    assert result == {"path": str(tmp_path / "best.ckpt"), "exact": False, "why_not_exact": reasons}
    assert "optimizer_states" not in torch.load(tmp_path / "best.ckpt", weights_only=True)


@pytest.mark.parametrize("name", ["../escape", "a/b", ".hidden", "", "x" * 101])
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    from freak_core import Rejected

    ask, callbacks = asking(tmp_path, (0, 1, checkpoint(name=name)))
    with pytest.raises(Rejected):
        fit(callbacks)
    assert not list(tmp_path.rglob("*.ckpt"))
    assert ask.ids == []


def test_no_torn_file_is_left_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, checkpoint: Any, path: Path, storage_options: Any = None) -> None:
        Path(path).write_bytes(b"torn")
        raise OSError(28, "No space left on device")

    from lightning.fabric.plugins import TorchCheckpointIO

    monkeypatch.setattr(TorchCheckpointIO, "save_checkpoint", full)
    ask, callbacks = asking(tmp_path, (0, 1, checkpoint()))
    trainer = fit(callbacks)
    receipt = ask.receipt()
    assert receipt.status == "failed"
    assert receipt.error is not None
    assert "No space left" in receipt.error["detail"]
    assert trainer.global_step == 24
    assert not list(tmp_path.glob("*.ckpt*"))
    assert not list(tmp_path.glob(".*.part"))


def test_an_asynchronous_writer_saves_what_was_there_when_it_was_asked(tmp_path: Path) -> None:
    plugin = AsyncCheckpointIO()
    ask, callbacks = asking(tmp_path, (1, 3, checkpoint()))
    steered = fit(callbacks, model=MODEL, plugins=[plugin])
    receipt = ask.receipt()
    assert receipt.result["written"] == "later"
    assert receipt.result["exact"] is True
    _, ours = asking(tmp_path)
    resumed = fit(ours, model=MODEL, resume=Path(receipt.result["path"]))
    assert same(weights(resumed), weights(steered))


def test_what_was_saved_before_is_spared_unless_it_shall_be_replaced(tmp_path: Path) -> None:
    saved = []
    asks = (checkpoint(), checkpoint(name="best"), checkpoint(name="last", overwrite=True))
    for _ in range(3):
        ask, callbacks = asking(tmp_path, *((0, batch, write) for batch, write in enumerate(asks, 1)))
        fit(callbacks, max_epochs=1)
        saved.append([ask.receipt(number).result for number in range(3)])
    for column, first in enumerate(("freak-epoch=0-step=2", "best")):
        names = [Path(row[column]["path"]).name for row in saved]
        assert names == [f"{first}.ckpt", f"{first}-v1.ckpt", f"{first}-v2.ckpt"]
    assert [["replaced" in each for each in row] for row in saved] == [
        [False, False, False],
        [False, False, True],
        [False, False, True],
    ]
    assert len(list(tmp_path.glob("*.ckpt*"))) + len(list(tmp_path.glob(".*"))) == 7
