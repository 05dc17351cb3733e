"""What differs from rank to rank on purpose: the ranks stay together all the same, and none hangs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy
from pydantic import BaseModel
from torch.optim import Optimizer

from freak_core import Write
from freak_lightning import (
    ControlCallback,
    GracefulStop,
    Pause,
    Section,
    Tunable,
    action,
    remote_control,
)
from freak_lightning.control_point import Point
from tests.lightning.asking import patch
from tests.lightning.forks import ON_FORKS, fit_on_forks, receipts, steps
from tests.lightning.test_sharded import AskOnZero

pytestmark = ON_FORKS


class At(Callback):
    """Does something on one rank, after so many steps."""

    def __init__(self, rank: int, step: int, act: Callable[[], object]) -> None:
        self.rank, self.step, self.act = rank, step, act

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if (trainer.global_rank, trainer.global_step) == (self.rank, self.step):
            self.act()


@pytest.mark.parametrize("sync", [1, "epoch"])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_stop_that_the_program_sets_on_one_rank_stops_all_or_none(
    tmp_path: Path, sync: Any, rank: int
) -> None:
    stop = GracefulStop(tmp_path, sync=sync)
    fit_on_forks(
        tmp_path, [At(rank, 5, lambda: setattr(stop.state, "should_stop", True)), stop], max_epochs=3
    )
    assert steps(tmp_path) == ([24, 24] if rank else [5, 5] if sync == 1 else [8, 8])
    told = receipts(tmp_path)
    assert [(each["by"], each["status"]) for each in told] == (
        [] if rank else [("program", "applied"), ("freak", "applied")]
    )


class Shard(BaseModel):
    number: int = 0


class StopsOnOne(Tunable[Shard]):
    """Sets the stop on one rank: in an action, or where its section is applied."""

    def __init__(self, stop: GracefulStop, rank: int) -> None:
        super().__init__(Shard(), name="shard")
        self.stop, self.rank = stop, rank

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_rank == self.rank:
            self.stop.state.should_stop = True

    @action
    def finish(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.apply(trainer, pl_module)


@pytest.mark.parametrize("write", [Write("action", name="finish"), patch({"shard": {"number": 7}})])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_stop_that_a_request_sets_on_one_rank_stops_all_or_none(
    tmp_path: Path, rank: int, write: Write
) -> None:
    """A rank that stopped alone would save alone, and wait for the others."""
    stop = GracefulStop(tmp_path, sync=1)
    control = StopsOnOne(stop, rank)
    fit_on_forks(tmp_path, [AskOnZero(tmp_path, stop, (0, 2, write)), stop, control], max_epochs=1)
    assert steps(tmp_path) == ([8, 8] if rank else [4, 4])
    assert [each["status"] for each in receipts(tmp_path)] == ["applied"] * (1 if rank else 3)


def test_a_pause_that_the_program_sets_on_rank_zero_holds_all_and_a_stop_ends_it(tmp_path: Path) -> None:
    stop, pause = GracefulStop(tmp_path, sync=1), Pause()

    class Later(Pause):
        """Sets the stop in the third heartbeat, on rank zero."""

        section = "pause"
        beats = 0

        def pauses(self, trainer: Trainer) -> bool:
            self.beats += self.state.paused
            if self.beats == 3 and trainer.is_global_zero:
                stop.state.should_stop = True
            return super().pauses(trainer)

    pause = Later()
    fit_on_forks(
        tmp_path, [At(0, 5, lambda: setattr(pause.state, "paused", True)), stop, pause], max_epochs=3
    )
    assert steps(tmp_path)[0] == steps(tmp_path)[1]
    ended = next(each for each in receipts(tmp_path) if each["name"] == "pause")
    assert ended["result"]["ended_by"] == "stop"


class Odd(ControlCallback):
    """Waits, pauses or raises as its functions say, by rank and step."""

    section = "odd"

    def __init__(self, out: Path, **how: Callable[[int, int], object]) -> None:
        super().__init__(sync=1)
        self.out, self.how, self.beats = out, how, 0

    def _do(self, what: str, default: Any = None) -> Any:
        trainer = getattr(self, "trainer_of_odd", None)
        if trainer is None or what not in self.how:
            return default
        return self.how[what](trainer.global_rank, trainer.global_step)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.trainer_of_odd = trainer

    def on_session(self, session: Any) -> None:
        super().on_session(session)
        if session is not None:
            self.trainer_of_odd = session.trainer
            self._do("on_session")

    def waits(self) -> bool:
        return bool(self._do("waits", False))

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        self._do("on_control_point")

    def pauses(self, trainer: Trainer) -> bool:
        pauses = bool(self._do("pauses", False))
        self.beats += pauses
        return pauses and self.beats < 3


def fails(*_: Any) -> None:
    raise RuntimeError("on purpose")


def on_one(rank: int, act: Callable[..., object] = lambda *_: True) -> Callable[[int, int], object]:
    return lambda here, step: act() if here == rank and step >= 3 else False


ODD = {
    "waits raises": {"waits": on_one(1, fails)},
    "waits on rank 0": {"waits": on_one(0)},
    "waits on rank 1": {"waits": on_one(1)},
    "pauses raises": {"pauses": on_one(1, fails), "waits": lambda *_: True},
    "pauses on rank 0": {"pauses": on_one(0), "waits": lambda *_: True},
    "pauses on rank 1": {"pauses": on_one(1), "waits": lambda *_: True},
    "waits and pauses on rank 1": {"pauses": on_one(1), "waits": on_one(1)},
    "a point raises": {"on_control_point": on_one(1, fails), "waits": on_one(0)},
    "the session raises": {"on_session": lambda rank, _: fails() if rank else None},
}


@pytest.mark.parametrize("how", ODD)
def test_a_control_that_differs_on_one_rank_keeps_the_ranks_together(tmp_path: Path, how: str) -> None:
    controls = [*remote_control(dirpath=tmp_path), Odd(tmp_path, **ODD[how])]
    ask = AskOnZero(
        tmp_path,
        controls[0],
        (0, 2, patch({"lr": {"hold": 0.25}})),
        (0, 5, Write("action", name="validate", body={})),
        (1, 1, Write("action", name="checkpoint", body={"name": "one"})),
        (1, 4, patch({"stop": {"should_stop": True}})),
    )
    fit_on_forks(tmp_path, [ask, *controls], max_epochs=3)
    assert steps(tmp_path) == [13, 13]
    asked = [each for each in receipts(tmp_path) if each["by"] != "freak"]
    assert [each["status"] for each in asked] == ["applied"] * 4, asked


class Counts(Tunable[Shard]):
    """Counts on each rank how often it was applied."""

    calls = 0

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> object:
        self.calls += 1
        return [self.calls, trainer.strategy.broadcast(self.model.number, src=1)]


def test_a_change_that_is_none_on_one_rank_is_applied_on_all(tmp_path: Path) -> None:
    """``apply`` may run a collective: called on one rank only, that rank would wait for ever."""
    shard = Counts(Shard(), name="shard", sync=1)
    ask = AskOnZero(tmp_path, shard, (0, 3, patch({"shard": {"number": 7}})))
    fit_on_forks(tmp_path, [At(1, 1, lambda: setattr(shard.model, "number", 7)), ask, shard], max_epochs=1)
    assert receipts(tmp_path)[0]["result"] == {"shard": [1, 7]}


class Unready(ControlCallback[Section]):
    def prepare(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_rank == 1:
            raise RuntimeError("no such file here")


def test_a_control_that_cannot_begin_on_one_rank_ends_the_start_on_all(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"no such file here \(on rank 1 of 2\)"):
        fit_on_forks(tmp_path, [Unready()], max_epochs=1)


class CollectsTogether(DDPStrategy):
    """Collects the states of optimizers with a collective, as FSDP and ZeroRedundancyOptimizer do."""

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        self.barrier()
        return super().optimizer_state(optimizer)


class CannotSave(Callback):
    def __init__(self, hook: str) -> None:
        self.hook = hook

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.rank = trainer.global_rank

    def state_dict(self) -> dict[str, Any]:
        if self.hook == "state_dict" and self.rank == 1:
            fails()
        return {}

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: Any) -> None:
        if self.hook == "on_save_checkpoint" and self.rank == 1:
            fails()


@pytest.mark.parametrize("hook", ["state_dict", "on_save_checkpoint"])
def test_a_callback_that_cannot_save_on_one_rank_fails_the_request_and_training_goes_on(
    tmp_path: Path, hook: str
) -> None:
    controls = remote_control(dirpath=tmp_path, sync=1)
    save = Write("action", name="checkpoint", body={"name": "one"})
    ask = AskOnZero(tmp_path, controls[0], (0, 2, save))
    strategy = CollectsTogether(start_method="fork")
    fit_on_forks(tmp_path, [CannotSave(hook), ask, *controls], max_epochs=1, strategy=strategy)
    assert steps(tmp_path) == [8, 8]
    (failed,) = receipts(tmp_path)
    assert failed["status"] == "failed"
    assert "on purpose (on rank 1 of 2)" in failed["error"]["detail"]
    assert list(tmp_path.glob("*.ckpt")) == []
