"""The loaders of training batches: where they are, and how a checkpoint stores their positions."""

from collections.abc import Iterable
from typing import Any

from freak_lightning.lightning_api.checkpoints import Checkpoint
from freak_lightning.lightning_api.loops import epoch_done, running_hook
from freak_lightning.lightning_api.namespace import Trainer

LOADERS = "combined_loader"
"""The fit loop's key for the states of the training loaders."""

LoaderStates = list[dict[str, Any]]
"""The states of the loaders that have one, in a checkpoint."""

MOST_DATASETS = 100
"""How many datasets inside a dataset to look at."""


def train_loaders(trainer: Trainer) -> list[object]:
    """Return the loaders of training batches; none before Lightning has made them.

    Private, since ``trainer.train_dataloader`` nests them as the user did, in lists and dicts.
    """
    combined = trainer.fit_loop._combined_loader
    return [] if combined is None else list(combined.flattened)


def datamodule_of(trainer: Trainer) -> object:
    """Return what makes the loaders beside the model, or None.

    ``trainer.datamodule`` is public, but no type declares it: the data connector sets it.
    """
    datamodule: object = trainer.datamodule  # type: ignore[attr-defined]
    return datamodule


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


def shared_sampler(sampler: object) -> object:
    """Return the sampler whose order Lightning shares among the ranks; the sampler itself if it wraps none.

    Private, since Lightning's ``DistributedSamplerWrapper`` hides the sampler in a dataset.
    """
    wrapping = getattr(sampler, "dataset", None)
    return vars(wrapping).get("_sampler", sampler) if hasattr(wrapping, "__dict__") else sampler


def draws_at_random(sampler: object) -> bool:
    """Return whether the order comes from a generator.

    By name: torch's and torchdata's samplers are different classes, and neither says whether it is random.
    """
    return "Random" in type(shared_sampler(sampler)).__name__


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
    sampler = sampler_of(loader)
    return hasattr(sampler, "set_epoch") and not draws_at_random(sampler)


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


def draw_orders_of_epoch(trainer: Trainer, states: LoaderStates) -> None:
    """Let loaders whose order follows from the epoch draw that of the epoch which a resume goes on with.

    Lightning puts the loaders where the checkpoint says before it calls ``set_epoch``: they would draw the
    order of epoch 0. Call it in ``on_train_start``, after ``begin_next_epoch``. Private, since only the loops
    know the epoch and the loaders.

    Args:
        trainer: a trainer that resumes.
        states: the loaders' states in the checkpoint, from ``loader_states``.
    """
    epoch: int = trainer.fit_loop.epoch_progress.current.processed  # type: ignore[attr-defined]
    samplers = [sampler_of(loader) for loader in train_loaders(trainer) if order_follows_epoch(loader)]
    if not states or not samplers:
        return
    for sampler in samplers:
        sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    trainer.fit_loop._combined_loader._load_state_dicts(states)  # type: ignore[union-attr]
    _iterate(trainer)


def loader_states(checkpoint: Checkpoint) -> LoaderStates:
    """Return the loaders' states where Lightning's fit loop puts them in a checkpoint."""
    states: LoaderStates = (
        checkpoint.get("loops", {}).get("fit_loop", {}).get("state_dict", {}).get(LOADERS, [])
    )
    return states


def store_loaders_as_finished(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Correct the loaders' stored states after the last batch of an epoch; else change nothing.

    A loader that has given its last batch is exhausted but does not know it yet. Stored like that, the
    resumed run gets no batch out of it and skips a whole epoch. The states lie where Lightning's fit loop
    puts them in a checkpoint; the key of torchdata's finished iterator is private.
    """
    states = loader_states(checkpoint)
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
