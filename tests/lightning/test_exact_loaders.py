"""However batches are loaded: no checkpoint is called exact from which a resume gets others."""

import contextlib
import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torchdata.stateful_dataloader.sampler as torchdata_samplers
from lightning.pytorch import LightningDataModule, Trainer, seed_everything
from lightning.pytorch.utilities import CombinedLoader
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from torchdata.stateful_dataloader import StatefulDataLoader

from freak_core import Receipt
from tests.lightning.asking import asking, checkpoint
from tests.lightning.tiny import (
    KNOWN_WARNINGS,
    NEEDS_2_6,
    Rows,
    TinyModel,
    fit,
    resumable_loader,
    same,
    tiny_trainer,
    weights,
)
from tests.pairs import diagonal, grid

pytestmark = [
    *KNOWN_WARNINGS,
    NEEDS_2_6,
    pytest.mark.usefixtures("home"),
    pytest.mark.filterwarnings("ignore"),  # what Lightning and torchdata warn of is not looked at
]


PLACES: dict[str, tuple[int, dict[str, Any]]] = {
    "mid-epoch": (3, {"limit_val_batches": 0}),
    "end of an epoch": (7, {}),
    "end of an epoch, no validation": (7, {"limit_val_batches": 0}),
}


def stateful(count: int = 16, **given: Any) -> StatefulDataLoader:
    return StatefulDataLoader(Rows(count), **{"batch_size": 2, **given})


class Noisy(Rows):
    """Draws noise from Python's and torch's generators for each row."""

    def __getitem__(self, index: int) -> Tensor:
        return super().__getitem__(index) + torch.rand(4) + random.random()  # noqa: S311


class Backwards(Sampler[int]):
    """An order of the user's own, without a state."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(15, -1, -1))

    def __len__(self) -> int:
        return 16


class Shuffles(Backwards):
    """A random order of the user's own, without a state."""

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(16).tolist())


class Sized(IterableDataset[Tensor]):
    """Rows one after the other, without a state."""

    def __iter__(self) -> Iterator[Tensor]:
        return iter([Rows(16)[index] for index in range(16)])

    def __len__(self) -> int:
        return 16


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def alone() -> DistributedSampler[Any]:
    """Return the sampler that Lightning gives to loaders under DDP, for one rank; it has no state."""
    return DistributedSampler(Rows(16), num_replicas=1, rank=0, shuffle=True)


def combined(mode: str, other: int = 6) -> Callable[[], CombinedLoader]:
    return lambda: CombinedLoader([stateful(16, shuffle=True), stateful(other, shuffle=True)], mode)


LOADERS: dict[str, Callable[[], Any]] = {
    "an order by epoch": resumable_loader,
    "in order": stateful,
    "plain": lambda: DataLoader(Rows(16), batch_size=2),
    "plain, shuffled": lambda: DataLoader(Rows(16), batch_size=2, shuffle=True),
    "plain, torchdata's RandomSampler": lambda: DataLoader(
        Rows(16), batch_size=2, sampler=torchdata_samplers.RandomSampler(Rows(16))
    ),
    "shuffled": lambda: stateful(shuffle=True),
    "shuffled, drop_last": lambda: stateful(17, shuffle=True, drop_last=True),
    "shuffled with a generator": lambda: stateful(shuffle=True, generator=seeded()),
    "torchdata's RandomSampler": lambda: stateful(sampler=torchdata_samplers.RandomSampler(Rows(16))),
    "torch's RandomSampler": lambda: stateful(sampler=RandomSampler(Rows(16))),
    "torch's RandomSampler with a generator": lambda: stateful(
        sampler=RandomSampler(Rows(16), generator=seeded())
    ),
    "a WeightedRandomSampler": lambda: stateful(sampler=WeightedRandomSampler([1.0] * 16, 16)),
    "a SubsetRandomSampler": lambda: stateful(sampler=SubsetRandomSampler(range(16))),
    "a batch sampler": lambda: StatefulDataLoader(
        Rows(16), batch_sampler=BatchSampler(RandomSampler(Rows(16)), 2, drop_last=False)
    ),
    "torchdata's batch sampler": lambda: StatefulDataLoader(
        Rows(16), batch_sampler=torchdata_samplers.BatchSampler(RandomSampler(Rows(16)), 2, drop_last=False)
    ),
    "torch's DistributedSampler": lambda: stateful(sampler=alone()),
    "torch's DistributedSampler, a worker": lambda: stateful(sampler=alone(), num_workers=1),
    "the user's order": lambda: stateful(sampler=Backwards()),
    "the user's random order": lambda: stateful(sampler=Shuffles()),
    "a worker": lambda: stateful(num_workers=1),
    "a worker, shuffled": lambda: stateful(shuffle=True, num_workers=1),
    "a worker that stays": lambda: stateful(shuffle=True, num_workers=1, persistent_workers=True),
    "a worker with few snapshots": lambda: stateful(shuffle=True, num_workers=1, snapshot_every_n_steps=3),
    "rows with noise": lambda: StatefulDataLoader(Noisy(16), batch_size=2, shuffle=True),
    "a subset": lambda: StatefulDataLoader(Subset(Rows(20), range(16)), batch_size=2, shuffle=True),
    "an iterable": lambda: StatefulDataLoader(Sized(), batch_size=2),
    "two, as long as the shorter": combined("min_size", 20),
    "two, as long as the longer": combined("max_size"),
    "two, the shorter again and again": combined("max_size_cycle"),
}


