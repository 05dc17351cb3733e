"""An action that is done on one rank and not yet on another waits for both."""

import json
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import LightningModule, Trainer

from freak_core import Write
from freak_lightning import ControlCallback, NotYet, action, remote_control
from tests.lightning.asking import patch
from tests.lightning.test_sharded import AskOnZero
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, plain_loader, resumable_loader, tiny_trainer

pytestmark = [
    *KNOWN_WARNINGS,
    pytest.mark.ranks,
    pytest.mark.usefixtures("home"),
    pytest.mark.filterwarnings("ignore:It is recommended to use .self.log"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
]


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


def train(out: Path, *asked: Any) -> list[dict[str, Any]]:
    """Train on two forked ranks; return the receipts."""
    controls = [*remote_control(dirpath=out, sync=1), Upload(out)]
    ask = AskOnZero(out, controls[0], *asked)
    on_forks: dict[str, Any] = {"devices": 2, "strategy": "ddp_fork", "use_distributed_sampler": False}
    trainer = tiny_trainer([ask, *controls], **on_forks)
    trainer.fit(TinyModel(), resumable_loader(), plain_loader(2))
    receipts: list[dict[str, Any]] = json.loads((out / "receipts.json").read_text())
    return receipts


def test_a_rank_that_is_done_is_not_called_again_while_another_is_not_yet(tmp_path: Path) -> None:
    hold = patch({"lr": {"hold": 0.25}})
    upload, after = train(tmp_path, (0, 1, Write("action", name="upload", body={})), (0, 1, hold))
    assert (upload["status"], upload["applied"]["step"], upload["result"]) == ("applied", 4, 1)
    assert (after["status"], after["applied"]["step"]) == ("applied", 4)
    assert [(tmp_path / f"calls-{rank}").read_text() for rank in (0, 1)] == ["1", "3"]
