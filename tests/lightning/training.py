"""A training for tests to steer from outside: python -m tests.lightning.training --ranks 2 --out DIR.

Every rank writes what it saw in each step to ``DIR/rank-N.jsonl``.
"""

import argparse
import json
import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.strategies.launchers import subprocess_script
from torch.optim import Optimizer

from freak_core import Freak
from freak_lightning import CheckpointNow, ControlCallback, GracefulStop, LROverride, Pause, action
from tests.lightning.tiny import TinyModel, plain_loader, resumable_loader, tiny_trainer


class Record(Callback):
    """Writes (step, LR the optimizer used, stop flags) of every step of this rank."""

    resumes_exactly = True

    def __init__(self, out: Path, stop: GracefulStop, step_seconds: float) -> None:
        self.out, self.stop, self.step_seconds = out, stop, step_seconds
        self.used: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        (self.out / f"pid-{trainer.global_rank}").write_text(str(os.getpid()))
        self.file = (self.out / f"rank-{trainer.global_rank}.jsonl").open("w")
        trainer.optimizers[0].register_step_pre_hook(self._note)

    def _note(self, optimizer: Optimizer, *_: Any) -> None:
        self.used.append(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        seen = [trainer.global_step, self.used, trainer.should_stop, self.stop.state.should_stop]
        self.file.write(json.dumps(seen) + "\n")
        self.used = []
        time.sleep(self.step_seconds)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.file.close()


class Trouble(ControlCallback):
    """Actions that go wrong on purpose."""

    section = "trouble"

    @action
    def crash(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.crash_now = True

    @action
    def crash_on(self, trainer: Trainer, pl_module: LightningModule, rank: int) -> None:
        pl_module.crash_now = trainer.global_rank == rank

    @action
    def fail_on(self, trainer: Trainer, pl_module: LightningModule, rank: int) -> int:
        if trainer.global_rank == rank:
            raise RuntimeError("injected")
        return trainer.global_rank


class FragileModel(TinyModel):
    """Raises in training_step when told to."""

    crash_now = False

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        if self.crash_now:
            raise RuntimeError("the model crashed")
        return super().training_step(batch, batch_idx)


def end_with(parent: int) -> None:
    """Leave when whoever started this process is gone, so that no killed test leaves a training behind."""
    deadline = time.monotonic() + 3600
    while os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.5)
    os._exit(1)


def end_alone(alone: bool) -> None:
    """End with whoever started this process; if ``alone``, let nothing but its own errors end a rank."""
    if not (alone and "LOCAL_RANK" in os.environ):
        threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    if alone:
        subprocess_script._launch_process_observer = lambda _: None


def strategy_of(options: argparse.Namespace) -> Any:
    """Return the strategy; its collectives time out after so many seconds, and Freak's no later."""
    if options.ranks == 1:
        return "auto"
    if options.timeout is None:
        return "ddp"
    return DDPStrategy(timeout=timedelta(seconds=options.timeout), process_group_backend="gloo")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=10_000)
    parser.add_argument("--min-epochs", type=int, default=None)
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--sync", default="1")
    parser.add_argument("--step-seconds", type=float, default=0.02)
    parser.add_argument("--timeout", type=float, help="seconds, of the ranks' collectives")
    parser.add_argument("--ready-only-dir", type=Path, default=None)
    parser.add_argument("--on-its-own", action="store_true", help="nobody but its own errors ends a rank")
    parser.add_argument("--lingers", action="store_true", help="rank one stays for a while after an error")
    options = parser.parse_args()
    end_alone(options.on_its_own)
    sync: Any = int(options.sync) if options.sync.isdecimal() else options.sync
    stop = GracefulStop(options.out, freak=Freak(name="training", port=0), sync=sync)
    dirpath = options.ready_only_dir or options.out
    controls = [stop, Pause(), LROverride(), CheckpointNow(dirpath), Trouble()]
    trainer = tiny_trainer(
        [*controls, Record(options.out, stop, options.step_seconds)],
        devices=options.ranks,
        strategy=strategy_of(options),
        max_epochs=max(options.epochs, options.min_epochs or 0),
        min_epochs=options.min_epochs,
        limit_val_batches=0,
        use_distributed_sampler=False,
        default_root_dir=options.out,
    )
    try:
        trainer.fit(FragileModel(), resumable_loader(options.batches), plain_loader(2))
    except RuntimeError:
        if options.lingers and trainer.global_rank == 1:
            time.sleep(10)  # its connections stay open
        raise
    (options.out / f"ended-{os.environ.get('LOCAL_RANK', '0')}").write_text(str(trainer.global_step))


if __name__ == "__main__":
    main()
