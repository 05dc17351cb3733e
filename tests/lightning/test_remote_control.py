"""remote_control() is every control at once, and passes on what it is given."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import LambdaCallback
from pydantic import BaseModel
from torch import Tensor

import freak_lightning
from freak_core import Freak
from freak_lightning import (
    CheckpointNow,
    ControlCallback,
    GracefulStop,
    LROverride,
    Replay,
    Tunable,
    remote_control,
)
from tests.lightning.asking import Ask, patch
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
