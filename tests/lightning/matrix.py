"""Steer every control under one strategy: python -m tests.lightning.matrix ddp DIR automatic manual.

Every rank writes what it saw to ``DIR/MODE/rank-N.json``; ``matrix_table`` makes a table of that.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import ModelParallelStrategy
from pydantic import BaseModel
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.optim import Optimizer

from freak_core import Client, Write
from freak_lightning import ControlCallback, Pause, Tunable, remote_control
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.tiny import TinyModel, plain_loader, resumable_loader, tiny_trainer
from tests.pairs import diagonal
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))

EXAMPLE = next(
    text
    for page in PAGES
    for text in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    if "class Temperature" in text
)
"""The control that the docs write, in so few lines."""

Temperature = type("Temperature", (ControlCallback,), {})
exec(EXAMPLE)  # noqa: S102 - the docs' own code

DEADLINE = 500.0
"""Seconds for the four trainings under one strategy: far more than they take on a machine of their own."""

STRATEGIES = ("single device", "ddp", "ddp_spawn", "ddp_fork", "ddp_notebook", "fully_shard")
MODES = {"automatic": "A", "manual": "M", "accumulating": "G", "scaler": "S"}


FEW: dict[str, list[str]] = {
    strategy: list(MODES) if strategy == "ddp" else [mode]
    for strategy, mode in diagonal(STRATEGIES, [*MODES])
}
"""The modes tried under each strategy in ``make test``: each strategy, each mode, and all modes under DDP."""


class Knob(BaseModel):
    """The object of a ``Tunable``."""

    value: float = 1.0


class Steered(TinyModel):
    """Trains as a mode says; a gradient scaler has two infinite gradients an epoch to skip."""

    def __init__(self, mode: str, *, sharded: bool) -> None:
        super().__init__()
        self.mode, self.sharded = mode, sharded
        self.automatic_optimization = mode != "manual"

    def configure_model(self) -> None:
        if self.sharded:
            assert self.device_mesh is not None
            fully_shard(self.net, mesh=self.device_mesh["data_parallel"])

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor | None:  # type: ignore[override]
        loss = super().training_step(batch, batch_idx)
        if self.mode == "manual":
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            return None
        return loss * float("inf") if self.mode == "scaler" and batch_idx in (2, 6) else loss


REQUESTS = {
    "hold": (0, 1, patch({"lr": {"hold": 0.25}})),
    "tune": (0, 1, patch({"knob": {"value": 2.0}})),
    "heat": (0, 2, patch({"temperature": {"value": 2.5}})),
    "release": (0, 3, patch({"lr": {"hold": None}})),
    "momentum": (0, 3, patch({"optimizer": {"momentum": 0.5}})),
    "validate": (0, 5, Write("action", name="validate", body={})),
    "epochs": (1, 1, patch({"trainer": {"max_epochs": 3}})),
    "clip": (1, 1, patch({"trainer": {"gradient_clip_val": 0.5}})),
    "pause": (1, 2, patch({"pause": {"paused": True}})),
    "save": (1, 4, checkpoint(name="asked")),
    "stop": (1, 5, patch({"stop": {"should_stop": True}})),
}
"""(epoch, batch, request); eight batches an epoch."""


class Steer(Ask):
    """Asks on rank zero, and ends the pause from a thread, as a client would."""

    def __init__(self, control: ControlCallback, pause: Pause) -> None:
        super().__init__(control, *REQUESTS.values())
        self.pause = pause

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if not trainer.is_global_zero:
            return
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        if (trainer.current_epoch, batch_idx) == REQUESTS["pause"][:2]:
            threading.Thread(target=self._resume, daemon=True).start()

    def _resume(self) -> None:
        eventually(lambda: self.pause.state.paused)
        session = self.control.session
        assert session is not None
        session.store.submit(patch({"pause": {"paused": False}}))


class Notes(Callback):
    """Writes what this rank's steps used and saw; rank zero adds the receipts and the metrics' names."""

    def __init__(self, out: Path, steer: Steer, knob: Knob) -> None:
        self.out, self.steer, self.knob = out, steer, knob
        self.steps: list[Any] = []
        self.validations: list[int] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.trainer = trainer
        trainer.optimizers[0].register_step_pre_hook(self._note)

    def _note(self, optimizer: Optimizer, *_: Any) -> None:
        group = optimizer.param_groups[0]
        heat = getattr(self.trainer.lightning_module, "temperature", 1.0)
        self.steps.append([self.trainer.global_step, group["lr"], group["momentum"], self.knob.value, heat])

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.validations.append(trainer.global_step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        told: dict[str, Any] = {
            "steps": self.steps,
            "validations": self.validations,
            "ended": trainer.global_step,
            "max_epochs": trainer.max_epochs,
            "gradient_clip_val": trainer.gradient_clip_val,
        }
        if trainer.is_global_zero:
            session = self.steer.control.session
            assert session is not None
            told["series"] = self._series(session.freak)
            told["asked"] = dict(zip(REQUESTS, self.steer.ids, strict=False))
            told["receipts"] = [r.model_dump(mode="json") for r in session.store.receipts.since(0)]
        (self.out / f"rank-{trainer.global_rank}.json").write_text(json.dumps(told))

    @staticmethod
    def _series(freak: Any) -> list[str]:
        deadline = time.monotonic() + 20
        with Client(freak.link) as client:
            while not {"loss", "lr-SGD"} <= client.series().keys() and time.monotonic() < deadline:
                time.sleep(0.05)
            return sorted(client.series())


def train(strategy: str, mode: str, out: Path) -> None:
    """Steer one training with every control."""
    out.mkdir(parents=True, exist_ok=True)  # each rank may start here
    knob = Knob()
    controls = [*remote_control(dirpath=out, sync=1), Tunable(knob), Temperature()]
    pause = next(control for control in controls if isinstance(control, Pause))
    steer = Steer(controls[0], pause)
    settings: dict[str, Any] = {"accumulate_grad_batches": 2} if mode == "accumulating" else {}
    if mode == "scaler":
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0)  # type: ignore[attr-defined]
        settings["plugins"] = [MixedPrecision("16-mixed", "cpu", scaler)]
    if strategy == "fully_shard":
        settings["strategy"] = ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1)
    elif strategy != "single device":
        settings["strategy"] = strategy
    trainer = tiny_trainer(
        [steer, *controls, Notes(out, steer, knob)],
        devices=1 if strategy == "single device" else 2,
        max_epochs=4,
        log_every_n_steps=1,
        use_distributed_sampler=False,
        default_root_dir=out,
        **settings,
    )
    model = Steered(mode, sharded=strategy == "fully_shard")
    trainer.fit(model, resumable_loader(), plain_loader(2))


TORCH_ABORTS = "terminate called without an active exception"
"""What C++ says when a thread of torch wants the interpreter of a process that is just ending.

A rank of ``ddp_spawn`` exits as soon as it is through, with the strategy's process group still open, whose
threads may have a tensor to let go of: seen once in some two hundred exits, after all had been done.
"""


def run(strategy: str, modes: Sequence[str], out: Path) -> Path:
    """Train in some modes under one strategy, in processes of their own; return where they wrote."""
    for attempt in ("first", "second"):
        folder = out / attempt
        folder.mkdir()
        _run(strategy, modes, folder)
        if TORCH_ABORTS not in (folder / "log.txt").read_text():
            break
    return folder


def _run(strategy: str, modes: Sequence[str], out: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "FREAK_HOME": str(out / "home")}
    environment |= {"FREAK_DISABLED": "0", "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-m", "tests.lightning.matrix", strategy, str(out), *modes]
    with (out / "log.txt").open("w") as log:
        training = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            training.wait(DEADLINE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(training.pid, signal.SIGKILL)
            training.wait(30)


if __name__ == "__main__":
    for each in sys.argv[3:]:
        train(sys.argv[1], each, Path(sys.argv[2]) / each)
