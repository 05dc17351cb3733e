"""Whether a resumed run gets the batches that the run which goes on gets, in the same order."""

from collections.abc import Callable, Iterator, Mapping

from freak_lightning.checkpoint.place_in_loops import Place
from freak_lightning.lightning_api.loaders import (
    draws_at_random,
    has_fetched_ahead,
    is_stateful,
    keeps_its_order,
    order_follows_epoch,
    pads_with_nothing,
    reloads_every,
    sampler_of,
    shared_sampler,
    train_loaders,
)
from freak_lightning.lightning_api.namespace import Trainer


def loader_reasons(trainer: Trainer, place: Place) -> Iterator[str]:
    """Yield why the resumed run gets other batches, or the same in another order."""
    for loader in train_loaders(trainer):
        yield from _reasons(trainer, loader, place)
    if pads_with_nothing(trainer):
        yield (
            'CombinedLoader in mode "max_size": a resumed run begins a loader again that had no batches '
            "left; use max_size_cycle or min_size"
        )
    every = reloads_every(trainer)
    if every > 1:
        yield (
            f"reload_dataloaders_every_n_epochs={every}: a resumed run counts these epochs from where it "
            "begins; set it to 0 or 1"
        )


def _reasons(trainer: Trainer, loader: object, place: Place) -> Iterator[str]:
    name, sampler = type(loader).__name__, sampler_of(loader)
    if place.mid_epoch and not is_stateful(loader):
        yield (
            f"{name} does not save its position in the epoch: the resumed run repeats the epoch's first "
            "batches; use StatefulDataLoader of torchdata, or save at the end of an epoch"
        )
    elif place.mid_epoch and place.hook == "on_train_start":
        yield (
            f"{name} reports the start of the epoch until this resumed run has trained a batch; "
            "save after the next batch"
        )
    elif is_stateful(loader) and has_fetched_ahead(trainer):
        yield (
            f"{name} has no length, so Lightning has read one batch ahead, which the resumed run skips; "
            "give the dataset a __len__"
        )
    if order_follows_epoch(loader) and _draws_too_early(trainer, loader, place):
        yield (
            f"workers of {name} draw the order before Lightning calls the sampler's set_epoch, "
            "so the resumed run has another order; use num_workers=0"
        )
    elsewhere = is_stateful(loader) and not keeps_its_order(sampler)
    shared = shared_sampler(sampler)
    if _is_random(loader) and elsewhere and (place.mid_epoch or getattr(shared, "generator", None)):
        remedy = (
            "use shuffle=True, the RandomSampler of torchdata, or a sampler with set_epoch"
            if shared is sampler
            else "Lightning splits its order among the ranks; give the loader a DistributedSampler instead"
        )
        yield f"{type(shared).__name__} does not save its order, which {name} draws anew; {remedy}"
        return
    made_anew = reloads_every(trainer) and place.epoch_done
    shuffles_anew = not is_stateful(loader) or place.hook == "on_train_epoch_end" or made_anew
    if _is_random(loader) and (shuffles_anew or getattr(loader, "generator", None) is not None):
        # torchdata saves its own shuffling, unless the loader draws other numbers from the same generator.
        yield (
            f"{name} shuffles in an order that a resume does not repeat; "
            "use a sampler with set_epoch, such as DistributedSampler"
        )


def _is_random(loader: object) -> bool:
    return not order_follows_epoch(loader) and draws_at_random(sampler_of(loader))


def _draws_too_early(trainer: Trainer, loader: object, place: Place) -> bool:
    """Whether workers get their first indices, as the iterator is made, before Lightning calls set_epoch."""
    if not getattr(loader, "num_workers", 0):
        return False
    if place.epoch_done:
        # Resuming from on_validation_end and later makes the iterator anew, after set_epoch.
        return place.hook == "on_train_batch_end"
    # In the first epoch the sampler's epoch is right by chance.
    state_dict: Callable[[], Mapping[str, object]] = getattr(sampler_of(loader), "state_dict", dict)
    return trainer.current_epoch > 0 and "epoch" not in state_dict()
