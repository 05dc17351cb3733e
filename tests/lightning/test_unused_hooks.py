"""Hooks that a control has not written cost nothing while it fits, and are there again afterwards."""

from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer

from freak_lightning import GracefulStop, LROverride
from freak_lightning.unused_hooks import EVERY_BATCH
from tests.lightning.tiny import KNOWN_WARNINGS, fit

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


class Counting(GracefulStop):
    """Overrides one hook of every batch, and calls what it overrides."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def on_before_zero_grad(self, *args: Any) -> None:
        super().on_before_zero_grad(*args)
        self.batches += 1


class Looks(Callback):
    """Notes what Lightning would call of the control in front of it."""

    called: tuple[str, ...] = ()

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.called = tuple(n for n in EVERY_BATCH if callable(getattr(trainer.callbacks[0], n)))


def test_lightning_sees_only_the_hooks_that_a_control_has_written() -> None:
    counting, looks = Counting(), Looks()
    trainer = fit([counting, LROverride(), looks], max_epochs=1)
    assert counting.batches == trainer.global_step > 0
    assert looks.called == ("on_before_zero_grad",)
    assert all(callable(getattr(counting, name)) for name in EVERY_BATCH)


def test_a_fit_that_raises_leaves_every_hook() -> None:
    class Raises(Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            raise RuntimeError("on purpose")

    stop = GracefulStop()
    with pytest.raises(RuntimeError, match="on purpose"):
        fit([stop, Raises()], max_epochs=1)
    assert all(callable(getattr(stop, name)) for name in EVERY_BATCH)


def test_an_optimizer_is_watched_only_while_something_is_overridden() -> None:
    class Watched(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            self.wrapped = "step" in vars(trainer.optimizers[0])

    watched = Watched()
    fit([LROverride(), watched], max_epochs=1)
    assert watched.wrapped is False
