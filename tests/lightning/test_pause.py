"""A pause holds all ranks at one step, keeps everything else in reach, and never outlives what ends it."""

import os
import re
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LambdaCallback

from freak_core import Receipt, Write
from freak_core.runs.journal import read_journal
from freak_lightning import CheckpointNow, ControlCallback, GracefulStop, LROverride, Pause, ValidateNow
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.conftest import Training
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, same, weights
from tests.soak import SOAK
from tests.waiting import eventually

Start = Callable[..., Training]
pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]

MODEL = partial(TinyModel, dropout=0.5)  # draws random numbers in every step
PAUSE = patch({"pause": {"paused": True, "reason": "lunch"}})
RESUME = patch({"pause": {"paused": False}})
VALIDATE = Write("action", name="validate", body={})


class WhilePaused(Callback):
    """Submits requests, one after the other, once the training stands still."""

    def __init__(self, pause: Pause, *writes: Write) -> None:
        self.pause = pause
        self.writes = writes
        self.receipts: list[Receipt] = []
        self.thread = Thread(target=self._submit, daemon=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert self.pause.session is not None
        self.session = self.pause.session
        self.thread.start()

    def _submit(self) -> None:
        eventually(lambda: self.session.beats, what="standing still")
        for write in self.writes:
            self.receipts.append(self._settled(self.session.store.submit(write).id))

    def _settled(self, receipt_id: str) -> Receipt:
        def settled() -> Receipt | None:
            receipt = self.session.store.receipts.get(receipt_id)
            return receipt if receipt is not None and receipt.settled else None

        ended: Receipt = eventually(settled)
        return ended


def paused(*writes: Write, folder: Path) -> tuple[Trainer, list[Receipt], Receipt]:
    """Fit, pause after the 11th step, submit; return trainer, receipts, and what is told of the pause."""
    pause = Pause()
    ask = Ask(pause, (1, 2, PAUSE))
    during = WhilePaused(pause, *writes)
    ours = [GracefulStop(folder), pause, LROverride(), ValidateNow(), CheckpointNow(folder)]
    trainer = fit([ask, during, *ours], model=MODEL)
    during.thread.join(10)
    told = next(receipt for receipt in ask.receipts if receipt.name == "pause")
    assert told.applied is not None
    assert told.applied.step == 11
    return trainer, during.receipts, told


def test_everything_else_works_meanwhile_and_the_training_never_knows(tmp_path: Path) -> None:
    trainer, receipts, told = paused(
        patch({"lr": {"hold": 0.01}}),
        VALIDATE,
        checkpoint(name="meanwhile"),
        patch({"lr": {"hold": None}}),
        RESUME,
        folder=tmp_path,
    )
    assert [receipt.status for receipt in receipts] == ["applied"] * 5
    assert {receipt.applied.step for receipt in receipts if receipt.applied} == {11}
    assert "val_loss" in receipts[1].result["metrics"]
    assert receipts[4].result["pause"]["paused_seconds"] == pytest.approx(
        told.result["paused_seconds"], abs=0.3
    )
    assert told.result["ended_by"] == "resume"
    assert told.result["reason"] == "lunch"
    untouched = fit(model=MODEL)
    assert same(weights(trainer), weights(untouched))
    assert receipts[2].result["exact"] is True
    ours = [Pause(), LROverride(), CheckpointNow(tmp_path)]
    resumed = fit(ours, model=MODEL, resume=tmp_path / "meanwhile.ckpt")
    assert resumed.global_step == 24


def test_a_resume_takes_the_reason_back_so_that_the_next_pause_has_none(tmp_path: Path) -> None:
    pause = Pause()
    ask = Ask(pause, (1, 2, PAUSE))
    during = WhilePaused(pause, RESUME)
    states: list[dict[str, object]] = []
    seen = LambdaCallback(on_train_end=lambda *_: states.append(pause.state.model_dump()))
    fit([ask, during, pause, seen], model=MODEL)
    during.thread.join(10)
    assert during.receipts[0].result["pause"]["reason"] == "lunch"
    told = next(receipt for receipt in ask.receipts if receipt.name == "pause")
    assert told.result["reason"] == "lunch"
    assert states == [{"paused": False, "reason": None}]


class AllAtOnce(WhilePaused):
    """Submits its requests together."""

    def _submit(self) -> None:
        eventually(lambda: self.session.beats, what="standing still")
        with self.session.store.lock:
            ids = [self.session.store.submit(write).id for write in self.writes]
        self.receipts += [self._settled(each) for each in ids]


@pytest.mark.parametrize("pause_first", [True, False])
@pytest.mark.parametrize(
    ("writes", "ended_by", "steps"),
    [
        ((RESUME, VALIDATE), "resume", 24),
        ((VALIDATE, RESUME), "resume", 24),
        ((patch({"stop": {"should_stop": True, "after": "epoch"}}), VALIDATE), "stop", 16),
        ((VALIDATE, patch({"stop": {"should_stop": True, "after": "epoch"}})), "stop", 16),
    ],
)
def test_what_comes_together_with_a_validation_ends_the_pause_too(
    writes: tuple[Write, Write], ended_by: str, steps: int, pause_first: bool, tmp_path: Path
) -> None:
    """The pause stays ended, in whichever order the controls are listed."""
    pause = Pause()
    ask, during = Ask(pause, (1, 2, PAUSE)), AllAtOnce(pause, *writes)
    ours = [pause, GracefulStop(tmp_path)] if pause_first else [GracefulStop(tmp_path), pause]
    trainer = fit([ask, during, *ours, ValidateNow()], model=MODEL)
    during.thread.join(10)
    assert [receipt.status for receipt in during.receipts] == ["applied", "applied"]
    told = [receipt.result["ended_by"] for receipt in ask.receipts if receipt.name == "pause"]
    assert told == [ended_by]
    assert trainer.global_step == steps


@pytest.mark.parametrize("after", ["batch", "epoch"])
def test_a_stop_ends_the_pause(after: str, tmp_path: Path) -> None:
    stop = patch({"stop": {"should_stop": True, "after": after}})
    trainer, receipts, told = paused(stop, folder=tmp_path)
    assert trainer.global_step == (11 if after == "batch" else 16)
    assert told.result["ended_by"] == "stop"
    assert receipts[0].status == "applied"


class StandsStillToo(ControlCallback):
    """Stands still from the 11th step, for three heartbeats longer than a stop is known."""

    beats = 0

    def __init__(self, stop: GracefulStop) -> None:
        super().__init__()
        self.stop = stop

    def pauses(self, trainer: Trainer) -> bool:
        self.beats += self.stop.state.should_stop
        return trainer.global_step == 11 and self.beats < 4


def test_a_stop_ends_the_pause_also_where_another_control_stands_still_for_longer(tmp_path: Path) -> None:
    pause, stop = Pause(), GracefulStop(tmp_path)
    ask = Ask(pause, (1, 2, PAUSE))
    during = WhilePaused(pause, patch({"stop": {"should_stop": True, "after": "epoch"}}))
    trainer = fit([ask, during, stop, StandsStillToo(stop), pause], model=MODEL)
    during.thread.join(10)
    assert trainer.global_step == 16
    assert [receipt.result["ended_by"] for receipt in ask.receipts if receipt.name == "pause"] == ["stop"]


def test_ranks_outlive_their_timeout_in_a_pause_and_sigterm_ends_the_next_with_a_checkpoint(
    start: Start, home: Path
) -> None:
    """Two ranks stand still for twice as long as their collectives wait."""
    timeout = 30 if SOAK else 24  # also for the other rank to start
    training = start("--ranks", "2", "--timeout", str(timeout))
    client = training.connect()
    applied = client.set({"pause.paused": True, "pause.reason": "lunch"}, wait=30)
    training.wait_until(lambda: client.run()["phase"] == "paused")
    run = client.run()
    assert run["pause_reason"] == "lunch"
    assert run["paused_since"].endswith("Z")
    assert applied.applied is not None
    time.sleep(timeout)
    step = client.run()["step"]
    assert step - (applied.applied.step or 0) in (0, 1)  # asked for between two epochs it comes a step later
    held = client.set({"lr.hold": 0.125}, wait=30)
    assert client.call("checkpoint", wait=30).status == "applied"
    time.sleep(timeout)
    run = client.run()
    assert (run["step"], run["stalled"]) == (step, False)
    assert run["seconds_since_progress"] < timeout
    resumed = client.set({"pause.paused": False}, wait=30)
    assert resumed.result["pause"]["paused_seconds"] > 2 * timeout
    training.wait_until(lambda: client.run()["step"] > step and client.run()["phase"] == "training")
    assert client.run()["paused_since"] is None
    client.set({"pause.paused": True}, wait=30)
    training.wait_until(lambda: client.run()["phase"] == "paused")
    journal = next(home.glob("runs/*/journal.jsonl"))
    asked = time.monotonic()
    training.process.send_signal(signal.SIGTERM)
    training.wait_until(lambda: '"phase":"interrupted"' in journal.read_text())
    left = time.monotonic() - asked
    training.end()
    ended = time.monotonic() - asked
    print(f"{resumed.result}; after SIGTERM: left in {left:.2f} s, processes gone in {ended:.2f} s")
    assert left < 2 or not SOAK
    assert set(re.findall(r"rank: (\d)\] Received SIGTERM", training.log())) == {"0", "1"}
    assert "Traceback" not in training.log()
    assert training.record(0) == training.record(1)
    assert held.applied is not None
    assert {step: used for step, used, *_ in training.record(0)}[held.applied.step + 1] == [0.125]
    told = {line["name"]: line["result"] for line in read_journal(journal) if line.get("by") == "freak"}
    assert told["pause"]["ended_by"] == "SIGTERM"
    assert told["stop"]["stopped_after"] == "SIGTERM"
    assert told["stop"]["checkpoint"]["exact"] is True
    saved = torch.load(told["stop"]["checkpoint"]["path"], weights_only=True)
    assert saved["global_step"] == training.record(0)[-1][0]


def test_a_stop_in_a_pause_stops_both_ranks_there_and_sigterm_on_one_ends_both(start: Start) -> None:
    training = start("--ranks", "2")
    client = training.connect()
    client.set({"pause.paused": True}, wait=30)
    training.wait_until(lambda: client.run()["phase"] == "paused")
    stopped = client.set({"stop.should_stop": True}, wait=30)
    assert training.end() == 0, training.log()
    assert stopped.applied is not None
    assert stopped.applied.ranks == 2
    assert training.record(0) == training.record(1)
    assert training.record(0)[-1][0] == stopped.applied.step
    assert len(list(training.out.glob(f"stop-*-step={stopped.applied.step}.ckpt"))) == 1

    training = start("--ranks", "2")
    client = training.connect()
    client.set({"pause.paused": True, "stop.checkpoint": False}, wait=30)
    training.wait_until(lambda: client.run()["phase"] == "paused")
    os.kill(training.pid(1), signal.SIGTERM)
    training.end()
    assert set(re.findall(r"rank: (\d)\] Received SIGTERM", training.log())) == {"0", "1"}
    assert "Traceback" not in training.log()
    assert training.record(0) == training.record(1)
    assert not list(training.out.glob("*.ckpt"))


def test_a_pause_is_in_no_checkpoint() -> None:
    control = Pause()
    control.state.paused = True
    assert control.state_dict() == {}
