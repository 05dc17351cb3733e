"""Where in the loops a checkpoint is saved, or could be saved later."""

from collections.abc import Iterator
from dataclasses import dataclass

from freak_lightning.lightning_api.loops import (
    Hook,
    epoch_done,
    in_mid_epoch,
    running_hook,
    validates_by_clock,
)
from freak_lightning.lightning_api.namespace import Trainer

END_OF_EPOCH = "the end of an epoch"


@dataclass(frozen=True, slots=True)
class Place:
    """A hook in which a checkpoint can be saved, and whether the epoch has batches left there."""

    hook: Hook
    mid_epoch: bool
    epoch_done: bool

    @property
    def missed_hooks(self) -> tuple[str, ...]:
        """The hooks that the run calls if it goes on from here, and that a resumed run does not call."""
        match self.hook:
            case "on_train_batch_end" if self.epoch_done:
                return ("on_train_epoch_end",)
            case "on_train_batch_end" | "on_validation_end" if self.mid_epoch:
                return ("on_train_epoch_start",)
        return ()

    @property
    def name(self) -> str:
        """The place in words, for a receipt."""
        if self.epoch_done:
            return END_OF_EPOCH
        return "a validation within an epoch" if self.hook == "on_validation_end" else "an optimizer step"


def place_of(trainer: Trainer) -> Place:
    """Return where the training is now."""
    return Place(running_hook(trainer), mid_epoch=in_mid_epoch(trainer), epoch_done=epoch_done(trainer))


def places_to_come(trainer: Trainer) -> Iterator[Place]:
    """Yield the kinds of places that this fit still comes to, the next one first.

    An epoch of unknown length is taken for one that ends. With a validation every so many seconds nobody
    knows whether one comes.
    """
    every = trainer.val_check_batch
    validates = bool(trainer.enable_validation)
    within = validates and every is not None and every < trainer.num_training_batches
    yield Place("on_train_batch_end", mid_epoch=True, epoch_done=False)
    if within or (validates and validates_by_clock(trainer)):
        yield Place("on_validation_end", mid_epoch=True, epoch_done=False)
    if validates and (trainer.check_val_every_n_epoch is not None or within):
        yield Place("on_validation_end", mid_epoch=False, epoch_done=True)
    if not validates or trainer.check_val_every_n_epoch != 1:
        yield Place("on_train_batch_end", mid_epoch=False, epoch_done=True)
