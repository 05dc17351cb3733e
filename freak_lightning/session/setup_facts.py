"""What a replay must have in common with the run that it repeats."""

import logging
import os
import platform
from importlib import metadata

from freak_lightning.lightning_api.loaders import train_loaders
from freak_lightning.lightning_api.namespace import Trainer, version_of

logger = logging.getLogger("freak")


def facts_of(trainer: Trainer) -> dict[str, object]:
    """Return what is known as the fit starts."""
    return {
        "world_size": trainer.world_size,
        "max_epochs": trainer.max_epochs,
        "max_steps": trainer.max_steps,
        "versions": {
            "python": platform.python_version(),
            "torch": metadata.version("torch"),
            "lightning": version_of(trainer),
        },
    }


def told_setup(trainer: Trainer) -> dict[str, object]:
    """Return what is known when training begins and the loaders are made; empty where it cannot be read."""
    try:
        return _setup(trainer)
    except Exception:
        logger.exception("the setup of this training cannot be read")
        return {}


def _setup(trainer: Trainer) -> dict[str, object]:
    loaders = train_loaders(trainer)
    batches = trainer.num_training_batches
    return {
        "batches_per_epoch": None if batches == float("inf") else batches,
        "batch_sizes": [getattr(loader, "batch_size", None) for loader in loaders],
        "dataset_lengths": [_length(getattr(loader, "dataset", None)) for loader in loaders],
        "accumulate_grad_batches": trainer.accumulate_grad_batches,
        "gradient_clip_val": trainer.gradient_clip_val,
        "seed": os.environ.get("PL_GLOBAL_SEED"),
        "strategy": type(trainer.strategy).__name__,
        "precision": trainer.precision,
        "optimizers": [
            {
                "class": type(optimizer).__name__,
                "param_groups": [
                    sum(each.numel() for each in group["params"]) for group in optimizer.param_groups
                ],
            }
            for optimizer in trainer.optimizers
        ],
        "schedulers": [type(config.scheduler).__name__ for config in trainer.lr_scheduler_configs],
        "val_check_interval": str(trainer.val_check_interval),
        "check_val_every_n_epoch": trainer.check_val_every_n_epoch,
        "limit_val_batches": trainer.limit_val_batches,
    }


def _length(dataset: object) -> int | None:
    try:
        return len(dataset)  # type: ignore[arg-type]
    except TypeError:
        return None  # it has none
