"""What goes wrong around a fit leaves nothing behind, and what one fit was told the next one knows."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, Trainer
from pydantic import Field

from freak_core import Freak
from freak_lightning import ControlCallback, GracefulStop, LROverride, NotYet, Section
from freak_lightning.lightning_api.progress import progress
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, plain_loader, resumable_loader, tiny_trainer

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


@pytest.mark.served
def test_another_callback_that_raises_in_on_exception_leaves_nothing_to_the_next_fit(tmp_path: Path) -> None:
    """Lightning then calls no other on_exception: the server and a stop that waited would live on."""

    class Rude(Callback):
        crash = True

        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            if self.crash and trainer.global_step == 5:
                raise ZeroDivisionError("the fit")

        def on_exception(self, *_: Any) -> None:
            raise RuntimeError("on top of it")

    rude, freak, stop, lr = Rude(), Freak(), GracefulStop(tmp_path), LROverride()
    stop.freak = freak
    ask = Ask(stop, (0, 2, patch({"stop": {"should_stop": True, "after": "epoch"}})))
    with pytest.raises(RuntimeError, match="on top of it"):
        fit([rude, ask, stop, lr])
    rude.crash, ask.asked = False, []
    trainer = fit([rude, ask, stop, lr])
    assert trainer.global_step == 24
    assert not freak.running
    assert stop.session is None


def test_a_failing_setup_leaves_no_trace() -> None:
    class Failing(Callback):
        def setup(self, *_: Any, **__: Any) -> None:
            raise ZeroDivisionError("setup")

    control, failing = GracefulStop(), Failing()
    trainer = tiny_trainer([control, failing])
    with pytest.raises(ZeroDivisionError):
        trainer.fit(TinyModel(), resumable_loader(), plain_loader(2))
    assert trainer.callbacks == [control, failing]  # type: ignore[attr-defined]
    assert fit([control]).global_step == 24


def test_what_was_asked_of_an_override_holds_for_the_next_fit_and_is_said() -> None:
    control = LROverride()
    fit([Ask(control, (0, 2, patch({"lr": {"hold": 0.125}}))), control])
    ask = Ask(control)
    fit([ask, control])
    assert [(receipt.name, receipt.result["lr"]["hold"]) for receipt in ask.receipts] == [("restore", 0.125)]


def test_a_long_validation_tells_that_it_goes_on() -> None:
    """Its step stays the same, and the server must not take that for standing still."""
    told: list[tuple[Any, dict[str, int]]] = []

    class Watching(Callback):
        def on_validation_batch_start(self, trainer: Trainer, *_: Any) -> None:
            told.append(progress(trainer, beats=0))

    fit([Watching()], max_epochs=1)
    (first, facts), (second, same) = told
    assert first != second
    assert facts == same == {"step": 8, "epoch": 0}


def test_an_action_cannot_be_put_off_by_apply() -> None:
    class Later(ControlCallback):
        class State(Section):
            value: float = Field(1.0, gt=0)

        def apply(self, *_: Any) -> str:
            raise NotYet

    control = Later()
    ask = Ask(control, (0, 2, patch({"later": {"value": 2.0}})))
    fit([ask, control])
    assert ask.receipt().status == "failed"
    assert control.state.value == 1.0
