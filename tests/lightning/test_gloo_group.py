"""The ranks' own group: where it cannot be made, all ranks go on without it, and soon."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer

from freak_lightning import remote_control
from freak_lightning.ranks import gloo_group
from freak_lightning.ranks.collectives import GlooCollectives, SingleProcess
from tests.lightning.asking import patch
from tests.lightning.forks import ON_FORKS, fit_on_forks, receipts, steps
from tests.lightning.test_sharded import AskOnZero

pytestmark = [*ON_FORKS, pytest.mark.filterwarnings("ignore:Freak could not connect the ranks:UserWarning")]


class Before(Callback):
    """Does something to this rank before the group is made, and measures how long the start takes."""

    def __init__(self, out: Path, act: Any) -> None:
        self.out, self.act = out, act

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.act(trainer)
        self.before = dict(os.environ)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        (self.out / f"took-{trainer.global_rank}").write_text(str(time.monotonic() - self.began))
        assert dict(os.environ) == self.before


def no_such_interface(trainer: Trainer) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "nonexistent0"


def fails_on_one(trainer: Trainer) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise OSError(24, "Too many open files")

    if trainer.global_rank == 1:
        gloo_group.torch_private.PrefixStore = fails


@pytest.mark.parametrize("trouble", [no_such_interface, fails_on_one])
def test_a_group_that_cannot_be_made_leaves_the_training_and_its_controls_as_they_are(
    tmp_path: Path, trouble: Any
) -> None:
    controls = remote_control(dirpath=tmp_path, sync=1)
    ask = AskOnZero(tmp_path, controls[0], (0, 2, patch({"lr": {"hold": 0.25}})))
    fit_on_forks(tmp_path, [Before(tmp_path, trouble), ask, *controls], max_epochs=2)
    assert steps(tmp_path) == [16, 16]
    (hold,) = receipts(tmp_path)
    assert (hold["status"], hold["applied"]["ranks"], hold["applied"]["step"]) == ("applied", 2, 3)
    assert max(float(path.read_text()) for path in tmp_path.glob("took-*")) < 12


class OnlyRank:
    """A group of this rank alone, which keeps what it is asked to unite."""

    rank, world_size = 0, 1

    def union(self, data: torch.Tensor) -> None:
        assert data.dtype == torch.int64


@pytest.mark.parametrize("bit", [0, 61, 62, 63, 64, 130])
def test_any_number_of_flags_is_united(bit: int) -> None:
    """A flag that one number has no room for would raise on the rank that sets it, while others wait."""
    alone: Any = OnlyRank()
    assert GlooCollectives(alone).union(1 << bit | 1, bit + 1) == 1 << bit | 1


def test_no_rank_is_connected_with_more_than_64_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older torch connects each rank with all others, and knows no ``lazy_init``."""

    def create_device(hostname: str = "", interface: str = "") -> Any:
        return object()

    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    monkeypatch.setattr(dist.ProcessGroupGloo, "create_device", create_device)
    monkeypatch.setattr(dist, "get_world_size", lambda *_: 65)
    group, why = gloo_group.open_gloo_group(SingleProcess(), timedelta(seconds=5))
    assert group is None
    assert "each of 65 ranks with all others" in why
