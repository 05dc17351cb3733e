"""The rank fit: DDP on two ranks, with ways of agreeing that take turns by blocks of batches.

python -m tests.benchmarks.rank_fit OUT ROUNDS BLOCK MODE...: every rank writes its times by mode to
OUT/rank-N.json.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from freak_core import Freak
from freak_lightning import CheckpointNow, GracefulStop, LROverride
from freak_lightning.ranks.cadence import Cadence
from tests.benchmarks import machine
from tests.benchmarks.core_clock import CoreClock
from tests.benchmarks.network import fit
from tests.benchmarks.switch import Switch

WIDTH, ROWS = 448, 64
"""5 to 7 ms a step on two ranks, which share two cores."""

WARM_UP, SETTLE = 60, 2


class Modes(Callback):
    """Switches modes every ``block`` batches, at the same batch on every rank, each mode once a round."""

    def __init__(self, out: Path, rounds: int, block: int, modes: list[str]) -> None:
        chance = random.Random(3)  # noqa: S311
        self._modes = [mode for _ in range(rounds) for mode in chance.sample(modes, len(modes))]
        self._out, self._block = out, block
        self.batches = WARM_UP + block * len(self._modes) + 1
        self._cadences = {
            name: Cadence(sync) for name, sync in (("1", 1), ("auto", "auto"), ("epoch", "epoch"))
        }
        self._mode = "none"
        self.wall: dict[str, list[float]] = {mode: [] for mode in modes}
        self.disturbed: dict[str, list[float]] = {mode: [] for mode in modes}
        self.agreed: dict[str, list[float]] = {mode: [] for mode in [*modes, "none", "epoch"]}
        self.auto_at: list[int] = []
        self._auto_batches = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._switch = Switch(trainer)
        self._clock = CoreClock(machine.two_cores()[trainer.global_rank])
        self._time_agreement()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        number, into = divmod(batch_idx - WARM_UP, self._block)
        if number >= 0 and into == SETTLE:
            self._began = self._clock.read()
        self._auto_batches += self._mode == "auto"
        if into or number < 0:
            return
        if number:
            took = self._clock.read().since(self._began)
            self.wall[self._mode].append(took.wall / (self._block - SETTLE))
            self.disturbed[self._mode].append(took.waited / took.wall)
        self._mode = self._modes[number] if number < len(self._modes) else "epoch"
        if self._mode in self._cadences:
            self._switch.on(self._cadences[self._mode])
        else:
            self._switch.off()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if self._mode == "broadcast":
            started = time.perf_counter()
            trainer.strategy.broadcast({"stop": False, "changes": []}, src=0)
            self.agreed["broadcast"].append(time.perf_counter() - started)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        told = {
            "wall": self.wall,
            "disturbed": self.disturbed,
            "agreed": self.agreed,
            "auto_at": self.auto_at,
        }
        (self._out / f"rank-{trainer.global_rank}.json").write_text(json.dumps(told))

    def _time_agreement(self) -> None:
        """Note how long every agreement takes on this rank, and in which of its batches "auto" has one."""
        collectives = self._switch.session._collectives
        inner = collectives.broadcast

        def timed(*args: Any) -> Any:
            started = time.perf_counter()
            shared = inner(*args)
            self.agreed[self._mode].append(time.perf_counter() - started)
            if self._mode == "auto":
                self.auto_at.append(self._auto_batches)
            return shared

        collectives.broadcast = timed


def main() -> None:
    out, rounds, block, *names = sys.argv[1:]
    modes = Modes(Path(out), int(rounds), int(block), names)
    stop = GracefulStop(freak=Freak(port=0, name="bench"))
    controls = [stop, LROverride(), CheckpointNow()]
    fit([modes, *controls], width=WIDTH, rows=ROWS, batches=modes.batches, ranks=2)


if __name__ == "__main__":
    main()
