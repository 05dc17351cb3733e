"""A sharded training, resumed from the checkpoint that was asked for."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from freak_core import Write
from freak_lightning import remote_control
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.conftest import ROOT
from tests.lightning.full_disk import FullDisk
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, plain_loader, resumable_loader, tiny_trainer

pytestmark = [
    *KNOWN_WARNINGS,
    pytest.mark.ranks,
    pytest.mark.usefixtures("home"),
]


class AskOnZero(Ask):
    """Asks on rank zero, whose store alone is served, and writes what became of it to a file."""

    def __init__(self, out: Path, *args: Any) -> None:
        super().__init__(*args)
        self.out = out

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        if trainer.is_global_zero:
            super().on_train_batch_start(trainer, *args)

    def on_train_end(self, trainer: Trainer, *args: Any) -> None:
        if trainer.is_global_zero:
            super().on_train_end(trainer, *args)
            told = [receipt.model_dump(mode="json") for receipt in self.receipts]
            (self.out / "receipts.json").write_text(json.dumps(told))
            assert self.control.session is not None
            state = self.control.session.store.snapshot().model_dump(mode="json")
            (self.out / "state.json").write_text(json.dumps(state))


class Rates(Callback):
    """Writes the rates that this rank's steps used to a file."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.used: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.optimizers[0].register_step_pre_hook(self._note)

    def _note(self, optimizer: Optimizer, *_: Any) -> None:
        self.used.append(float(optimizer.param_groups[0]["lr"]))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        (self.out / f"rank-{trainer.global_rank}.json").write_text(json.dumps(self.used))


def steer(
    out: Path,
    *,
    model: LightningModule | None = None,
    resume: Path | None = None,
    full_on: int = 0,
    others: Sequence[Callback] = (),
    **settings: Any,
) -> None:
    """Train on two ranks: hold a rate at step 2, validate at 3, save at 4, fail to at 5, stop at step 6."""
    controls = remote_control(dirpath=out, sync=1)
    ask = AskOnZero(
        out,
        controls[0],
        (0, 1, patch({"lr": {"hold": 0.25}})),
        (0, 2, Write("action", name="validate", body={})),
        (0, 3, checkpoint(name="asked")),
        (0, 4, checkpoint(name="full")),
        (0, 5, patch({"stop": {"should_stop": True}})),
    )
    given = {"use_distributed_sampler": False, **settings}
    callbacks = [ask, *controls, Rates(out), FullDisk(full_on, 5), *others]
    trainer = tiny_trainer(callbacks, devices=2, **given)
    trainer.fit(model or TinyModel(), resumable_loader(), plain_loader(2), ckpt_path=resume)


def check(out: Path, full_on: int = 0) -> None:
    used = [0.05] * 2 + [0.25] * 4
    assert [json.loads((out / f"rank-{rank}.json").read_text()) for rank in (0, 1)] == [used, used]
    hold, validated, save, full, asked, stopped = json.loads((out / "receipts.json").read_text())
    for receipt, step in ((hold, 2), (validated, 3), (save, 4), (asked, 6), (stopped, 6)):
        assert receipt["status"] == "applied", receipt
        assert (receipt["applied"]["ranks"], receipt["applied"]["step"]) == (2, step)
    assert validated["result"]["extra"] is True
    assert validated["result"]["metrics"].keys() == {"val_loss"}
    assert save["result"]["path"] == str(out / "asked.ckpt")
    assert full["status"] == "failed", full
    assert "could not be saved" in full["error"]["detail"]
    assert f"rank {full_on}" in full["error"]["detail"], full
    assert [path.name for path in out.glob("*full*")] + list(out.glob(".*")) == []
    for result in (save["result"], stopped["result"]["checkpoint"]):
        assert Path(result["path"]).exists()


def test_requests_reach_both_ranks_of_a_sharded_model_and_a_resume_knows_them(tmp_path: Path) -> None:
    """This strategy restores callbacks after ``on_fit_start``, when the session has begun already."""
    log = tmp_path / "log.txt"
    with log.open("w") as file:
        command = [sys.executable, "-m", "tests.lightning.sharded", str(tmp_path)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=file, stderr=file, timeout=120, check=False
        )
    assert ended.returncode == 0, log.read_text()
    check(tmp_path, full_on=1)
    for rank in (0, 1):
        assert json.loads((tmp_path / "resumed" / f"rank-{rank}.json").read_text()) == [0.25, 0.25]
    served = json.loads((tmp_path / "resumed" / "state.json").read_text())
    assert served["lr"]["hold"] == 0.25
