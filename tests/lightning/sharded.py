"""A sharded training on two ranks, resumed from its checkpoint: python -m tests.lightning.sharded DIR."""

import sys
from pathlib import Path

from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard

from tests.lightning.test_strategies import steer
from tests.lightning.tiny import TinyModel


class ShardedModel(TinyModel):
    def configure_model(self) -> None:
        assert self.device_mesh is not None
        fully_shard(self.net, mesh=self.device_mesh["data_parallel"])


def train(out: Path, resume: Path | None = None) -> None:
    out.mkdir(exist_ok=True)
    strategy = ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1)
    steer(out, model=ShardedModel(), strategy=strategy, resume=resume, full_on=1)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    train(folder)
    train(folder / "resumed", folder / "asked.ckpt")
