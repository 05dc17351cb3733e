"""The loaders of training batches: where they are, and how a checkpoint stores their positions."""

from collections.abc import Iterable

from freak_lightning.lightning_api.checkpoints import Checkpoint
from freak_lightning.lightning_api.loops import epoch_done, running_hook
from freak_lightning.lightning_api.namespace import Trainer

MOST_DATASETS = 100
"""How many datasets inside a dataset to look at."""


def train_loaders(trainer: Trainer) -> list[object]:
    """Return the loaders of training batches; none before Lightning has made them.

    Private, since ``trainer.train_dataloader`` nests them as the user did, in lists and dicts.
    """
    combined = trainer.fit_loop._combined_loader
    return [] if combined is None else list(combined.flattened)


def reloads_every(trainer: Trainer) -> int:
    """Return after how many epochs Lightning makes the loaders anew; 0 for never.

    ``trainer.reload_dataloaders_every_n_epochs`` is public, but no type declares it.
    """
    every: int = trainer.reload_dataloaders_every_n_epochs  # type: ignore[attr-defined]
    return every


def is_stateful(loader: object) -> bool:
    """Return whether a checkpoint stores the loader's position, as that of torchdata's loaders."""
    return hasattr(loader, "state_dict")


def sampler_of(loader: object) -> object:
    """Return the sampler from which the loader takes its order, or None."""
    batch_sampler = getattr(loader, "batch_sampler", None)
    return getattr(batch_sampler, "sampler", None) or getattr(loader, "sampler", None)


def datasets_of(loader: object) -> list[object]:
    """Return the loader's dataset, and those inside it: a ``Subset`` and a ``ConcatDataset`` hold others."""
    found: list[object] = []
    waiting: list[object] = [getattr(loader, "dataset", None)]
    while waiting and len(found) < MOST_DATASETS:
        each = waiting.pop()
        if each is None or any(each is known for known in found):
            continue
        found.append(each)
        inner = getattr(each, "datasets", None)
        waiting += [getattr(each, "dataset", None), *(inner if isinstance(inner, list | tuple) else ())]
    return found


def batch_sampler_of(loader: object) -> object:
    """Return what puts indices into batches, or None."""
    return getattr(loader, "batch_sampler", None)


def keeps_its_order(sampler: object) -> bool:
    """Return whether a checkpoint stores where the sampler is in its order: torchdata asks for a state."""
    return hasattr(sampler, "state_dict") or type(sampler).__module__.startswith("torchdata.")


def pads_with_nothing(trainer: Trainer) -> bool:
    """Return whether loaders that have ended give None until the longest one has ended.

    Private, since ``CombinedLoader`` does not tell its mode.
    """
    if len(train_loaders(trainer)) < 2:
        return False
    return trainer.fit_loop._combined_loader._mode == "max_size"  # type: ignore[union-attr]


def order_follows_epoch(loader: object) -> bool:
    """Return whether the order follows from the epoch: Lightning calls ``set_epoch`` of the sampler."""
    return hasattr(sampler_of(loader), "set_epoch")


def has_fetched_ahead(trainer: Trainer) -> bool:
    """Return whether Lightning has read one batch more than it has trained, to see whether it is the last.

    Private, since Lightning says nowhere that it does so for loaders without a length.
    """
    fetcher = trainer.fit_loop._data_fetcher
    return fetcher is not None and fetcher.length is None


def restart_loaders(trainer: Trainer) -> None:
    """Make the iterators of the training loaders anew, before the first batch of an epoch.

    A loader with a state keeps the order that it has drawn already: made anew, it would draw the next one.
    """
    for loader in train_loaders(trainer):
        load = getattr(loader, "load_state_dict", None)
        if is_stateful(loader) and load is not None and not order_follows_epoch(loader):
            load(loader.state_dict())  # type: ignore[attr-defined]
    _iterate(trainer)


def _iterate(trainer: Trainer) -> None:
    """Make the iterators. Private, since Lightning makes them before ``on_train_start`` only."""
    fetcher = trainer.fit_loop._data_fetcher
    if fetcher is not None:
        iter(fetcher)


def restore_loader_position(trainer: Trainer) -> bool:
    """Put the loaders where the checkpoint says, if Lightning did not; call it in ``on_train_start``.

    ``trainer.estimated_stepping_batches`` in ``configure_optimizers``, a common way to size a schedule,
    makes the loaders before the checkpoint is read. Lightning then drops their stored positions without a
    word, and the resumed epoch starts at its first batch. Private, since only the fit loop has the
    positions. Equal on all ranks.

    Returns:
        Whether there was a position to restore.
    """
    if not trainer.fit_loop.restarting or not trainer.fit_loop._combined_loader_states_to_load:
        return False
    if trainer.fit_loop._data_fetcher is None:
        return False
    trainer.fit_loop._load_combined_loader_states()
    _iterate(trainer)
    return True


def store_loaders_as_finished(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Correct the loaders' stored states after the last batch of an epoch; else change nothing.

    A loader that has given its last batch is exhausted but does not know it yet. Stored like that, the
    resumed run gets no batch out of it and skips a whole epoch. The states lie where Lightning's fit loop
    puts them in a checkpoint; the key of torchdata's finished iterator is private.
    """
    fit_loop = checkpoint.get("loops", {}).get("fit_loop", {})
    states = fit_loop.get("state_dict", {}).get("combined_loader")
    if not states or not epoch_done(trainer):
        return
    for index, loader in enumerate(_stateful(train_loaders(trainer))):
        if order_follows_epoch(loader):
            # An empty state is a fresh start for torchdata. The sampler's own state would go on from the
            # epoch's end, even where the iterator says that it is finished.
            states[index] = {}
        elif "_iterator_finished" in states[index] and running_hook(trainer) == "on_train_batch_end":
            # Resuming from later hooks makes a new iterator anyway, and a second one would draw a second
            # permutation.
            states[index] = {**states[index], "_iterator_finished": True}


def _stateful(loaders: Iterable[object]) -> list[object]:
    return [loader for loader in loaders if is_stateful(loader)]
