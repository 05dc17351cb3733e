"""The pace fit: DDP on two ranks with steps of a given length, for clients to change.

python -m tests.benchmarks.pace_fit OUT PLAN: PLAN is JSON, see ``Plan``; answers where it is served; in the
end every rank writes OUT/rank-N.json.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader, IterableDataset

from freak_core import Freak
from freak_lightning import ControlCallback, GracefulStop
from freak_lightning.control import Section
from freak_lightning.ranks.collectives import StrategyCollectives
from freak_lightning.session import session as session_module
from tests.benchmarks.network import FEATURES, Network, quiet_trainer
from tests.benchmarks.worker import answer

STALL_EVERY = 50
"""Batches between two stalls of the data."""


class Plan(NamedTuple):
    """One training; times in seconds."""

    step: float
    agree: str = "auto"
    late: float = 0.0
    stall: float = 0.0
    first: float = 0.0
    """How long the first step takes; the 20 after it take five times as long as later ones."""
    epoch: int = 1_000_000
    """Steps in an epoch."""


class Data(IterableDataset[Any]):
    """One batch over and over; every 50th comes late."""

    def __init__(self, plan: Plan) -> None:
        self._batch = (torch.randn(4, FEATURES), torch.zeros(4, dtype=torch.int64))
        self._plan = plan

    def __iter__(self) -> Iterator[Any]:
        for number in range(1, self._plan.epoch + 1):
            if number % STALL_EVERY == 0:
                time.sleep(self._plan.stall)
            yield self._batch


class Paced(Network):
    """Takes its time in every step."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(8)
        self._plan, self._done, self._began = plan, 0, time.monotonic()

    def training_step(self, batch: Any) -> Any:
        loss = super().training_step(batch)
        self._done += 1
        first = self._plan.first and self._done == 1
        slow = 5 if self._plan.first and self._done <= 21 else 1
        lasts = self._plan.first if first else self._plan.step * slow
        # The rest of the step's time: what Lightning does between two steps is a part of it.
        now = time.monotonic()
        time.sleep(max(0.0, min(lasts, self._began + lasts - now)))
        if self.global_rank == 1:
            time.sleep(self._plan.late)
        self._began = time.monotonic()
        return loss


class Probe(ControlCallback):
    """Notes when its value changes on this rank."""

    class State(Section):
        """One value."""

        value: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.applied: list[tuple[int, float]] = []

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.applied.append((self.state.value, time.monotonic()))


class Times(Callback):
    """Notes when steps, agreements, and the collectives in them begin and end, on this rank."""

    def __init__(self, probe: Probe, out: Path) -> None:
        self._probe, self._out = probe, out
        self.ended: list[float] = []
        self.agreements: list[tuple[float, float, int]] = []
        self.collectives: list[tuple[float, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
        session = next(each.session for each in callbacks if isinstance(each, Probe))
        for name in ("broadcast", "union", "gather"):
            self._time(session._collectives, name)
        at = session.requests.at

        def timed(point: Any) -> Any:
            began = time.monotonic()
            entries = at(point)
            self.agreements.append((began, time.monotonic(), len(self.collectives)))
            return entries

        session.requests.at = timed
        self.ended.append(time.monotonic())  # where the first step begins
        if session.freak is not None:
            answer({"url": session.freak.url, "token": session.freak.token})

    def _time(self, collectives: Any, name: str) -> None:
        inner = getattr(collectives, name)

        def timed(*args: Any) -> Any:
            began = time.monotonic()
            result = inner(*args)
            self.collectives.append((began, time.monotonic()))
            return result

        setattr(collectives, name, timed)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.ended.append(time.monotonic())

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        told = {
            "ended": self.ended,
            "applied": self._probe.applied,
            "agreements": self.agreements,
            "collectives": self.collectives,
        }
        (self._out / f"rank-{trainer.global_rank}.json").write_text(json.dumps(told))


def main() -> None:
    plan = Plan(**json.loads(sys.argv[2]))
    if plan.agree == "broadcast":
        replaced: Any = session_module
        replaced.collectives_for = lambda size, strategy, _: (StrategyCollectives(strategy, size), "")
    sync: Any = {"broadcast": 1, "1": 1}.get(plan.agree, plan.agree)
    probe = Probe()
    stop = GracefulStop(freak=Freak(port=0, name="bench"), sync=sync)
    trainer = quiet_trainer([Times(probe, Path(sys.argv[1])), stop, probe], ranks=2, max_epochs=-1)
    trainer.fit(Paced(plan), DataLoader(Data(plan), batch_size=None))


if __name__ == "__main__":
    main()
