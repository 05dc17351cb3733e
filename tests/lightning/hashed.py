"""A training with every control, hashed after every step: python -m tests.lightning.hashed --out DIR.

Every rank writes ``DIR/rank-N.jsonl``: [step, hash of weights, optimizer and random numbers, hash of weights
and sections, rates used]. ``--again`` repeats the legs of a run from their journals instead.
"""

import argparse
import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from pydantic import BaseModel, Field
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer
from torchdata.stateful_dataloader import StatefulDataLoader
from torchdata.stateful_dataloader.sampler import StatefulDistributedSampler

from freak_core import Freak
from freak_lightning import ControlCallback, GracefulStop, Tunable, action, remote_control
from tests.lightning.rank_faults import Faults
from tests.lightning.tiny import Rows, TinyModel, plain_loader, tiny_trainer
from tests.lightning.training import end_alone


class Loss(BaseModel):
    """What the model reads in every step."""

    weight: float = Field(1.0, gt=0, le=10)
    kinds: dict[str, int] = {}


class Nudge(ControlCallback):
    """Actions that change the weights, or fail on one rank."""

    section = "nudge"

    @action
    def nudge(self, trainer: Trainer, pl_module: LightningModule, by: float) -> float:
        """Add to every weight."""
        with torch.no_grad():
            for parameter in pl_module.parameters():
                parameter.add_(by)
        return by

    @action
    def fail_on(self, trainer: Trainer, pl_module: LightningModule, rank: int) -> None:
        """Fail on one rank."""
        if trainer.global_rank == rank:
            raise RuntimeError("injected")


class Model(TinyModel):
    """Draws random numbers in every step, reads a tunable, steps a schedule."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(dropout=0.3)
        self.tunable = loss

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return super().training_step(batch, batch_idx) * self.tunable.weight

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.9)]


class ShardedModel(Model):
    """Each rank has a part of the weights."""

    def configure_model(self) -> None:
        assert self.device_mesh is not None
        fully_shard(self.net, mesh=self.device_mesh["data_parallel"])


class Hashes(Callback):
    """Writes what this rank is after each step; it comes after the controls."""

    resumes_exactly = True

    def __init__(self, out: Path, controls: list[ControlCallback], stop_at: int | None) -> None:
        self.out, self.controls, self.stop_at = out, controls, stop_at
        self.used: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.file = (self.out / f"rank-{trainer.global_rank}.jsonl").open("w", buffering=1)
        trainer.optimizers[0].register_step_pre_hook(self._note)

    def _note(self, optimizer: Optimizer, *_: Any) -> None:
        self.used.append(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        # What a program has set in a stop or a pause is put back at the next point only.
        sections = [
            control.state.model_dump_json()
            for control in self.controls
            if type(control.state).model_fields and not control.requests_only
        ]
        weights = _bytes([pl_module.state_dict(), trainer.optimizers[0].state_dict()])
        line = [
            trainer.global_step,
            _hash(weights, torch.get_rng_state()),
            _hash(weights, sections),
            self.used,
        ]
        self.file.write(json.dumps(line) + "\n")
        self.used = []
        if trainer.global_step == self.stop_at:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.file.close()
        last = [pl_module.state_dict(), trainer.optimizers[0].state_dict()]
        torch.save(last, self.out / f"last-{trainer.global_rank}.pt")


def _hash(*things: Any) -> str:
    return hashlib.sha256(_bytes(things)).hexdigest()


def _bytes(thing: Any) -> bytes:
    """Return bytes that are equal for equal tensors, numbers and texts, however deep, and for no others.

    All ranks must call it for tensors of which each has a part.
    """
    if isinstance(thing, DTensor):
        thing = thing.full_tensor()
    if isinstance(thing, Tensor):
        return f"{thing.dtype}{tuple(thing.shape)}".encode() + thing.numpy().tobytes()
    if isinstance(thing, dict):
        return b"{" + b",".join(map(_bytes, thing.items())) + b"}"
    if isinstance(thing, list | tuple):
        return b"[" + b",".join(map(_bytes, thing)) + b"]"
    return repr(thing).encode()


def read_steps(path: Path) -> list[Any]:
    """Return what a rank wrote; a kill may have torn the last line."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def train(
    out: Path,
    ranks: int,
    *,
    journal: Path | None = None,
    replay: Path | None = None,
    resume: Path | None = None,
    stop_at: int | None = None,
    **settings: Any,
) -> None:
    """Fit, served with a journal, or repeating one."""
    out.mkdir(exist_ok=True)
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    seed_everything(rank, verbose=False)
    given = {"workers": 0, "batches": 40, "min_epochs": None, "sharded": False, "timeout": 60.0, **settings}
    rows = Rows(2 * given["batches"] * ranks)
    sampler = StatefulDistributedSampler(rows, num_replicas=ranks, rank=rank, shuffle=True)
    loss = Loss()
    freak = Freak(name="hashed", journal=journal)
    ours = remote_control(freak=freak, sync=2, dirpath=out, replay=replay)
    stop = next(each for each in ours if isinstance(each, GracefulStop))
    controls = [Tunable(loss, name="loss"), Nudge(), Faults(out, stop), *ours]
    trainer = tiny_trainer(
        [*controls, Hashes(out, controls, stop_at), ModelCheckpoint(out, "regular-{epoch}")],
        devices=ranks,
        strategy=_strategy(ranks, given["timeout"], sharded=given["sharded"]),
        max_epochs=100_000,
        min_epochs=given["min_epochs"],
        use_distributed_sampler=False,
        default_root_dir=out,
        enable_checkpointing=True,
    )
    loader = StatefulDataLoader(rows, batch_size=2, sampler=sampler, num_workers=given["workers"])
    model = ShardedModel(loss) if given["sharded"] else Model(loss)
    trainer.fit(model, loader, plain_loader(2), ckpt_path=resume)


def _strategy(ranks: int, seconds: float, *, sharded: bool) -> Strategy | str:
    """Return the strategy; its collectives time out after so many seconds."""
    timeout = timedelta(seconds=seconds)
    if sharded:
        return ModelParallelStrategy(data_parallel_size=ranks, tensor_parallel_size=1, timeout=timeout)
    return "auto" if ranks == 1 else DDPStrategy(timeout=timeout, process_group_backend="gloo")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--min-epochs", type=int)
    parser.add_argument("--sharded", action="store_true", help="each rank has a part of the weights")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds, of the ranks' collectives")
    parser.add_argument("--on-its-own", action="store_true", help="nobody but its own errors ends a rank")
    parser.add_argument(
        "--again", type=Path, nargs="*", help="folders of legs; a later one resumes from the first"
    )
    options = parser.parse_args()
    end_alone(options.on_its_own)
    if not options.again:
        train(
            options.out,
            options.ranks,
            journal=options.out / "journal.jsonl",
            resume=options.resume,
            workers=options.workers,
            batches=options.batches,
            min_epochs=options.min_epochs,
            sharded=options.sharded,
            timeout=options.timeout,
        )
    for number, leg in enumerate(options.again or ()):
        last = read_steps(leg / "rank-0.jsonl")[-1][0]
        train(
            options.out / f"again-{number}",
            options.ranks,
            replay=leg / "journal.jsonl",
            resume=options.resume if number else None,
            stop_at=last
            + number,  # the first leg was killed; a later one stops by itself, or shows that it does not
        )


if __name__ == "__main__":
    main()
