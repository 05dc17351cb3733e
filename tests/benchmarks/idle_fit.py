"""The idle fit: Lightning in one process, with remote control taken out and put back by blocks of batches.

python -m tests.benchmarks.idle_fit CORE ROUNDS: answers by mode the time of a batch in every block, and the
CPU time that the training thread takes for the median batch of every block.
"""

import random
import statistics
import sys
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from freak_core import Freak
from freak_lightning import remote_control
from tests.benchmarks.core_clock import CoreClock
from tests.benchmarks.network import fit
from tests.benchmarks.switch import Switch
from tests.benchmarks.worker import answer

WIDTH, ROWS = 288, 32
"""About 1 ms a step, with what Lightning adds."""

BLOCK, WARM_UP = 150, 100

SETTLE = 2
"""Batches of a block that are not measured: after a switch, controls look once for something to do."""

MODES = ("none", "none again", "on")


class Blocks(Callback):
    """Switches modes every ``BLOCK`` batches, each mode once a round in random order."""

    def __init__(self, core: int, rounds: int) -> None:
        chance = random.Random(2)  # noqa: S311
        self._core = core
        self._modes = [mode for _ in range(rounds) for mode in chance.sample(MODES, len(MODES))]
        self.batches = WARM_UP + BLOCK * len(self._modes) + 1
        self.seconds: dict[str, list[float]] = {mode: [] for mode in MODES}
        self.disturbed: dict[str, list[float]] = {mode: [] for mode in MODES}
        self.cpu: dict[str, list[float]] = {mode: [] for mode in MODES}
        self._block_cpu: list[float] = []
        self._last = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._switch = Switch(trainer)
        self._clock = CoreClock(self._core)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        took = time.thread_time() - self._last
        number, into = divmod(batch_idx - WARM_UP, BLOCK)
        if number >= 0 and into > SETTLE:
            self._block_cpu.append(took)
        self._block(number, into)
        self._last = time.thread_time()

    def _block(self, number: int, into: int) -> None:
        if number >= 0 and into == SETTLE:
            self._began = self._clock.read()
        if into or number < 0:
            return
        if number:
            self.cpu[self._modes[number - 1]].append(statistics.median(self._block_cpu))
            self._block_cpu = []
            took = self._clock.read().since(self._began)
            self.seconds[self._modes[number - 1]].append(took.undisturbed / (BLOCK - SETTLE))
            self.disturbed[self._modes[number - 1]].append(1 - took.undisturbed / took.wall)
        self._turn(self._modes[number] if number < len(self._modes) else "on")

    def _turn(self, mode: str) -> None:
        if mode == "on":
            self._switch.on()
        else:
            self._switch.off()


def main() -> None:
    blocks = Blocks(int(sys.argv[1]), int(sys.argv[2]))
    controls = remote_control(freak=Freak(port=0, name="bench"))
    fit([*controls, blocks], width=WIDTH, rows=ROWS, batches=blocks.batches)
    answer({"seconds": blocks.seconds, "disturbed": blocks.disturbed, "cpu": blocks.cpu})


if __name__ == "__main__":
    main()
