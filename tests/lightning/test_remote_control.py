"""remote_control() is every control at once, and passes on what it is given."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import LambdaCallback
from pydantic import BaseModel
from torch import Tensor

import freak_lightning
from freak_core import Freak, Receipt
from freak_lightning import (
    CheckpointNow,
    ControlCallback,
    ControlSession,
    GracefulStop,
    LROverride,
    RemoteControl,
    Replay,
    Tunable,
    remote_control,
)
from freak_lightning.lightning_api.callbacks import callbacks_of
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.tiny import (
    KNOWN_WARNINGS,
    TinyModel,
    fit,
    plain_loader,
    reference,
    resumable_loader,
    same,
    weights,
)

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


def test_it_has_every_control_that_needs_no_argument() -> None:
    public = [getattr(freak_lightning, name) for name in freak_lightning.__all__]
    kinds = {kind for kind in public if isinstance(kind, type) and issubclass(kind, ControlCallback)}
    assert {type(control) for control in remote_control()} == kinds - {ControlCallback, Tunable, Replay}


def test_it_passes_its_arguments_on(tmp_path: Path) -> None:
    freak = Freak(name="everything")
    controls = {type(c): c for c in remote_control(freak=freak, sync=7, dirpath=tmp_path, maximum=0.5)}
    assert [c.freak for c in controls.values() if c.freak is not None] == [freak]
    assert [c.sync for c in controls.values() if c.sync is not None] == [7]
    stop, lr, save = controls[GracefulStop], controls[LROverride], controls[CheckpointNow]
    assert isinstance(stop, GracefulStop)
    assert stop.dirpath == tmp_path
    assert isinstance(save, CheckpointNow)
    assert save.dirpath == tmp_path
    assert isinstance(lr, LROverride)
    assert (lr.minimum, lr.maximum) == (0.0, 0.5)


def test_all_together_change_nothing_until_they_are_asked(tmp_path: Path) -> None:
    assert same(weights(fit(remote_control(dirpath=tmp_path))), reference().weights)


def test_a_control_without_a_section_has_no_place_in_the_state(tmp_path: Path) -> None:
    controls = remote_control(dirpath=tmp_path)
    states: list[BaseModel] = []

    def look(*_: object) -> None:
        session = controls[0].session
        assert session is not None
        assert session.freak is not None
        states.append(session.freak.snapshot())

    fit([*controls, LambdaCallback(on_train_start=look)], max_epochs=1)
    assert list(type(states[0]).model_fields) == ["stop", "pause", "lr", "optimizer", "trainer"]


@pytest.mark.filterwarnings("default")  # LightningCLI has warnings of its own
def test_one_entry_of_a_config_file_brings_all_controls_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning.pytorch.cli import LightningCLI  # here: it warns when it is imported

    monkeypatch.setattr("sys.argv", ["train.py"])
    entry = "freak_lightning.RemoteControl"
    config = {"callbacks": [{"class_path": entry, "init_args": {"maximum": 1.0, "dirpath": str(tmp_path)}}]}
    own = LROverride(maximum=0.5)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "callbacks": own}
    cli = LightningCLI(
        NoArguments,
        run=False,
        args={"trainer": {"accelerator": "cpu", "max_epochs": 1, **config}},
        trainer_defaults=quiet,
        save_config_callback=None,
        seed_everything_default=1,
    )
    cli.trainer.fit(cli.model, resumable_loader())
    for _ in range(2):  # a later fit of the trainer finds the controls there
        present = [each for each in callbacks_of(cli.trainer) if isinstance(each, ControlCallback)]
        assert sorted(type(each).__name__ for each in present) == sorted(
            type(each).__name__ for each in remote_control()
        )
        assert own in present
        cli.trainer.fit_loop.max_epochs = 2
        cli.trainer.fit(cli.model, resumable_loader())


def test_a_checkpoint_of_one_entry_is_exact_and_assumes_nothing_of_it(tmp_path: Path) -> None:
    entry, seen = RemoteControl(dirpath=tmp_path), Look()
    trainer = fit([entry, seen], max_epochs=2)
    receipt = next(each for each in seen.receipts if each.name == "checkpoint")
    assert receipt.result is not None
    assert receipt.result["exact"] is True, receipt.result
    assert "RemoteControl" not in str(receipt.result.get("assumes"))
    resumed = fit([RemoteControl(dirpath=tmp_path)], max_epochs=2, resume=Path(receipt.result["path"]))
    assert same(weights(trainer), weights(resumed))


class NoArguments(TinyModel):
    """A model that a config file need not describe."""

    def __init__(self) -> None:
        super().__init__()


class Look(Callback):
    """Asks for a checkpoint at batch 1, and keeps the receipts at the end of training."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []

    def on_train_batch_start(self, trainer: Trainer, *_: object) -> None:
        if trainer.global_step == 1:
            self._session(trainer).store.submit(checkpoint())

    def on_train_end(self, trainer: Trainer, *_: object) -> None:
        self.receipts = self._session(trainer).store.receipts.since(0)

    def _session(self, trainer: Trainer) -> ControlSession:
        controls = [each for each in callbacks_of(trainer) if isinstance(each, ControlCallback)]
        session = controls[0].session
        assert session is not None
        return session


class ByHand(TinyModel):
    """Optimizes manually."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Tensor, batch_idx: int) -> None:  # type: ignore[override]
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(super().training_step(batch, batch_idx))
        optimizer.step()


@pytest.mark.filterwarnings("ignore:You are trying to `self.log")
@pytest.mark.parametrize("kind", ["barebones", "overfit_batches", "manual optimization"])
def test_they_work_in_every_kind_of_fit(kind: str, tmp_path: Path) -> None:
    controls = remote_control(dirpath=tmp_path)
    override = {"lr": {"hold": 0.01}, "optimizer": {"momentum": 0.5}, "trainer": {"max_epochs": 2}}
    ask = Ask(controls[0], (0, 0, patch(override)), (1, 1, patch({"stop": {"should_stop": True}})))
    match kind:
        case "barebones":
            bare: dict[str, Any] = {"barebones": True, "accelerator": "cpu", "devices": 1, "max_epochs": 3}
            trainer = Trainer(**bare, callbacks=[ask, *controls])
            trainer.fit(TinyModel(), resumable_loader(), plain_loader(2))
        case "overfit_batches":
            trainer = fit([ask, *controls], loader=plain_loader, overfit_batches=4)
        case _:
            trainer = fit([ask, *controls], model=ByHand)
    assert trainer.max_epochs == 2
    assert trainer.global_step == (6 if kind == "overfit_batches" else 10)
    assert [receipt.status for receipt in ask.receipts] == ["applied"] * 3
    assert len(list(tmp_path.glob("stop-*.ckpt"))) == 1
