"""Validations within a fit: whether they come, when the last one was, and what it logged."""

from freak_lightning.lightning_api.namespace import Trainer


def make_validation_loaders(trainer: Trainer) -> None:
    """Make the validation loaders now: without a sanity check Lightning makes them for the first validation.

    Lightning makes the loaders of the state that the trainer is in, so the state is "validating" meanwhile.
    """
    trainer.validating = True
    trainer.fit_loop.epoch_loop.val_loop.setup_data()
    trainer.training = True


def skips_validation(trainer: Trainer) -> bool:
    """Return whether Lightning skips validations on this rank, since it has no batches for them."""
    return trainer.fit_loop.epoch_loop.val_loop.skip


def last_validation_time(trainer: Trainer) -> float:
    """Return when the last validation ended, for a validation every so many seconds (``time.monotonic()``).

    Private, since no setting tells it. Lightning has it from 2.6 on, if ``validates_by_clock``.
    """
    time: float = trainer._last_val_time  # type: ignore[attr-defined]
    return time


def set_last_validation_time(trainer: Trainer, time: float) -> None:
    """Set when the last validation ended; ``-inf`` makes the next one due."""
    trainer._last_val_time = time  # type: ignore[attr-defined]


def validation_metrics(trainer: Trainer) -> dict[str, float]:
    """Return what the validation that has just ended logged. May run a collective: all ranks must call it.

    Private, since ``trainer.callback_metrics`` has the metrics of the training batches too. Call it in
    ``on_validation_end``.
    """
    results = trainer._results
    if results is None:
        return {}
    metrics: dict[str, float] = {}
    for loader in (None, *range(trainer.fit_loop.epoch_loop.val_loop.num_dataloaders)):
        results.dataloader_idx = loader  # of several loaders, each has metrics of its own
        logged = results.metrics(on_step=False)["callback"]
        metrics |= {name: float(value) for name, value in logged.items()}
    results.dataloader_idx = None
    return metrics
