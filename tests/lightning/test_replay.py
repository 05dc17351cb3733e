"""A steered run, repeated from its journal, ends with the same weights to the bit."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from pydantic import BaseModel, SecretStr
from torch import Tensor

from freak_core import ConfigurationError, Freak, RunOver, Write
from freak_lightning import ControlCallback, GracefulStop, LROverride, Replay, Tunable, action, remote_control
from freak_lightning.controls.replay import read_last_run
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, reference, same, weights

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home"), pytest.mark.served]

MODEL = partial(TinyModel, dropout=0.5)
STEERING = (
    (0, 2, patch({"lr": {"hold": 0.01}})),
    (0, 5, patch({"optimizer": {"momentum": 0.5}})),
    (1, 1, patch({"lr": {"hold": None, "scale": 0.3}})),
    (1, 3, Write("action", name="checkpoint", body={})),
    (2, 4, Write("reset", path=("lr",))),
    (2, 6, patch({"stop": {"should_stop": True, "checkpoint": False}})),
)


def steered(journal: Path, *asked: Any, **settings: Any) -> Any:
    controls = remote_control(freak=Freak(journal=journal))
    return fit([Ask(controls[0], *asked), *controls], model=MODEL, log_every_n_steps=4, **settings)


def replayed(journal: Path, **settings: Any) -> Any:
    return fit(remote_control(replay=journal), model=MODEL, log_every_n_steps=4, **settings)


def test_the_weights_are_the_same_to_the_bit(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    first = steered(journal, *STEERING, default_root_dir=tmp_path)
    again = replayed(journal, default_root_dir=tmp_path)
    assert first.global_step == again.global_step == 23
    assert same(weights(first), weights(again))
    assert not same(weights(first), reference(model=MODEL).weights)


def test_a_replay_takes_no_live_requests(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    steered(journal, STEERING[0])
    control = LROverride()
    with pytest.raises(RunOver, match="replays a journal"):
        fit([Ask(control, (0, 1, patch({"lr": {"hold": 0.5}}))), control, Replay(journal)], model=MODEL)


def test_what_differs_from_the_journals_run_is_said(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    steered(journal, STEERING[-2])
    other = journal.read_text().replace('"world_size":1', '"world_size":8')
    journal.write_text(other)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        replayed(journal, max_epochs=1)
    texts = [str(warning.message) for warning in told]
    assert any("world_size: 8 then, 1 now" in text for text in texts)
    assert any("1 requests of the journal were never reached" in text for text in texts)


@pytest.mark.parametrize("text", ["", "{}\n", "nonsense"])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text(text)
    with pytest.raises(ConfigurationError, match="journal"):
        fit([GracefulStop(), Replay(journal)])


class Nudge(ControlCallback):
    @action
    def nudge(self, trainer: Trainer, pl_module: LightningModule, by: float) -> None:
        for parameter in pl_module.parameters():
            parameter.data.add_(by)

    @action
    def log_in(self, trainer: Trainer, pl_module: LightningModule, password: SecretStr) -> None:
        pass


class AtLastEpochEnd(Callback):
    """Asks when no step follows any more: it is done when training ends."""

    def __init__(self, control: ControlCallback) -> None:
        self.control = control

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 2:
            assert self.control.session is not None
            self.control.session.store.submit(Write("action", name="nudge", body={"by": 0.5}))


def test_a_release_by_put_and_what_was_done_at_the_very_end_are_repeated(tmp_path: Path) -> None:
    journal, nudge = tmp_path / "journal.jsonl", Nudge()
    lr = LROverride(freak=Freak(journal=journal))
    release = Write("put", path=("lr", "hold"), body=None)
    ask = Ask(lr, (0, 2, patch({"lr": {"hold": 0.01}})), (0, 5, release))
    first = fit([ask, AtLastEpochEnd(nudge), lr, nudge], model=MODEL)
    assert '"name":"nudge","path":"","status":"applied"' in journal.read_text()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        again = fit([LROverride(), Nudge(), Replay(journal)], model=MODEL)
    assert same(weights(first), weights(again))
    assert not [each for each in told if "never reached" in str(each.message)]


def test_a_journal_that_withholds_secrets_is_not_repeated(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    nudge = Nudge(freak=Freak(journal=journal))
    fit([Ask(nudge, (0, 2, Write("action", name="log_in", body={"password": "hunter2"}))), nudge])
    assert "hunter2" not in journal.read_text()
    with pytest.raises(ConfigurationError, match="secrets"):
        fit([Nudge(), Replay(journal)])


class Weight(BaseModel):
    value: float = 1.0


class EveryOtherBatch(TinyModel):
    """Optimizes manually, so that two batches make a step; draws a tunable in each of them."""

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.weight = weight

    def training_step(self, batch: Tensor, batch_idx: int) -> None:  # type: ignore[override]
        self.manual_backward(super().training_step(batch, batch_idx) * self.weight.value)
        if batch_idx % 2:
            self.optimizers().step()
            self.optimizers().zero_grad()


@pytest.mark.parametrize("batch", [2, 3])
def test_with_manual_optimization_a_request_is_repeated_at_its_batch(batch: int, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"

    def run(*controls: Any, asked: Any = None) -> Any:
        weight = Weight()
        tunable = Tunable(weight)
        tunable.freak = Freak(journal=journal if asked else tmp_path / "other.jsonl")
        before = [Ask(tunable, asked)] if asked else []
        return fit([*before, tunable, *controls], model=lambda: EveryOtherBatch(weight))

    first = run(asked=(0, batch, patch({"weight": {"value": 3.0}})))
    assert same(weights(first), weights(run(Replay(journal))))


def test_a_line_torn_at_a_brace_is_left_out(tmp_path: Path) -> None:
    """A run killed in the middle of a write can be repeated."""
    journal = tmp_path / "journal.jsonl"
    journal.write_text('{"freak_journal":1}\n{"seq":1,"asked":{"lr":{"hold":1}\n')
    assert read_last_run(journal) == [{"freak_journal": 1}]
