"""Whether a run that resumes from a checkpoint saved now ends with the weights of the uninterrupted run.

    optimizer step → schedulers → on_train_batch_end (1) → validation → on_validation_end (2) → next batch
                                                         → epoch end → on_train_epoch_end (3)

Save at (1) if ``is_optimizer_boundary`` and not ``validation_due``. If a validation is due, save at (2): a
checkpoint from (1) leaves that validation out of the resumed run. Both are exact on the last batch of an
epoch too. (3) is exact only without ``max_steps``, and with loaders whose order follows from the epoch. All
other hooks lose a step or an epoch.

Setting ``trainer.should_stop`` right after saving is safe: the saved epoch is unfinished, so the resumed run
trains its remaining batches. Lightning validates once more before it stops.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from freak_lightning.checkpoint.loader_order import loader_reasons
from freak_lightning.checkpoint.missed_hooks import hook_reasons, vouched_for
from freak_lightning.checkpoint.place_in_loops import Place, place_of, places_to_come
from freak_lightning.checkpoint.rebuilt_on_resume import AsBuilt, Dtypes, changed_since, rounded
from freak_lightning.lightning_api.callbacks import callbacks_of
from freak_lightning.lightning_api.loaders import (
    batch_sampler_of,
    datamodule_of,
    datasets_of,
    sampler_of,
    shared_sampler,
    train_loaders,
)
from freak_lightning.lightning_api.loops import (
    counters_of_batches_agree,
    is_optimizer_boundary,
    validation_due,
)
from freak_lightning.lightning_api.metrics import means_over_epoch
from freak_lightning.lightning_api.namespace import Callback, Trainer, is_a

KNOWN = ("torch", "torchdata", "lightning", "pytorch_lightning", "freak_lightning", "builtins")
"""The packages whose optimizers, schedulers, loaders and samplers were resumed in tests."""

NEVER_EXACT = {
    "BaseFinetuning": "it changes requires_grad and the param groups, and a resume begins with frozen "
    "weights; to go on from here, load the weights of the checkpoint and train without this callback",
    "ModelPruning": "it replaces parameters, and a checkpoint holds the pruned weights in their place; prune "
    "after the training",
    "StochasticWeightAveraging": "it replaces the scheduler when the averaging begins; use "
    "WeightAveraging in place of it",
    "LearningRateFinder": "it searches again in the resumed run; remove it, and set the rate that it found",
    "BatchSizeFinder": "it searches again in the resumed run; remove it, and set the batch size",
}
"""Callbacks of Lightning with which a resumed run differs from every checkpoint, and the remedy."""

ROUNDS = {
    "BitsandbytesPrecision": "quantizes the weights anew when a resume has loaded them",
    "TransformerEnginePrecision": "replaces layers, whose scaling factors a resume does not restore",
}
"""Precision plugins of Lightning that no test has resumed exactly."""

UNTESTED = ("LambdaCallback", "FSDPPrecision", "DeepSpeedPrecision", "XLAPrecision")
"""Classes of these packages that no test has resumed, or whose behaviour is the user's."""


@dataclass
class ExactResume:
    """Judges, for one fit, whether a resume from a checkpoint saved now is exact.

    Args:
        trainer: a trainer in ``fit``.
        ours: Freak's callbacks, one of which saves.
        dtypes: those of the model in ``setup``, before the precision plugin has converted it.
    """

    trainer: Trainer
    ours: Sequence[Callback] = ()
    dtypes: Dtypes = field(default_factory=dict)
    as_built: AsBuilt | None = None
    """What training began with, once it has begun."""

    def begin(self) -> None:
        """Read what training begins with; call it in ``on_train_start``."""
        self.as_built = AsBuilt.of(self.trainer)

    def why_not(self, place: Place | None = None, *, rng_saved: bool) -> list[str]:
        """Return why weights after a resume may differ from those of the run that goes on; empty if none may.

        Exact means bit-identical weights, optimizers and schedulers on the same hardware and software. Means
        that Lightning computes over an epoch start anew in any case.

        Args:
            place: a place to come, in place of the hook that runs now.
            rng_saved: whether the checkpoint has the states of the random number generators.
        """
        trainer, here = self.trainer, place or place_of(self.trainer)
        reasons = [] if place else [*_unfinished(trainer)]
        reasons += _loop_reasons(trainer, here)
        reasons += _class_reasons(trainer)
        reasons += hook_reasons(trainer, here, self.ours)
        reasons += loader_reasons(trainer, here)
        if self.as_built is not None:
            reasons += changed_since(self.as_built, trainer, self.ours)
        reasons += rounded(self.dtypes, trainer)
        if not rng_saved:
            reasons.append(
                "the random number generators are not saved, since their states could not be gathered "
                "from every rank: dropout and random augmentation differ; use a strategy on "
                "torch.distributed, such as ddp"
            )
        return reasons

    def next_exact(self, *, rng_saved: bool) -> Place | None:
        """Return the next kind of place that is exact, as far as can be foreseen; None if none is."""
        places = places_to_come(self.trainer)
        return next((place for place in places if not self.why_not(place, rng_saved=rng_saved)), None)

    def assumes(self) -> list[str]:
        """Return what could not be judged, and is taken to resume exactly."""
        trainer = self.trainer
        owners: list[object] = [
            trainer.lightning_module,
            *(each for each in callbacks_of(trainer) if each not in self.ours),
            *trainer.optimizers,
            *(config.scheduler for config in trainer.lr_scheduler_configs),
            trainer.precision_plugin,
            trainer.strategy,
            trainer.strategy.checkpoint_io,
            datamodule_of(trainer),
        ]
        for loader in train_loaders(trainer):
            sampler = sampler_of(loader)
            owners += [loader, sampler, shared_sampler(sampler), batch_sampler_of(loader)]
            owners += datasets_of(loader)
        unknown = [each for each in owners if each is not None and not (vouched_for(each) or _known(each))]
        names = dict.fromkeys(type(each).__name__ for each in unknown)
        told = [f"{name}: a resume restores everything in it that the weights depend on" for name in names]
        workers = [each for each in train_loaders(trainer) if getattr(each, "num_workers", 0)]
        if workers:
            told.append(
                f"{type(workers[0]).__name__}: its dataset draws no random numbers in worker processes"
            )
        return told


