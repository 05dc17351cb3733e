"""A rank raises what is no Exception, where all ranks do something together: all go on, or all end."""

import sys
from asyncio import CancelledError
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from pydantic import field_validator

from freak_core import Freak, Write, read_journal
from freak_lightning import ControlCallback, Section, action, remote_control
from freak_lightning.control_point import Point
from tests.lightning.asking import patch
from tests.lightning.forks import ON_FORKS, fit_on_forks, receipts, steps
from tests.lightning.test_sharded import AskOnZero
from tests.pairs import diagonal, grid

pytestmark = ON_FORKS

ALL_END = "all ranks end, since a signal has interrupted one: .*KeyboardInterrupt.*on rank {} of 2"


class Numbers(Section):
    number: int = 0
    checked: int = 0

    @field_validator("checked")
    @classmethod
    def check(cls, value: int) -> int:
        if value and Abrupt.here == 1:
            raise SystemExit("from a validator")
        return value


class Abrupt(ControlCallback[Numbers]):
    """Raises on one rank, where it is told to."""

    section = "abrupt"
    here = 0
    """This rank."""

    def __init__(self, where: str = "", rank: int = 1) -> None:
        super().__init__(sync=1)
        self.where, self.rank, self.armed, self.beats = where, rank, False, 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        Abrupt.here = trainer.global_rank

    def raise_in(self, where: str, error: BaseException | None = None) -> None:
        if self.armed and self.where == where and Abrupt.here == self.rank:
            raise error or KeyboardInterrupt

    @action
    def leave(self, trainer: Trainer, pl_module: LightningModule, how: str) -> None:
        if trainer.global_rank == 1:
            raise {"exit": SystemExit(3), "cancel": CancelledError(), "generator": GeneratorExit()}[how]

    @action
    def arm(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.armed = True
        self.raise_in("action")

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.state.number == 13 and trainer.global_rank == 1:
            sys.exit("from apply")
        self.armed = True
        self.raise_in("apply")

    def waits(self) -> bool:
        self.raise_in("waits")
        return True

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        self.raise_in("on_control_point")

    def pauses(self, trainer: Trainer) -> bool:
        self.raise_in("pauses")
        if not self.armed or self.where != "the pause":
            return False
        self.beats += 1
        if self.beats == 3:
            self.raise_in("the pause")
        return True


class CannotSave(Callback):
    """Raises on one rank while a checkpoint is saved."""

    def __init__(self, abrupt: Abrupt) -> None:
        self.abrupt = abrupt

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: Any) -> None:
        self.abrupt.raise_in("saving")


def test_what_is_no_interrupt_fails_the_request_and_training_goes_on(tmp_path: Path) -> None:
    controls = [*remote_control(dirpath=tmp_path), Abrupt()]
    leave: Callable[[str], Write] = lambda how: Write("action", name="leave", body={"how": how})  # noqa: E731
    ask = AskOnZero(
        tmp_path,
        controls[0],
        (0, 1, leave("exit")),
        (0, 2, leave("cancel")),
        (0, 3, leave("generator")),
        (0, 4, patch({"abrupt": {"number": 13}})),
        (0, 5, patch({"abrupt": {"checked": 1}})),
        (0, 6, patch({"lr": {"hold": 0.25}})),
    )
    fit_on_forks(tmp_path, [ask, *controls], max_epochs=1)
    assert steps(tmp_path) == [8, 8]
    told = receipts(tmp_path)
    assert [each["status"] for each in told] == ["failed"] * 5 + ["applied"]
    kinds = [
        "SystemExit",
        "CancelledError",
        "GeneratorExit",
        "SystemExit: from apply",
        "Numbers.check failed with SystemExit",
    ]
    for receipt, kind in zip(told, kinds, strict=False):
        assert kind in str(receipt["error"])
        assert "(on rank 1 of 2)" in receipt["error"]["detail"]


ARM = Write("action", name="arm", body={})
SAVE = Write("action", name="checkpoint", body={"name": "one"})
WHERE = {
    "action": [ARM],
    "apply": [patch({"abrupt": {"number": 1}})],
    "waits": [ARM],
    "on_control_point": [ARM],
    "pauses": [ARM],
    "the pause": [ARM],
    "saving": [ARM, SAVE],
}


@pytest.mark.parametrize(("where", "rank"), grid(list(WHERE), (0, 1), few=diagonal(list(WHERE), (0, 1))))
def test_an_interrupt_on_one_rank_ends_all(tmp_path: Path, where: str, rank: int) -> None:
    abrupt = Abrupt(where, rank)
    controls = [*remote_control(dirpath=tmp_path), abrupt]
    ask = AskOnZero(tmp_path, controls[0], *((0, 3, write) for write in WHERE[where]))
    with pytest.raises(Exception, match=ALL_END.format(rank)):
        fit_on_forks(tmp_path, [ask, *controls, CannotSave(abrupt)], max_epochs=1)
    assert steps(tmp_path) == [3, 3]


@pytest.mark.served
def test_the_receipt_says_that_the_request_was_interrupted(tmp_path: Path) -> None:
    """The receipt is written before the ranks end; so is that of a change whose on_change is interrupted."""
    freak = Freak(port=0, journal=tmp_path / "journal.jsonl")

    @freak.on_change
    def interrupted(receipt: Any) -> None:
        raise KeyboardInterrupt

    controls = [*remote_control(dirpath=tmp_path, freak=freak, sync=1), Abrupt("action")]
    ask = AskOnZero(tmp_path, controls[0], (0, 3, patch({"lr": {"hold": 0.25}})), (0, 3, ARM))
    with pytest.raises(Exception, match="all ranks end"):
        fit_on_forks(tmp_path, [ask, *controls], max_epochs=1)
    assert steps(tmp_path) == [3, 3]
    ended = [
        line
        for line in read_journal(tmp_path / "journal.jsonl")
        if line.get("status") in ("applied", "failed")
    ]
    assert [line["status"] for line in ended] == ["applied", "failed"]
    assert ended[1]["error"]["detail"].startswith("KeyboardInterrupt")
    assert ended[1]["error"]["interrupted"] is True
