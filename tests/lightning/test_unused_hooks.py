"""Hooks that nobody needs now cost nothing while a control fits, and are there again afterwards."""

from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer

from freak_lightning import ControlCallback, GracefulStop, LROverride, remote_control
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.hidden_hooks import EVERY_BATCH
from freak_lightning.session.lightning_hooks import SessionDriver
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, resumable_loader, tiny_trainer
from tests.waiting import eventually

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
    """Notes as every batch ends which hooks of every batch Lightning would call, of our callbacks."""

    def __init__(self) -> None:
        self.called: list[set[str]] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        ours = [each for each in trainer.callbacks if isinstance(each, ControlCallback | SessionDriver)]
        self.called.append({n for each in ours for n in EVERY_BATCH if callable(getattr(each, n))})


def test_lightning_sees_only_the_hooks_that_a_control_has_written() -> None:
    counting, looks = Counting(), Looks()
    trainer = fit([counting, LROverride(), looks], max_epochs=1)
    assert counting.batches == trainer.global_step > 0
    assert looks.called == [{"on_before_zero_grad"}] * 8
    assert all(callable(getattr(counting, name)) for name in EVERY_BATCH)


def test_no_hook_of_a_batch_is_left_while_nobody_asks_for_anything() -> None:
    """A request in the fourth batch wakes the driver, which looks after the fifth whether it was used."""
    controls, before, after = remote_control(), Looks(), Looks()
    ask = Ask(controls[0], (0, 3, patch({"lr": {"hold": 0.1}})))
    trainer = fit([before, ask, *controls, after], max_epochs=1)
    assert ask.receipt().applied is not None
    assert ask.receipt().applied.step == 4
    driver = {"on_train_batch_end"}
    assert before.called == [driver, set(), set(), driver, driver, set(), set(), set()]
    assert after.called == [
        set(),
        set(),
        set(),
        {"on_train_batch_start", *driver},
        set(),
        set(),
        set(),
        set(),
    ]
    assert [type(each) for each in trainer.callbacks] == [Looks, Ask, *map(type, controls), Looks]


def test_a_control_stays_among_the_callbacks_and_is_in_the_checkpoint(tmp_path: Any) -> None:
    class Hears(ControlCallback):
        heard: tuple[str, ...] = ()

        def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            assert self in trainer.callbacks
            self.heard += ("epoch starts",)

        def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            self.heard += ("validated",)

        def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            trainer.save_checkpoint(tmp_path / "at.ckpt")
            self.heard += ("epoch ends",)

        def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            self.heard += ("ends",)

        def state_dict(self) -> dict[str, Any]:
            return {"heard": len(self.heard)}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            self.heard = ("resumed",) * state_dict["heard"]

    first, second = Hears(), Hears()
    trainer = fit([first, GracefulStop()], max_epochs=1)
    assert first.heard == ("epoch starts", "validated", "epoch ends", "ends")
    assert trainer.callbacks[0] is first
    fit([second, GracefulStop()], max_epochs=1, resume=tmp_path / "at.ckpt")
    assert second.heard[:2] == ("resumed", "resumed")


def test_a_fit_that_raises_leaves_every_hook_and_every_control() -> None:
    class Raises(Callback):
        def on_train_batch_start(self, *_: Any) -> None:
            raise RuntimeError("on purpose")

    class Rude(Callback):
        def on_exception(self, *_: Any) -> None:
            raise RuntimeError("on top of it")

    stop = GracefulStop()
    with pytest.raises(RuntimeError, match="on purpose"):
        fit([stop, Raises()], max_epochs=1)
    assert all(callable(getattr(stop, name)) for name in EVERY_BATCH)
    rude = [Rude(), stop, Raises()]
    trainer = tiny_trainer(rude, max_epochs=1)
    with pytest.raises(RuntimeError, match="on top of it"):
        trainer.fit(TinyModel(), resumable_loader(), resumable_loader())
    set_up: list[str] = []
    stop.setup = lambda trainer, pl_module, stage: set_up.append(stage)  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="on top of it") as again:
        trainer.fit(TinyModel(), resumable_loader(), resumable_loader())
    assert "on purpose" in str(again.value.__context__), again.value.__context__
    assert set_up == ["fit"]


def test_an_optimizer_is_watched_only_while_something_is_overridden() -> None:
    class Watched(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            self.wrapped = "step" in vars(trainer.optimizers[0])

    watched = Watched()
    fit([LROverride(), watched], max_epochs=1)
    assert watched.wrapped is False


def test_a_control_that_comes_to_wait_by_itself_is_asked_after_every_step() -> None:
    class EveryThird(ControlCallback):
        visited: tuple[int, ...] = ()

        def waits(self) -> bool:
            return self.session is not None and self.session.trainer.global_step % 3 == 0

        def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
            self.visited += () if point.epoch_end else (point.step,)

    control = EveryThird()
    fit([control, GracefulStop()], max_epochs=1, limit_val_batches=0)
    assert control.visited == (3, 6)


@pytest.mark.served
def test_a_stop_that_the_program_sets_itself_is_noticed() -> None:
    class Sets(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            if trainer.global_step == 3:
                driver = next(each for each in trainer.callbacks if isinstance(each, SessionDriver))
                assert not callable(driver.on_train_batch_end)
                stop.state.should_stop = True
                eventually(lambda: callable(driver.on_train_batch_end), what="waking up")

    stop = GracefulStop()
    assert fit([stop, Sets()], max_epochs=1).global_step == 4
