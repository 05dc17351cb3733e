"""The part of one machine in a training on two: python -m tests.lightning.on_two_nodes OUT.

It fits twice: as it is, and with ``GLOO_SOCKET_IFNAME`` set to an interface that does not reach the other
machine. The training's own group has its connections before; on a cluster it would go over NCCL.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy

from freak_lightning import remote_control
from tests.lightning.asking import patch
from tests.lightning.test_sharded import AskOnZero
from tests.lightning.tiny import TinyModel, plain_loader, resumable_loader, tiny_trainer

NAME = "GLOO_SOCKET_IFNAME"


class Start(Callback):
    """Sets the interface; writes how long the start has taken, and whether the environment is as before."""

    def __init__(self, out: Path, interface: str | None) -> None:
        self.out, self.interface = out, interface

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        os.environ.pop(NAME)
        if self.interface is not None:
            os.environ[NAME] = self.interface
        self.before = dict(os.environ)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        told = {"took": time.monotonic() - self.began, "same": dict(os.environ) == self.before}
        (self.out / f"start-{trainer.global_rank}.json").write_text(json.dumps(told))
        os.environ[NAME] = "veth0"


def fit(out: Path, interface: str | None) -> None:
    out.mkdir(exist_ok=True)
    controls = remote_control(dirpath=out, sync=1)
    ask: Any = AskOnZero(out, controls[0], (0, 2, patch({"lr": {"hold": 0.25}})))
    trainer = tiny_trainer(
        [Start(out, interface), ask, *controls],
        num_nodes=2,
        strategy=DDPStrategy(process_group_backend="gloo"),
        max_epochs=1,
        use_distributed_sampler=False,
        default_root_dir=out,
    )
    trainer.fit(TinyModel(), resumable_loader(), plain_loader(2))


if __name__ == "__main__":
    os.environ[NAME] = "veth0"
    folder = Path(sys.argv[1])
    fit(folder / "plain", None)
    print("the second fit", file=sys.stderr, flush=True)
    fit(folder / "lo", "lo")