def why_not_exact(trainer: Trainer, ours: Sequence[Callback] = (), rng_saved: bool = False) -> list[str]:
    """Return ``ExactResume.why_not`` without what training began with."""
    return ExactResume(trainer, ours).why_not(rng_saved=rng_saved)


def _known(owner: object) -> bool:
    kind = type(owner)
    return kind.__module__.partition(".")[0] in KNOWN and kind.__name__ not in UNTESTED


def _unfinished(trainer: Trainer) -> Iterator[str]:
    """Yield what must be done before anything is saved, so that it is no reason at a place to come."""
    if not is_optimizer_boundary(trainer):
        yield (
            "the gradients accumulated since the last optimizer step are not saved; "
            "save after the optimizer step"
        )
    if validation_due(trainer) and not trainer.should_stop:
        yield "the resumed run skips the validation that is due after this batch; save after the validation"
    if not counters_of_batches_agree(trainer, place_of(trainer).hook):
        yield (
            "Lightning's counters of batches or epochs have come apart (on_train_batch_start has returned "
            "-1, or a loader has given None), so a resume does not find its place in the epoch; end the "
            "epoch in another way, such as limit_train_batches"
        )


def _loop_reasons(trainer: Trainer, place: Place) -> Iterator[str]:
    if not trainer.lightning_module.automatic_optimization:
        several = f" of {len(trainer.optimizers)} optimizers" if len(trainer.optimizers) > 1 else ""
        yield (
            f"manual optimization{several}: gradients that training_step accumulates are not saved, and "
            "Lightning does not know of them; use automatic optimization, or save where training_step has "
            "just stepped and compare a resumed run yourself"
        )
    if place.hook == "on_train_epoch_end" and trainer.max_steps != -1:
        yield (
            "saved at the end of an epoch with max_steps set: the resumed run counts this epoch twice; "
            "save after a batch"
        )
    # At the end of an epoch too: the resumed run calls on_train_epoch_end with no batch in the mean.
    means = set() if place.hook == "on_train_epoch_end" else means_over_epoch(trainer)
    for stopping in (each for each in callbacks_of(trainer) if is_a(each, "EarlyStopping")):
        monitored: str = stopping.monitor  # type: ignore[attr-defined]
        if monitored in means and not vouched_for(stopping):
            yield (
                f"{type(stopping).__name__} monitors {monitored}, a mean over the epoch, and the "
                "resumed run averages only the rest of the epoch; monitor a metric of the validation"
            )
    if any(config.reduce_on_plateau for config in trainer.lr_scheduler_configs):
        yield (
            "ReduceLROnPlateau: Lightning skips this scheduler's next step after a resume, and without "
            "Freak's callbacks the resume may fail, since its metric is not there yet; use a scheduler "
            "that needs no metric"
        )


def _class_reasons(trainer: Trainer) -> Iterator[str]:
    """Yield what is known of the classes of Lightning's callbacks and precision plugins."""
    for callback in callbacks_of(trainer):
        for name, why in NEVER_EXACT.items():
            if is_a(callback, name) and not vouched_for(callback):
                yield f"{type(callback).__name__}: {why}"
    for name, why in ROUNDS.items():
        if is_a(trainer.precision_plugin, name):
            yield f"{name} {why}; use another precision"
