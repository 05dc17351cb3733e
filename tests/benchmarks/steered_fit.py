"""The steered fit: DDP on two ranks for clients to change, with two cadences that take turns.

python -m tests.benchmarks.steered_fit OUT: answers where it is served; in the end every rank writes
OUT/rank-N.json.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from freak_core import Freak
from freak_lightning import ControlCallback, GracefulStop
from freak_lightning.control import Section
from freak_lightning.ranks.cadence import Cadence
from tests.benchmarks.network import fit
from tests.benchmarks.rank_fit import ROWS, WIDTH
from tests.benchmarks.switch import Switch
from tests.benchmarks.worker import answer

BLOCK = 120
CADENCES = ("1", "auto")


class Probe(ControlCallback):
    """Notes when its value changes on this rank."""

    class State(Section):
        """One value."""

        value: int = 0

    def __init__(self) -> None:
        super().__init__(sync="auto")
        self.applied: list[tuple[int, float]] = []

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.applied.append((self.state.value, time.monotonic()))


class Turns(Callback):
    """Switches cadences every ``BLOCK`` batches, and notes when every batch has ended."""

    def __init__(self, probe: Probe, out: Path) -> None:
        self._probe, self._out = probe, out
        self._cadences = [Cadence(1), Cadence("auto")]
        self.ended: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._switch = Switch(trainer)
        freak = self._switch.session.freak
        if freak is not None:
            answer({"url": freak.url, "token": freak.token})

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % BLOCK == 0:
            self._switch.on(self._cadences[batch_idx // BLOCK % 2])

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.ended.append(time.monotonic())

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        told = {"ended": self.ended, "applied": self._probe.applied}
        (self._out / f"rank-{trainer.global_rank}.json").write_text(json.dumps(told))


def main() -> None:
    probe = Probe()
    stop = GracefulStop(freak=Freak(port=0, name="bench"))
    fit([Turns(probe, Path(sys.argv[1])), stop, probe], width=WIDTH, rows=ROWS, batches=100_000, ranks=2)


if __name__ == "__main__":
    main()
