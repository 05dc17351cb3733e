"""How long a fit goes on: the limits that Lightning's loops look at again after every batch."""

from freak_lightning.lightning_api.namespace import Trainer

Minimum = tuple[int | None, int | None]
"""``min_epochs`` and ``min_steps``."""


def may_stop(trainer: Trainer) -> bool:
    """Return whether ``min_epochs`` and ``min_steps`` are reached, so that ``should_stop`` takes effect.

    Private, since Lightning alone knows which of the two counts at which moment.
    """
    return bool(trainer.fit_loop._can_stop_early)


def minimum(trainer: Trainer) -> Minimum:
    """Return ``min_epochs`` and ``min_steps``."""
    return trainer.fit_loop.min_epochs, trainer.fit_loop.epoch_loop.min_steps


def set_minimum(trainer: Trainer, least: Minimum) -> None:
    """Set ``min_epochs`` and ``min_steps``; the trainer has no setters for them. (0, None) is no minimum."""
    trainer.fit_loop.min_epochs, trainer.fit_loop.epoch_loop.min_steps = least


def set_max_epochs(trainer: Trainer, epochs: int) -> None:
    """Set ``max_epochs``; the trainer has no setter for it."""
    trainer.fit_loop.max_epochs = epochs


def set_max_steps(trainer: Trainer, steps: int) -> None:
    """Set ``max_steps``; the trainer has no setter for it."""
    trainer.fit_loop.epoch_loop.max_steps = steps


def at_its_end(trainer: Trainer) -> bool:
    """Return whether a fit has done the epochs or the steps that it was meant to do."""
    epochs, steps = trainer.fit_loop.max_epochs, trainer.fit_loop.epoch_loop.max_steps
    current = trainer.fit_loop.epoch_progress.current
    done = getattr(current, "processed", current.completed)
    return (epochs is not None and 0 <= epochs <= done) or 0 <= steps <= trainer.global_step
