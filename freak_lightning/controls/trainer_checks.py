"""The trainer's checks: why a trainer cannot take a value of one of its settings while it fits."""

from typing import Any, TypeAlias

from freak_lightning.lightning_api.callbacks import callbacks_of, definer_of
from freak_lightning.lightning_api.namespace import LRSchedulerConfig, Trainer, is_a, is_lightnings
from freak_lightning.lightning_api.precision import unscales_gradients_itself
from freak_lightning.lightning_api.schedule_ends import ScheduleEnd, ends_of, steps_left, unforeseeable
from freak_lightning.lightning_api.scheduler_steps import scheduler_steps

Values: TypeAlias = dict[str, Any]
"""Values of the trainer's settings, by the names that the trainer has for them."""


def why_not(name: str, value: Any, trainer: Trainer) -> str | None:
    """Return why this trainer cannot take the value of a setting, or None if it can."""
    automatic = trainer.lightning_module.automatic_optimization
    by_hand = {"gradient_clip_val": "clips", "accumulate_grad_batches": "accumulates"}
    if name in by_hand and value and not automatic:
        return f"with manual optimization, training_step {by_hand[name]} the gradients"
    match name:
        case "max_epochs" | "max_steps":
            return _why_no_other_end(name, trainer)
        case "gradient_clip_val":
            return _why_clips_itself(trainer) or (_why_no_clipping(trainer) if value else None)
        case "accumulate_grad_batches":
            return _why_no_accumulation(trainer)
        case "check_val_every_n_epoch":
            return _why_no_such_epochs(value, trainer)
    return None


def why_not_so_long(new: Values, trainer: Trainer, accumulate_later: int | None) -> str | None:
    """Return why training cannot last as long as the new settings say, or None: OneCycleLR raises at its end.

    ``accumulate_later``: batches that the epochs after this one accumulate, if a request has changed it.
    """
    before = {"accumulate_grad_batches": accumulate_later}
    for config in trainer.lr_scheduler_configs:
        left = steps_left(config.scheduler)
        if left is None:
            continue
        then = scheduler_steps(trainer, config, **before)
        now = scheduler_steps(trainer, config, **{**before, **new})
        if now > left and now > then:
            asked = "without end" if now == float("inf") else f"{int(now)} more times"
            return (
                f"OneCycleLR raises when its cycle is over: it can be stepped {left} more times, and this "
                f"training would step it {asked}"
            )
    return None


def notes_on_schedules(new: Values, trainer: Trainer, accumulate_later: int | None, own: Values) -> list[str]:
    """Return which schedules were planned for another length than the new settings give the training.

    Args:
        new: the settings that are to change.
        trainer: the trainer, before they do.
        accumulate_later: as for ``why_not_so_long``.
        own: the trainer's settings as the fit began, by which the program has planned.
    """
    before = {"accumulate_grad_batches": accumulate_later}
    notes: list[str] = []
    for config in trainer.lr_scheduler_configs:
        now = scheduler_steps(trainer, config, **{**before, **new})
        if now == scheduler_steps(trainer, config, **before):
            continue
        planned = scheduler_steps(trainer, config, **own)
        done, unit = getattr(config.scheduler, "last_epoch", 0), _unit(config)
        notes += [note for end in ends_of(config.scheduler) if (note := _note(end, done, planned, now, unit))]
        if now != planned and planned != float("inf"):
            notes += [
                f"Freak cannot tell whether {name} was planned for {done + int(planned)} {unit}: look at its "
                "rate after them"
                for name in unforeseeable(config.scheduler)
            ]
    return notes


def _note(end: ScheduleEnd, done: int, planned: float, now: float, unit: str) -> str | None:
    """Return a note on a schedule that was planned for the whole fit, which becomes longer or shorter."""
    slack = 1 + end.left // 50  # with manual optimization the steps are estimated
    length = f"{end.scheduler} was planned for {done + end.left} {unit}"
    if now > end.left >= planned - slack and end.then is not None:
        return f"{length}; after them {end.then}"
    if now < end.left <= planned + slack:
        return f"{length}; training ends after {done + int(now)} of them"
    return None


def _unit(config: LRSchedulerConfig) -> str:
    """Return what one step of a scheduler is."""
    return f"{config.interval}s" if config.frequency == 1 else "of its steps"


def _why_no_other_end(name: str, trainer: Trainer) -> str | None:
    for callback in callbacks_of(trainer):
        if is_a(callback, "StochasticWeightAveraging"):
            return (
                f"{type(callback).__name__} has planned its averaging for max_epochs={trainer.max_epochs} "
                f"when the fit began, and with another {name} it never puts the averaged weights into the "
                "model"
            )
    return None


def _why_clips_itself(trainer: Trainer) -> str | None:
    definer = definer_of(trainer.lightning_module, "configure_gradient_clipping")
    if definer is None or is_lightnings(definer):
        return None
    return (
        f"{definer.__name__}.configure_gradient_clipping clips the gradients as it decides; if it names "
        "another value, Lightning ends the training"
    )


def _why_no_clipping(trainer: Trainer) -> str | None:
    """Lightning checks this within a step, which ends the fit, or ignores the value silently."""
    precision: object = trainer.precision_plugin
    for optimizer in trainer.optimizers:
        if is_a(precision, "MixedPrecision") and unscales_gradients_itself(optimizer):
            kind = type(optimizer).__name__
            return f"{kind} is fused and unscales the gradients itself: they cannot be clipped"
    if is_a(precision, "FSDPPrecision") and trainer.gradient_clip_algorithm != "value":
        return "Lightning cannot clip by norm under FSDP"
    if is_a(precision, "DeepSpeedPrecision"):
        return "DeepSpeed clips the gradients itself, as its configuration says"
    return None


def _why_no_accumulation(trainer: Trainer) -> str | None:
    if trainer.strategy.handles_gradient_accumulation:
        return f"{type(trainer.strategy).__name__} accumulates gradients itself"
    if any(is_a(each, "GradientAccumulationScheduler") for each in callbacks_of(trainer)):
        return "GradientAccumulationScheduler sets it"
    return None


def _why_no_such_epochs(value: int | None, trainer: Trainer) -> str | None:
    every = trainer.val_check_batch
    if value is None and isinstance(trainer.val_check_interval, float):
        return "Lightning needs an integer val_check_interval for validating regardless of epochs"
    if value is not None and every is not None and every > trainer.num_training_batches:
        return f"an epoch has only {trainer.num_training_batches} batches, so no batch would be the {every}th"
    return None
