"""What Freak adds to a checkpoint, and takes from it on a resume.

    in every checkpoint of the fit    freak_applied       idempotency keys of the applied requests
    in a checkpoint saved by Freak    freak_rng_states    every rank's states of the random number generators
                                      freak_metrics       metrics that schedulers and EarlyStopping wait for
                                      loops.fit_loop      after the last batch: the loaders are finished

The sections of the controls are where Lightning puts the states of all callbacks.
"""

from freak_lightning.checkpoint.rng_states import StatesOfRanks, restore_rng_states, states_of_rank
from freak_lightning.lightning_api.checkpoints import Checkpoint, collect_checkpoint
from freak_lightning.lightning_api.loaders import (
    LoaderStates,
    draw_orders_of_epoch,
    loader_states,
    restart_loaders,
    store_loaders_as_finished,
)
from freak_lightning.lightning_api.loops import epoch_done
from freak_lightning.lightning_api.metrics import awaited_metrics, set_logged_metrics
from freak_lightning.lightning_api.namespace import Trainer, rank_zero_warn
from freak_lightning.lightning_api.validation import keeps_validation_workers, start_validation_workers

APPLIED_REQUESTS = "freak_applied"
RNG_STATES = "freak_rng_states"
METRICS = "freak_metrics"


def exact_checkpoint(
    trainer: Trainer, *, weights_only: bool = False, rng_states: StatesOfRanks | None = None
) -> Checkpoint:
    """Return a checkpoint from which a resume goes on at this very point. All ranks must call it.

    Args:
        trainer: a trainer in ``fit``.
        weights_only: leave out optimizers, schedulers and callbacks; such a checkpoint cannot be resumed.
        rng_states: the result of ``states_of_all_ranks``.
    """
    checkpoint = collect_checkpoint(trainer, weights_only=weights_only)
    if weights_only:
        return checkpoint
    store_loaders_as_finished(trainer, checkpoint)
    metrics = awaited_metrics(trainer)
    if metrics:
        checkpoint[METRICS] = metrics
    if rng_states is not None:
        checkpoint[RNG_STATES] = {
            **rng_states,
            "next_is_epoch": epoch_done(trainer) and not trainer.validating,
            "keeps_validation_workers": keeps_validation_workers(trainer),
        }
    return checkpoint


class AddedContents:
    """What Freak adds to every checkpoint of one fit, and what it found in the one that the fit resumes."""

    def __init__(self) -> None:
        self.applied_requests: dict[str, list[str]] = {}
        self._rng_states: StatesOfRanks | None = None
        self._metrics: dict[str, float] = {}
        self._loader_states: LoaderStates = []

    def add_to(self, checkpoint: Checkpoint) -> None:
        """Add the applied requests, if there are any."""
        if self.applied_requests:
            checkpoint[APPLIED_REQUESTS] = self.applied_requests

    def take_from(self, checkpoint: Checkpoint) -> None:
        """Take the applied requests, and the generators' states for ``restore_rng_states``."""
        self.applied_requests = checkpoint.get(APPLIED_REQUESTS, {})
        self._rng_states = checkpoint.get(RNG_STATES)
        self._metrics = checkpoint.get(METRICS, {})
        self._loader_states = loader_states(checkpoint)

    def restore_orders(self, trainer: Trainer) -> None:
        """Let loaders draw the order of the epoch that goes on, once; call it in ``on_train_start``."""
        states, self._loader_states = self._loader_states, []
        draw_orders_of_epoch(trainer, states)

    def restore_metrics(self, trainer: Trainer) -> None:
        """Give the trainer the metrics that were logged last, once; call it in ``on_train_start``.

        ``ReduceLROnPlateau`` raises where its metric is missing, and after a resume it may be due before the
        next validation.
        """
        metrics, self._metrics = self._metrics, {}
        if metrics:
            set_logged_metrics(trainer, metrics)

    def restore_rng_states(self, trainer: Trainer) -> None:
        """Put this rank's generators where the checkpoint says, once; call it in ``on_train_start``.

        If the checkpoint was saved between two epochs, the loaders' iterators are made anew: Lightning has
        made them before ``on_train_start``, and drew their workers' seed from a generator not yet restored.
        """
        saved, self._rng_states = self._rng_states, None
        if saved is None:
            return
        if len(saved["ranks"]) != trainer.world_size:
            rank_zero_warn(
                f"this resume is not exact: the checkpoint has random number generators of "
                f"{len(saved['ranks'])} ranks, and this training has {trainer.world_size}"
            )
            return
        if saved.get("keeps_validation_workers"):
            start_validation_workers(trainer)
        restore_rng_states(states_of_rank(saved, trainer.global_rank))
        if saved["next_is_epoch"]:
            restart_loaders(trainer)