class AnyBatch(TinyModel):
    """Takes the batch of one loader or those of several."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        parts = batch[0] if isinstance(batch, tuple) else batch  # CombinedLoader adds two numbers
        parts = parts if isinstance(parts, list) else [parts]
        return super().training_step(torch.cat([each for each in parts if each is not None]), batch_idx)


def resumed_as_told(
    tmp_path: Path,
    loader: Callable[[], Any],
    batch: int = 3,
    train: Callable[..., Trainer] = fit,
    **settings: Any,
) -> tuple[bool, Receipt]:
    """Save after a batch of epoch 1 and resume; return whether the weights are equal, and the receipt."""
    settings = {"model": AnyBatch, "max_epochs": 4, "loader": loader, **settings}
    with contextlib.redirect_stderr(io.StringIO()):
        ask, ours = asking(tmp_path, (1, batch, checkpoint(name="here")))
        went_on = train(ours, **settings)
        told = ask.receipt()
        resumed = train(asking(tmp_path)[1], resume=Path(told.result["path"]), **settings)
    equal = resumed.global_step == went_on.global_step and same(weights(resumed), weights(went_on))
    return equal, told


@pytest.mark.parametrize(
    ("loader", "place"), grid(list(LOADERS), list(PLACES), few=diagonal(list(LOADERS), list(PLACES)))
)
def test_what_is_called_exact_gets_the_same_batches(loader: str, place: str, tmp_path: Path) -> None:
    batch, cadence = PLACES[place]
    equal, told = resumed_as_told(tmp_path, LOADERS[loader], batch, **cadence)
    assumed = loader == "the user's random order" and "Shuffles: a resume" in str(told.result.get("assumes"))
    assert equal or assumed or told.result.get("why_not_exact")


@pytest.mark.parametrize("batch", [3, 7])
def test_a_random_order_that_lightning_shares_among_ranks_is_not_called_exact(
    tmp_path: Path, batch: int
) -> None:
    equal, told = resumed_as_told(tmp_path, LOADERS["shuffled"], batch, strategy="ddp")
    assert "RandomSampler does not save its order" in told.result["why_not_exact"][0]
    assert not equal


@pytest.mark.parametrize("epoch", ["its own order", "the order of every epoch"])
@pytest.mark.parametrize("batch", [3, 7])
def test_the_samplers_that_lightning_gives_to_ranks_resume_exactly(
    tmp_path: Path, batch: int, epoch: str
) -> None:
    loader = LOADERS["in order" if epoch == "its own order" else "torch's DistributedSampler"]
    equal, told = resumed_as_told(tmp_path, loader, batch, strategy="ddp")
    assert (equal, told.result["exact"]) == (True, True)


def test_a_validation_whose_workers_stay_takes_no_second_seed_for_them_after_a_resume(tmp_path: Path) -> None:
    """A seed more, and dropout draws other numbers from the first validation on."""

    def train(ours: Any, resume: Path | None = None, **settings: Any) -> Trainer:
        seed_everything(1, verbose=False)
        trainer = tiny_trainer(ours, max_epochs=4)
        validation = DataLoader(Rows(4), batch_size=2, num_workers=1, persistent_workers=True)
        trainer.fit(TinyModel(dropout=0.5), resumable_loader(), validation, ckpt_path=resume)
        return trainer

    equal, told = resumed_as_told(tmp_path, resumable_loader, train=train)
    assert (equal, told.result["exact"]) == (True, True)


class Remade(LightningDataModule):
    """Makes its loader anew in each epoch."""

    def train_dataloader(self) -> StatefulDataLoader:
        return stateful(shuffle=True)


def test_loaders_that_are_made_anew_in_each_epoch_draw_another_order_after_its_end(tmp_path: Path) -> None:
    def train(ours: Any, resume: Path | None = None, **settings: Any) -> Trainer:
        seed_everything(1, verbose=False)
        trainer = tiny_trainer(ours, max_epochs=4, reload_dataloaders_every_n_epochs=1, limit_val_batches=0)
        trainer.fit(TinyModel(), datamodule=Remade(), ckpt_path=resume)
        return trainer

    equal, told = resumed_as_told(tmp_path, Remade, 7, train=train)
    assert "shuffles in an order that a resume does not repeat" in told.result["why_not_exact"][0]
    assert not equal
    equal, told = resumed_as_told(tmp_path, Remade, 3, train=train)
    assert (equal, told.result["exact"]) == (True, True)
    assert any(each.startswith("Remade: ") for each in told.result["assumes"])
