"""What a resumed run does not read from the checkpoint but builds anew, and what of it has changed since.

A checkpoint holds the values of weights, optimizers and schedulers. Which weights there are and which of
them train, the param groups, the classes of optimizers and schedulers, and the trainer's settings come from
the program. What a callback has changed while training is lost.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from freak_lightning.lightning_api.callbacks import callbacks_of
from freak_lightning.lightning_api.namespace import Callback, LightningModule, Trainer, is_a

SETTINGS = ("accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm")
"""The trainer's settings on which the weights depend, and which a program may set while training."""

BUILD = "to resume from here, build the model before fit as it is now, in its __init__ or configure_model"

Dtypes = Mapping[str, torch.dtype]


@dataclass(frozen=True)
class AsBuilt:
    """What training began with, as ``AsBuilt.of`` has read it in ``on_train_start``."""

    trains: dict[str, bool]
    """``requires_grad`` of each parameter, by its name."""
    optimizers: list[tuple[str, list[list[int]]]]
    """Class of each optimizer, and which parameters are in its groups. Not by their names: some strategies
    put other tensors into the model while they validate."""
    schedulers: list[str]
    settings: dict[str, object]

    @classmethod
    def of(cls, trainer: Trainer) -> "AsBuilt":
        """Read it from a trainer that has set its model up."""
        return cls(
            trains={name: each.requires_grad for name, each in trainer.lightning_module.named_parameters()},
            optimizers=[
                (
                    type(each).__name__,
                    [[id(weight) for weight in group["params"]] for group in each.param_groups],
                )
                for each in trainer.optimizers
            ],
            schedulers=[type(config.scheduler).__name__ for config in trainer.lr_scheduler_configs],
            settings={name: getattr(trainer, name) for name in SETTINGS},
        )


def changed_since(before: AsBuilt, trainer: Trainer, ours: Sequence[Callback] = ()) -> Iterator[str]:
    """Yield what has changed since training began, so that a resume builds it as it was at the beginning.

    What ``TrainerOverride`` has changed is in the checkpoint.
    """
    now = AsBuilt.of(trainer)
    differing = now.trains.keys() ^ before.trains.keys()
    toggled = {name for name, trains in now.trains.items() if trains != before.trains.get(name, trains)}
    if differing:
        yield (
            f"the model's parameters have changed since training began ({_few(sorted(differing))}), and a "
            f"resume builds those of the beginning; {BUILD}"
        )
    if toggled:
        yield (
            f"requires_grad has changed since training began ({_few(sorted(toggled))}), and a checkpoint "
            f"does not store it; {BUILD}"
        )
    if now.optimizers != before.optimizers:
        yield (
            "the optimizers or their param groups have changed since training began, and a resume builds "
            "those of configure_optimizers; return all param groups from it"
        )
    if now.schedulers != before.schedulers:
        yield (
            f"the schedulers have changed since training began, from {before.schedulers} to "
            f"{now.schedulers}, and a resume builds those of configure_optimizers; return them from "
            "configure_optimizers"
        )
    by_epoch = any(is_a(each, "GradientAccumulationScheduler") for each in callbacks_of(trainer))
    for name, value in now.settings.items():
        if name == "accumulate_grad_batches" and by_epoch:
            continue  # the callback sets it anew at the start of each epoch
        if value != before.settings[name] and not any(_remembers(each, name, value) for each in ours):
            yield (
                f"{name} has changed since training began, from {before.settings[name]} to {value}, and a "
                "checkpoint does not store it; give it to the Trainer that resumes"
            )


def _remembers(control: Callback, name: str, value: object) -> bool:
    """Return whether one of Freak's controls has set the value, and sets it again after a resume."""
    if name == "accumulate_grad_batches":
        return getattr(control, "accumulating", None) == value
    return getattr(getattr(control, "state", None), name, not value) == value


def rounded(built: Dtypes, trainer: Trainer) -> Iterator[str]:
    """Yield the weights that a resume rounds: it loads them before the precision plugin has converted them.

    Args:
        built: the dtypes of parameters and buffers in ``setup``, before the plugin.
    """
    if trainer.strategy.restore_checkpoint_after_setup:
        return
    saved = dtypes_of(trainer.lightning_module)
    names = [name for name, dtype in saved.items() if not _holds(built.get(name, dtype), dtype)]
    if names:
        plugin = type(trainer.precision_plugin).__name__
        yield (
            f"{plugin} converts {_few(names)} from {_short(built[names[0]])} to {_short(saved[names[0]])} "
            "after a resume has loaded the checkpoint, so the loaded values are rounded; build the model "
            "in configure_model"
        )
    for optimizer in trainer.optimizers:
        for parameter, state in optimizer.state.items():
            rounds = [name for name, value in state.items() if _is_rounded(name, value, parameter)]
            if rounds:
                yield (
                    f"{type(optimizer).__name__} keeps {rounds[0]} in {_short(state[rounds[0]].dtype)}, "
                    f"and torch loads it as {_short(parameter.dtype)}, like the weight; override "
                    "load_state_dict of the optimizer"
                )
                break


def dtypes_of(module: LightningModule) -> dict[str, torch.dtype]:
    """Return the dtypes of parameters and buffers that are floating-point numbers, by their names."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: each.dtype for name, each in named if each.dtype.is_floating_point}


def _holds(wide: torch.dtype, narrow: torch.dtype) -> bool:
    """Return whether a dtype holds every value of another one."""
    return torch.promote_types(wide, narrow) == wide


def _is_rounded(name: str, value: object, parameter: object) -> bool:
    # torch leaves "step" as it is.
    if name == "step" or not isinstance(value, torch.Tensor) or not isinstance(parameter, torch.Tensor):
        return False
    floating = value.is_floating_point() and parameter.is_floating_point()
    return floating and not _holds(parameter.dtype, value.dtype)


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _few(names: Iterable[object]) -> str:
    """Return the first names, and how many more there are."""
    first, *others = list(names)
    return f"{first} and {len(others)} more" if others else str(first)
