"""What goes differently on one of two ranks is told by all, and leaves none behind."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from freak_core import Write
from freak_lightning import ControlCallback, NotYet, action, remote_control
from tests.lightning.asking import checkpoint, patch
from tests.lightning.test_strategies import AskOnZero
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, plain_loader, resumable_loader, tiny_trainer

pytestmark = [
    *KNOWN_WARNINGS,
    pytest.mark.ranks,
    pytest.mark.usefixtures("home"),
    pytest.mark.filterwarnings("ignore:It is recommended to use .self.log"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Total length of .* across ranks is zero"),
]

VALIDATE = Write("action", name="validate", body={})


class Upload(ControlCallback):
    """An action that takes rank one three points, and rank zero one."""

    def __init__(self, out: Path) -> None:
        super().__init__()
        self.out, self.calls = out, 0

    @action
    def upload(self, trainer: Trainer, pl_module: LightningModule) -> int:
        self.calls += 1
        (self.out / f"calls-{trainer.global_rank}").write_text(str(self.calls))
        if trainer.global_rank == 1 and self.calls < 3:
            raise NotYet
        return self.calls


class OneSided(TinyModel):
    """Has nothing to validate with on rank one."""

    def __init__(self) -> None:
        super().__init__()
        self.allow_zero_length_dataloader_with_multiple_devices = True

    def val_dataloader(self) -> DataLoader[Tensor]:
        return plain_loader(0 if self.trainer.global_rank else 2)


def train(
    out: Path, *asked: Any, model: type[TinyModel] = TinyModel, after: Any = ()
) -> list[dict[str, Any]]:
    """Train on two forked ranks; return the receipts."""
    controls = [*remote_control(dirpath=out, sync=1), Upload(out)]
    ask = AskOnZero(out, controls[0], *asked)
    trainer = tiny_trainer(
        [ask, *controls, *after], devices=2, strategy="ddp_fork", use_distributed_sampler=False
    )
    trainer.fit(model(), resumable_loader(), plain_loader(2) if model is TinyModel else None)
    receipts: list[dict[str, Any]] = json.loads((out / "receipts.json").read_text())
    return receipts


def test_a_rank_that_is_done_is_not_called_again_while_another_is_not_yet(tmp_path: Path) -> None:
    hold = patch({"lr": {"hold": 0.25}})
    upload, after = train(tmp_path, (0, 1, Write("action", name="upload", body={})), (0, 1, hold))
    assert (upload["status"], upload["applied"]["step"], upload["result"]) == ("applied", 4, 1)
    assert (after["status"], after["applied"]["step"]) == ("applied", 4)
    assert [(tmp_path / f"calls-{rank}").read_text() for rank in (0, 1)] == ["1", "3"]


def test_an_empty_validation_loader_on_one_rank_holds_nobody_up(tmp_path: Path) -> None:
    asked = [
        (0, 1, VALIDATE),
        (0, 7, checkpoint(name="asked")),
        (1, 2, patch({"stop": {"should_stop": True}})),
    ]
    validated, saved, stop, stopped = train(tmp_path, *asked, model=OneSided)
    assert validated["status"] == "failed"
    assert "rank 1 of 2" in validated["error"]["detail"]
    assert (saved["status"], saved["applied"]["step"]) == ("applied", 8)
    assert [(one["status"], one["applied"]["step"]) for one in (stop, stopped)] == [("applied", 11)] * 2


class Crash(Callback):
    """Fails on both ranks, and notes how many groups there are when all is over."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == 3:
            raise ZeroDivisionError("on purpose")

    def on_exception(self, trainer: Trainer, *_: Any) -> None:
        groups = len(dist.distributed_c10d._world.pg_map)
        (self.out / f"groups-{trainer.global_rank}").write_text(str(groups))


def test_an_exception_leaves_no_group_of_ours(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="on purpose"):
        train(tmp_path, after=[Crash(tmp_path)])
    assert {path.read_text() for path in tmp_path.glob("groups-*")} == {
        "1"
    }  # the first to fail ends the other
