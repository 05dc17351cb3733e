"""The metrics that Lightning has logged last, which schedulers and callbacks monitor."""

import torch

from freak_lightning.lightning_api.callbacks import callbacks_of
from freak_lightning.lightning_api.namespace import Trainer, is_a


def awaited_metrics(trainer: Trainer) -> dict[str, float]:
    """Return the metrics that ``ReduceLROnPlateau`` and ``EarlyStopping`` monitor, as they were logged last.

    Private, since ``trainer.callback_metrics`` computes all metrics anew and may run a collective.
    """
    logged = trainer._logger_connector._callback_metrics
    names = [config.monitor for config in trainer.lr_scheduler_configs if config.reduce_on_plateau]
    names += [each.monitor for each in callbacks_of(trainer) if is_a(each, "EarlyStopping")]  # type: ignore[attr-defined]
    return {name: float(logged[name]) for name in names if name in logged}


def means_over_epoch(trainer: Trainer) -> set[str]:
    """Return the names of the metrics that training computes over the epoch so far.

    Private, since a checkpoint does not hold what Lightning has summed up for them.
    """
    logged = [each.meta for each in trainer.fit_loop.epoch_loop._results.values() if each.meta.on_epoch]
    return {name for each in logged for name in (each.name, f"{each.name}_epoch")}


def set_logged_metrics(trainer: Trainer, metrics: dict[str, float]) -> None:
    """Let the trainer take these for the metrics logged last, until they are logged again.

    Private, since nothing else sets them.
    """
    for name, value in metrics.items():
        trainer._logger_connector._callback_metrics.setdefault(name, torch.tensor(value))
