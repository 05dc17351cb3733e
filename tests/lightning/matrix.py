"""Every control under every strategy in every mode: what works, as a table.

python -m tests.lightning.matrix             write the table into docs/lightning.md
python -m tests.lightning.matrix ddp DIR     train in every mode under one strategy, and note what happened
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
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

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "lightning.md"

EXAMPLE = next(
    text
    for text in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    if "class Temperature" in text
)
"""The control that the docs write, in so few lines."""

Temperature = type("Temperature", (ControlCallback,), {})
exec(EXAMPLE)  # noqa: S102 - the docs' own code

STRATEGIES = ("single device", "ddp", "ddp_spawn", "ddp_fork", "ddp_notebook", "fully_shard")
MODES = {"automatic": "A", "manual": "M", "accumulating": "G", "scaler": "S"}


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
        while not self.pause.state.paused:
            time.sleep(0.01)
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


def run(strategy: str, out: Path) -> None:
    """Train in every mode under one strategy, in processes of their own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "FREAK_HOME": str(out / "home")}
    with (out / "log.txt").open("w") as log:
        subprocess.run(
            [sys.executable, "-m", "tests.lightning.matrix", strategy, str(out)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            timeout=300,
            check=False,
        )


class Outcome:
    """What one training has shown of each control."""

    def __init__(self, out: Path) -> None:
        self.ranks = [json.loads(path.read_text()) for path in sorted(out.glob("rank-*.json"))]
        zero = self.ranks[0]
        self.receipts = zero["receipts"]
        by_id = {receipt["id"]: receipt for receipt in self.receipts}
        self.of = {name: by_id[asked] for name, asked in zero["asked"].items()}

    @property
    def stepped(self) -> set[int]:
        """The steps in which an optimizer really stepped."""
        return {step[0] for rank in self.ranks for step in rank["steps"]}

    def applied(self, *names: str) -> bool:
        """Whether the requests were applied on all ranks."""
        told = [self.of[name]["applied"] for name in names]
        return all(applied is not None and applied["ranks"] == len(self.ranks) for applied in told)

    def used(self, column: int, before: float, name: str, new: float, until: str | None = None) -> bool:
        """Whether every rank stepped with the new value from the request's step on, and not longer."""
        first = self.of[name]["applied"]["step"]
        last = self.of[until]["applied"]["step"] if until else sys.maxsize
        return all(
            step[column] == (new if first <= step[0] < last else before)
            for rank in self.ranks
            for step in rank["steps"]
        )

    def recorded(self, name: str) -> dict[str, Any]:
        """Return the result of what a control did by itself."""
        return next(r["result"] for r in self.receipts if r["name"] == name and r["by"] == "freak")

    def cells(self) -> dict[str, str]:
        """Return, by control, ``yes``, ``no``, or why the control refuses a part of what it does."""
        validated = self.of["validate"]["result"]
        stopped = next(r for r in self.receipts if r["name"] == "stop" and r["by"] == "freak")
        each = self.ranks
        works = {
            "GracefulStop": self.applied("stop")
            and {rank["ended"] for rank in each} == {stopped["applied"]["step"]}
            and Path(stopped["result"]["checkpoint"]["path"]).exists(),
            "LROverride": self.applied("hold", "release") and self.used(1, 0.05, "hold", 0.25, "release"),
            "CheckpointNow": self.applied("save") and Path(self.of["save"]["result"]["path"]).exists(),
            "OptimizerOverride": self.applied("momentum") and self.used(2, 0.9, "momentum", 0.5),
            "TrainerOverride": self.applied("epochs") and {rank["max_epochs"] for rank in each} == {3},
            "ValidateNow": self.applied("validate")
            and validated["extra"]
            and all(rank["validations"].count(validated["step"]) == 1 for rank in each),
            "Pause": self.applied("pause") and self.recorded("pause")["ended_by"] == "resume",
            "LiveMetrics": {"loss", "val_loss", "lr-SGD"} <= set(each[0]["series"]),
            "Tunable": self.applied("tune") and self.used(3, 1.0, "tune", 2.0),
            "your own, as below": self.applied("heat") and self.used(4, 1.0, "heat", 2.5),
        }
        cells = {control: "yes" if well else "no" for control, well in works.items()}
        if self.of["clip"]["error"] is not None:
            cells["TrainerOverride"] = self.of["clip"]["error"]["detail"]
        elif {rank["gradient_clip_val"] for rank in each} != {0.5}:
            cells["TrainerOverride"] = "no"
        return cells


Cells = dict[tuple[str, str], dict[str, str]]
"""By strategy and mode."""


def cells_of(strategy: str, out: Path) -> Cells:
    """Return what the trainings under one strategy have shown."""
    return {(strategy, mode): Outcome(out / mode).cells() for mode in MODES}


def table(cells: Cells) -> str:
    """Return the table in Markdown: a letter for each mode, a number where a note says what is refused."""
    controls = list(next(iter(cells.values())))
    notes: list[str] = []

    def mark(control: str, strategy: str, mode: str) -> str:
        told = cells[strategy, mode][control]
        if told in ("yes", "no"):
            return MODES[mode] if told == "yes" else "✗"
        if told not in notes:
            notes.append(told)
        return f"{MODES[mode]}[{notes.index(told) + 1}]"

    rows = [
        (f"| `{control}` | " if control.isidentifier() else f"| {control} | ")
        + " | ".join(" ".join(mark(control, strategy, mode) for mode in MODES) for strategy in STRATEGIES)
        + " |"
        for control in controls
    ]
    head = "| | " + " | ".join(f"`{name}`" if "_" in name or name == "ddp" else name for name in STRATEGIES)
    lines = [head + " |", "|---" * (len(STRATEGIES) + 1) + "|", *rows, ""]
    return "\n".join([*lines, *(f"[{number}] Refused: {note}." for number, note in enumerate(notes, 1))])


def documented() -> str:
    """Return the table in the docs."""
    return PAGE.read_text().partition("<!-- matrix -->\n")[2].partition("\n<!-- end -->")[0]


def main() -> None:
    if len(sys.argv) == 3:
        for mode in MODES:
            train(sys.argv[1], mode, Path(sys.argv[2]) / mode)
        return
    cells: Cells = {}
    with tempfile.TemporaryDirectory() as folder:
        for strategy in STRATEGIES:
            out = Path(folder) / strategy
            out.mkdir()
            run(strategy, out)
            cells |= cells_of(strategy, out)
    PAGE.write_text(PAGE.read_text().replace(documented(), table(cells)))


if __name__ == "__main__":
    main()
