"""How often a scheduler can still be stepped, and how often the rest of a fit steps it."""

from math import lcm
from typing import Any

from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, SequentialLR

from freak_lightning.lightning_api.loops import trained_batches
from freak_lightning.lightning_api.namespace import Trainer


def steps_left(scheduler: object) -> int | None:
    """Return how often a scheduler can be stepped before an ``OneCycleLR`` in it raises; None without one."""
    if isinstance(scheduler, OneCycleLR):
        return int(scheduler.total_steps - scheduler.last_epoch)
    if isinstance(scheduler, SequentialLR):
        return _left_in_sequence(scheduler, scheduler.last_epoch)
    found = [steps_left(inner) for inner in _inner(scheduler)]
    return min((left for left in found if left is not None), default=None)


def _length(scheduler: object) -> int | None:
    """Return how often a scheduler can be stepped that has not begun; None without an end."""
    if isinstance(scheduler, OneCycleLR):
        return int(scheduler.total_steps)
    if isinstance(scheduler, SequentialLR):
        return _left_in_sequence(scheduler, 0)
    found = [_length(inner) for inner in _inner(scheduler)]
    return min((length for length in found if length is not None), default=None)


def _left_in_sequence(sequence: SequentialLR, done: int) -> int | None:
    """Return the steps until one of the schedulers raises, each of which ends where the next one begins.

    Private in torch: a sequence does not say of what it consists.
    """
    milestones, schedulers = vars(sequence)["_milestones"], vars(sequence)["_schedulers"]
    for scheduler, start, end in zip(schedulers, [0, *milestones], [*milestones, None], strict=True):
        if end is not None and end <= done:
            continue
        left = steps_left(scheduler) if start <= done and done else _length(scheduler)
        until = None if left is None else left + max(0, int(start) - done)
        if until is not None and (end is None or until < end - 1 - done):
            return until
    return None


def _inner(scheduler: object) -> list[object]:
    """Return the schedulers that another one steps: a ``ChainedScheduler``, or a wrapper of any library."""
    values = list(vars(scheduler).values()) if hasattr(scheduler, "__dict__") else []
    flat = [inner for value in values for inner in (value if isinstance(value, list | tuple) else [value])]
    return [inner for inner in flat if isinstance(inner, LRScheduler)]


def scheduler_steps(
    trainer: Trainer,
    config: Any,
    *,
    max_epochs: int | None = None,
    max_steps: int | None = None,
    accumulate_grad_batches: int | None = None,
    **_: object,
) -> float:
    """Return how often the rest of the fit steps a scheduler; ``inf`` for no limit.

    Arguments replace the trainer's settings. With manual optimization the steps to come are estimated from
    the steps done.
    """
    epochs = -1 if trainer.max_epochs is None else trainer.max_epochs
    epochs = epochs if max_epochs is None else max_epochs
    steps = trainer.max_steps if max_steps is None else max_steps
    length = trainer.num_training_batches
    unlimited = epochs == -1 or length == float("inf")
    if unlimited and steps == -1:
        return float("inf")
    left = float("inf") if steps == -1 else max(0, steps - trainer.global_step)
    epoch, first = trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_progress.current.ready
    if not trainer.lightning_module.automatic_optimization:
        batches = left if unlimited else (epochs - epoch) * length - first
        return float(max(0.0, batches) * config.scheduler.last_epoch / max(1, trained_batches(trainer)))
    accumulate = trainer.accumulate_grad_batches
    count = 0.0
    while left > 0 and (unlimited or epoch < epochs):
        here = _StepsOfEpoch(first, length, accumulate, left)
        if config.interval == "step":
            count += here.scheduler_steps(config.frequency)
        elif here.ends and first < length:
            count += (epoch + 1) % config.frequency == 0
        if length == float("inf"):
            break
        left -= here.optimizer_steps
        epoch, first, accumulate = epoch + 1, 0, accumulate_grad_batches or accumulate
    return count


class _StepsOfEpoch:
    """The optimizer steps of an epoch after its ``first`` batches; no more than are ``left`` in the fit."""

    def __init__(self, first: int, length: float, accumulate: int, left: float) -> None:
        self.first, self.accumulate = first, accumulate
        begun = first // accumulate
        short = length != float("inf") and length % accumulate != 0 and first < length
        whole = length // accumulate - begun + short if length != float("inf") else left
        self.ends = length != float("inf") and left >= whole
        self.optimizer_steps = whole if self.ends else left
        self.last = length if self.ends else (begun + left) * accumulate
        self.short = short and self.ends

    def scheduler_steps(self, frequency: int) -> float:
        """Return how many of these batches also are multiples of the scheduler's frequency."""
        common = lcm(self.accumulate, frequency)
        # Lightning also steps on the last batch of an epoch.
        return self.last // common - self.first // common + (self.short and self.last % frequency == 0)
