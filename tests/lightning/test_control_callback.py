"""What every control promises, the built-in ones and the user's own."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from pydantic import BaseModel, Field

from freak_core import ConfigurationError, Freak
from freak_lightning import (
    CheckpointNow,
    ControlCallback,
    GracefulStop,
    LiveMetrics,
    LROverride,
    OptimizerOverride,
    Pause,
    Section,
    TrainerOverride,
    Tunable,
    ValidateNow,
    action,
)
from freak_lightning.session.sections import actions_of
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import (
    KNOWN_WARNINGS,
    TinyModel,
    fit,
    plain_loader,
    reference,
    resumable_loader,
    same,
    weights,
)
from tests.lightning.tiny import tiny_trainer as trainer_of

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


class Temperature(ControlCallback):
    class State(Section):
        value: float = Field(1.0, gt=0)

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> str:
        if self.state.value == 13:
            raise RuntimeError("unlucky")
        pl_module.temperature = self.state.value
        return f"now {self.state.value}"


class Shift(ControlCallback):
    @action(confirm=True)
    def shift(self, trainer: Trainer, pl_module: LightningModule, by: float) -> float:
        with torch.no_grad():
            for parameter in pl_module.parameters():
                parameter.add_(by)
        return by


class Knobs(BaseModel):
    temperature: float = 1.0


class TunableKnobs(Tunable):
    def __init__(self, *, freak: Freak | None = None) -> None:
        super().__init__(Knobs(), freak=freak)


BUILT_IN = [
    LiveMetrics,
    GracefulStop,
    Pause,
    LROverride,
    OptimizerOverride,
    TrainerOverride,
    ValidateNow,
    CheckpointNow,
    TunableKnobs,
]
EVERY = [*BUILT_IN, Temperature, Shift]
by_kind = pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)


@by_kind
def test_it_is_made_without_arguments_and_can_be_pickled_before_a_fit(kind: type[ControlCallback]) -> None:
    control = kind()
    assert control.state is not None
    copy = pickle.loads(pickle.dumps(control))  # noqa: S301 - our own bytes
    assert copy.state_key == kind().state_key
    assert pickle.dumps(kind(freak=Freak(name="a run")))


@by_kind
def test_unused_it_changes_neither_weights_nor_checkpoints(kind: type[ControlCallback]) -> None:
    control = kind()
    assert same(weights(fit([control])), reference().weights)
    assert control.state_dict() == {}
    assert control.session is None


@pytest.mark.served
@by_kind
def test_it_serves_a_second_fit(kind: type[ControlCallback]) -> None:
    control = kind()
    for _ in range(2):
        trainer = fit([control])
        assert trainer.global_step == 24
        assert trainer.callbacks == [control]  # type: ignore[attr-defined]


@pytest.mark.served
@by_kind
def test_it_ends_its_server_when_training_fails(kind: type[ControlCallback]) -> None:
    class Broken(TinyModel):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            raise ZeroDivisionError

    freak = Freak()
    with pytest.raises(ZeroDivisionError):
        fit([kind(freak=freak)], model=Broken)
    assert not freak.running


@by_kind
def test_it_works_in_a_fast_dev_run_and_with_a_sanity_check(kind: type[ControlCallback]) -> None:
    assert fit([kind()], fast_dev_run=True).global_step == 1
    assert fit([kind()], num_sanity_val_steps=1).global_step == 24


def test_a_section_of_ones_own_is_applied_and_told() -> None:
    control = Temperature()
    ask = Ask(control, (0, 2, patch({"temperature": {"value": 0.7}})))
    trainer = fit([ask, control])
    assert trainer.lightning_module.temperature == 0.7
    assert ask.receipt().result == {"temperature": "now 0.7"}
    assert ask.receipt().applied is not None
    assert ask.receipt().applied.step == 3  # type: ignore[union-attr]


class Softmax(Section):
    temperature: float = Field(1.0, gt=0)


class Typed(ControlCallback[Softmax]):
    def apply(self, trainer: Trainer, pl_module: LightningModule) -> float:
        return self.state.temperature


class Warmer(Typed):
    """Inherits the section."""


@pytest.mark.parametrize("kind", [Typed, Warmer])
def test_the_class_in_brackets_is_that_of_the_section(kind: type[Typed]) -> None:
    control = kind()
    assert type(control.state) is Softmax
    ask = Ask(control, (0, 2, patch({control.section_name(): {"temperature": 0.7}})))
    fit([ask, control], max_epochs=1)
    assert ask.receipt().result == {control.section_name(): 0.7}
    assert pickle.loads(pickle.dumps(control)).state.temperature == 0.7  # noqa: S301 - our own bytes


def test_what_fails_in_apply_is_taken_back_and_training_goes_on() -> None:
    control = Temperature()
    good, bad = patch({"temperature": {"value": 0.7}}), patch({"temperature": {"value": 13}})
    ask = Ask(control, (0, 2, good), (0, 4, bad))
    trainer = fit([ask, control])
    assert trainer.global_step == 24
    assert trainer.lightning_module.temperature == 0.7
    receipt = ask.receipt(1)
    assert receipt.status == "failed"
    assert receipt.changes == []
    assert receipt.error is not None
    assert "unlucky" in receipt.error["detail"]


@pytest.mark.parametrize("told", [torch.tensor(1.0), object(), float("nan"), {"n": {1, 2}}])
def test_whatever_apply_returns_never_ends_the_training(told: Any) -> None:
    class Telling(Temperature):
        def apply(self, trainer: Trainer, pl_module: LightningModule) -> Any:
            return told

    control = Telling()
    ask = Ask(control, (0, 2, patch({"telling": {"value": 0.7}})))
    assert fit([ask, control]).global_step == 24
    assert ask.receipt().status == "applied"
    assert ask.receipt().model_dump_json()


def test_a_control_that_fails_at_its_point_does_not_end_the_training() -> None:
    class Broken(Temperature):
        def on_control_point(self, *_: Any) -> None:
            raise RuntimeError("on purpose")

    assert fit([Broken()]).global_step == 24


def test_a_control_that_cannot_say_whether_it_waits_does_not_end_the_training(
    caplog: pytest.LogCaptureFixture,
) -> None:
    points: list[int] = []

    class Broken(Temperature):
        def waits(self) -> bool:
            raise RuntimeError("on purpose")

        def on_control_point(self, trainer: Trainer, *_: Any) -> None:
            points.append(trainer.global_step)

    assert fit([Broken()], max_epochs=1).global_step == 8
    assert set(points) == set(range(1, 9))
    assert [record.exc_info is not None for record in caplog.records if "waits" in record.message] == [True]


def test_a_control_that_cannot_prepare_is_named_before_training_starts() -> None:
    class Broken(Temperature):
        def prepare(self, *_: Any) -> None:
            raise KeyError("missing")

    broken = Broken()
    with pytest.raises(ConfigurationError, match=r"Broken.prepare failed: KeyError: 'missing'"):
        fit([GracefulStop(), broken], max_epochs=1)
    assert broken.session is None


def test_a_section_with_aliases_and_secrets_survives_a_checkpoint(tmp_path: Path) -> None:
    from pydantic import SecretStr

    class Keyed(ControlCallback):
        class State(Section):
            lambda_: float = Field(1.0, alias="lambda")
            key: SecretStr = SecretStr("hidden")

    control = Keyed()
    ask = Ask(control, (0, 2, patch({"keyed": {"lambda": 0.5}})))
    trainer = fit([ask, control])
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert b"hidden" not in (tmp_path / "last.ckpt").read_bytes()
    again = Keyed()
    fit([again], resume=tmp_path / "last.ckpt", max_epochs=4)
    assert again.state.lambda_ == 0.5
    assert again.state.key.get_secret_value() == "hidden"


def test_an_action_of_ones_own_runs_at_the_step_of_its_receipt() -> None:
    from freak_core import Write

    control = Shift()
    ask = Ask(control, (1, 2, Write("action", name="shift", body={"by": 0.5})))
    assert not same(weights(fit([ask, control])), reference().weights)
    assert ask.receipt().result == 0.5
    assert ask.receipt().applied is not None
    assert ask.receipt().applied.step == 11  # type: ignore[union-attr]


def test_an_action_says_whether_people_are_asked_first() -> None:
    actions = actions_of([Shift(), CheckpointNow()], trainer_of(), TinyModel())
    assert actions["shift"].confirm
    assert not actions["checkpoint"].confirm


def test_two_controls_that_want_one_section_are_told_so() -> None:
    class Other(GracefulStop):
        pass

    with pytest.raises(ConfigurationError, match="both own section 'stop'"):
        fit([GracefulStop(), Other()])


def test_two_different_servers_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="different values for freak"):
        fit([GracefulStop(freak=Freak()), LROverride(freak=Freak())])


@pytest.mark.parametrize("sync", [0, -1, True, "never"])
def test_a_cadence_that_is_none_is_refused(sync: Any) -> None:
    with pytest.raises(ConfigurationError, match="sync="):
        LROverride(sync=sync)


@pytest.mark.served
@pytest.mark.served
@pytest.mark.usefixtures("home")
def test_a_taken_port_is_a_warning_and_the_training_is_served_at_another() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        freak = Freak(port=port)
        with pytest.warns(UserWarning, match=f"port {port} .*The training is served at http"):
            trainer = fit([GracefulStop(freak=freak)])
    assert trainer.global_step > 0
    assert freak.port not in (None, port)


def test_requests_that_still_wait_when_the_run_ends_fail_and_say_so() -> None:
    control = Temperature()
    kept: list[Any] = []

    class Late(Callback):
        def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
            assert control.session is not None
            store = control.session.store
            kept.append((store, store.submit(patch({"temperature": {"value": 2}})).id))

    fit([control, Late()])
    store, receipt_id = kept[0]
    assert store.receipts.get(receipt_id).status == "failed"


def test_lr_find_does_not_start_a_session(tmp_path: Path) -> None:
    from lightning.pytorch.tuner import Tuner

    class Tunable(TinyModel):
        lr = 0.05

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.lr)

    control = LROverride()
    trainer = trainer_of([control], default_root_dir=tmp_path, limit_val_batches=0, max_epochs=1)
    model = Tunable()
    Tuner(trainer).lr_find(model, resumable_loader(), plain_loader(2), num_training=5)
    trainer.fit(model, resumable_loader(), plain_loader(2))
    assert trainer.global_step == 8
    assert trainer.callbacks == [control]  # type: ignore[attr-defined]
