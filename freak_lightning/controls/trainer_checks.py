"""The trainer's limits: which values of its settings a trainer cannot take while it fits, and why."""

from typing import Any

from torch.optim.lr_scheduler import OneCycleLR

from freak_lightning.lightning_api.callbacks import callbacks_of
from freak_lightning.lightning_api.namespace import Trainer, is_a
from freak_lightning.lightning_api.precision import unscales_gradients_itself
from freak_lightning.lightning_api.progress import total_steps


def why_not(name: str, value: Any, trainer: Trainer) -> str | None:
    """Return why the setting cannot have this value here, or None where it can."""
    automatic = trainer.lightning_module.automatic_optimization
    if name in ("gradient_clip_val", "accumulate_grad_batches") and value and not automatic:
        return "with manual optimization that is up to training_step"
    match name:
        case "gradient_clip_val":
            return _why_no_clipping(trainer) if value else None
        case "accumulate_grad_batches":
            return _why_no_accumulation(trainer)
        case "check_val_every_n_epoch":
            return _why_no_such_epochs(value, trainer)
    return None


def why_not_so_long(new: dict[str, Any], trainer: Trainer, accumulate_later: int | None) -> str | None:
    """Return why training cannot go on for as long as the new settings say: a schedule ends, and raises then.

    Schedules that are stepped by hand, and those in other schedulers, are not looked at. ``accumulate_later``
    is how many batches the epochs after this one accumulate, if that waits to be changed already.
    """
    steps = total_steps(trainer, **{"accumulate_grad_batches": accumulate_later, **new})
    before = total_steps(trainer, accumulate_grad_batches=accumulate_later)
    longer = before is not None and (steps is None or steps > before)
    if not longer or not trainer.lightning_module.automatic_optimization:
        return None
    for config in trainer.lr_scheduler_configs:
        scheduler = config.scheduler
        if config.interval != "step" or not isinstance(scheduler, OneCycleLR):
            continue
        ends = trainer.global_step + (scheduler.total_steps - scheduler.last_epoch) * config.frequency
        if steps is None or steps > ends:
            asked = "without end" if steps is None else f"to step {steps}"
            return f"OneCycleLR ends at step {ends} and cannot go on, and this would train {asked}"
    return None


def _why_no_clipping(trainer: Trainer) -> str | None:
    """Lightning checks this within a step, which ends the fit, or leaves the value out without a word."""
    precision: Any = trainer.precision_plugin
    for optimizer in trainer.optimizers:
        if is_a(precision, "MixedPrecision") and unscales_gradients_itself(optimizer):
            return f"{type(optimizer).__name__} is fused and unscales gradients itself: none can be clipped"
    if is_a(precision, "FSDPPrecision") and trainer.gradient_clip_algorithm != "value":
        return "Lightning cannot clip by norm under FSDP"
    if is_a(precision, "DeepSpeedPrecision"):
        return "DeepSpeed clips gradients itself, by what it was configured with"
    return None


def _why_no_accumulation(trainer: Trainer) -> str | None:
    if trainer.strategy.handles_gradient_accumulation:
        return f"{type(trainer.strategy).__name__} accumulates by itself"
    if any(is_a(each, "GradientAccumulationScheduler") for each in callbacks_of(trainer)):
        return "GradientAccumulationScheduler decides it"
    return None


def _why_no_such_epochs(value: int | None, trainer: Trainer) -> str | None:
    every = trainer.val_check_batch
    if value is None and isinstance(trainer.val_check_interval, float):
        return "Lightning needs an integer val_check_interval for validating regardless of epochs"
    if value is not None and every is not None and every > trainer.num_training_batches:
        return f"an epoch has only {trainer.num_training_batches} batches, so none would have the {every}th"
    return None
