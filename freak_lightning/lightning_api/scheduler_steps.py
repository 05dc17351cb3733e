"""How often the rest of a fit steps a scheduler."""

from math import lcm

from freak_lightning.lightning_api.loops import trained_batches
from freak_lightning.lightning_api.namespace import LRSchedulerConfig, Trainer


def scheduler_steps(
    trainer: Trainer,
    config: LRSchedulerConfig,
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
