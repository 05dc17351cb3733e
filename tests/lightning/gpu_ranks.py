"""A training on two GPUs, resumed from its checkpoint: python -m tests.lightning.gpu_ranks STRATEGY DIR."""

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy, DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy

from freak_lightning import remote_control
from tests.lightning.asking import patch
from tests.lightning.sharded import ShardedModel
from tests.lightning.test_sharded import AskOnZero, Rates, steer
from tests.lightning.tiny import TinyModel, plain_loader, sgd, tiny_trainer

STRATEGIES: dict[str, Any] = {
    "ddp": DDPStrategy,
    "fsdp": FSDPStrategy,
    "model_parallel": lambda: ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1),
    "deepspeed_2": lambda: DeepSpeedStrategy(stage=2),
}


class TwoGroups(TinyModel):
    """DeepSpeed steps its inner optimizer once for each group."""

    def configure_optimizers(self) -> Any:
        first, *others = self.parameters()
        optimizer = sgd([first])
        optimizer.add_param_group({"params": others})
        return optimizer


class OverNccl(Callback):
    """The training's own collectives must be NCCL's: ours run beside them."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert "nccl" in dist.get_backend()


def train(name: str, out: Path, resume: Path | None = None) -> None:
    out.mkdir(exist_ok=True)
    model = {"model_parallel": ShardedModel, "deepspeed_2": TwoGroups}.get(name, TinyModel)()
    full_on = 1 if name in ("model_parallel", "deepspeed_2") else 0
    settings: dict[str, Any] = {"accelerator": "gpu", "strategy": STRATEGIES[name](), "others": [OverNccl()]}
    steer(out, model=model, resume=resume, full_on=full_on, **settings)


class Heavy(TinyModel):
    """Gives the GPU more to do in a step than the CPU needs to ask for it."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        ones = torch.ones(4096, 4096, device=self.device)
        for _ in range(20):
            ones = ones @ ones
        return super().training_step(batch, batch_idx)


def run_ahead(out: Path) -> None:
    """Train 400 steps whose time the CPU does not see, and hold a rate at the third."""
    controls = remote_control(dirpath=out, sync="auto")
    ask = AskOnZero(out, controls[0], (0, 2, patch({"lr": {"hold": 0.25}})))
    trainer = tiny_trainer([ask, *controls, Rates(out)], accelerator="gpu", devices=2, max_epochs=1)
    trainer.fit(Heavy(), plain_loader(800), plain_loader(2))


if __name__ == "__main__":
    which, folder = sys.argv[1], Path(sys.argv[2])
    if which == "ahead":
        run_ahead(folder)
    else:
        train(which, folder)
        train(which, folder / "resumed", folder / "asked.ckpt")
