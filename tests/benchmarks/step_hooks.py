"""What Freak's hooks add to an optimizer step: CPU time, with each of them and without, in turns."""

import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch

from freak_lightning.optimizers.lr_recorder import RateRecorder
from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay
from tests.benchmarks import report
from tests.benchmarks.ratios import quantile, quietest_half

BLOCK = 200
"""Steps of one measurement."""

ROWS = {
    "none again": "none, measured again (the noise)",
    "idle": "the overlay without an override",
    "recorder": "the recorder of the rates (`LiveMetrics`)",
    "held": "an override of the learning rate",
}


class StepHooks:
    """Steps SGD on one small weight, with one part of Freak attached at a time."""

    def __init__(self, quick: bool) -> None:
        self._rounds = 30 if quick else 200
        weight = torch.nn.Parameter(torch.zeros(10))
        weight.grad = torch.ones(10)
        self._optimizer = torch.optim.SGD([weight], lr=0.1)

    def run(self) -> None:
        """Measure, and print the table."""
        chance, took = random.Random(5), {mode: list[float]() for mode in ("none", *ROWS)}  # noqa: S311
        for number in range(self._rounds + 2):
            for mode in chance.sample(list(took), len(took)):
                with self._attached(mode):
                    seconds = self._block()
                if number >= 2:
                    took[mode].append(seconds / BLOCK)
        none = took.pop("none")
        report.title(f"An optimizer step: {statistics.median(none) * 1e6:.1f} µs of CPU time without hooks")
        rows = []
        for mode, name in ROWS.items():
            pairs = zip(none, took[mode], strict=True)
            added = quietest_half([(b - a) * 1e6 for a, b in pairs], list(map(max, none, took[mode])))
            spread = f"{quantile(added, 0.25):+.1f} to {quantile(added, 0.75):+.1f}"
            rows.append([name, f"{statistics.median(added):+.1f} µs ({spread})"])
        report.table(["hooks", "added to a step"], rows)

    def _block(self) -> float:
        started = time.thread_time()
        for _ in range(BLOCK):
            self._optimizer.step()
        return time.thread_time() - started

    @contextmanager
    def _attached(self, mode: str) -> Iterator[None]:
        trainer: Any = SimpleNamespace(optimizers=[self._optimizer], fit_loop=SimpleNamespace())
        trainer.fit_loop.epoch_loop = SimpleNamespace(_batches_that_stepped=0)
        overlay = ParamGroupOverlay([self._optimizer]) if mode in ("idle", "held") else None
        recorder = RateRecorder(trainer) if mode == "recorder" else None
        if overlay is not None:
            overlay.attach()
            overlay.set_rule("lr", (lambda *_: 0.05) if mode == "held" else None)
        try:
            yield
        finally:
            for each in (overlay, recorder):
                if each is not None:
                    each.detach()
