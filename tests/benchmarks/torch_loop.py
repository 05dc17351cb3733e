"""The torch loop: a plain program that trains a small network while its state is under control.

python -m tests.benchmarks.torch_loop process|thread CORE [METRICS]: the server in a process of its own, or in
a thread of this one. The training stays on CORE, the server where it was started. It logs so many metrics in
each step. Told some seconds, it trains as long.
"""

import sys
import time
from typing import Any

import torch
from fastapi import FastAPI
from pydantic import BaseModel, Field
from torch import nn
from torch.nn import functional

from freak_core import Freak
from tests.benchmarks.core_clock import CoreClock
from tests.benchmarks.worker import answer, messages

WIDTH, ROWS = 352, 32
"""Of the network and its batches: about 1 ms a step on one core of 2025."""


class Augmentation(BaseModel):
    """Some values below the top."""

    flip: float = Field(0.5, ge=0, le=1)
    noise: float = Field(0.1, ge=0)
    crops: list[int] = [24, 28]


class State(BaseModel):
    """A state of the usual size."""

    lr: float = Field(1e-3, gt=0, lt=1)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    temperature: float = 1.0
    log_every: int = Field(50, gt=0)
    name: str = "bench"
    augmentation: Augmentation = Augmentation()


class TorchLoop:
    """A training loop that reads its learning rate in every step and tells its progress."""

    def __init__(self, freak: Freak, state: State, clock: CoreClock, metrics: int = 0) -> None:
        torch.manual_seed(1)
        self._freak, self._state, self._clock = freak, state, clock
        hidden = [nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()]
        self._net = nn.Sequential(*hidden, nn.Linear(WIDTH, 10))
        self._optimizer = torch.optim.SGD(self._net.parameters(), lr=state.lr, momentum=0.9)
        self._rows, self._labels = torch.randn(ROWS, 64), torch.randint(10, (ROWS,))
        self._steps = 0
        self._metrics = {f"metric{i}": i / 7 for i in range(metrics)}

    def step(self) -> None:
        self._optimizer.param_groups[0]["lr"] = self._state.lr
        self._optimizer.zero_grad()
        functional.cross_entropy(self._net(self._rows), self._labels).backward()
        self._optimizer.step()
        self._steps += 1
        self._freak.publish(step=self._steps, **self._metrics)

    def train(self, seconds: float) -> dict[str, float]:
        """Train for some seconds; return steps an undisturbed second, and the share of time that was not."""
        before, started = self._steps, self._clock.read()
        while time.perf_counter() - started.wall < seconds:
            self.step()
        took, done = self._clock.read().since(started), self._steps - before
        return {"undisturbed": done / took.undisturbed, "disturbed": 1 - took.undisturbed / took.wall}


def main() -> None:
    where, core = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    state, app = State(), FastAPI() if where == "thread" else None
    serving: Any = {"serve": True} if app else {}
    with Freak(app, port=0, name="bench").control(state, **serving) as freak:
        metrics = int(sys.argv[3]) if len(sys.argv) > 3 else 0
        loop = TorchLoop(freak, state, CoreClock(core, but="freak-http"), metrics)
        loop.train(0.5)
        answer({"url": freak.url, "token": freak.token, "server": freak.server_pid})
        for seconds in messages():
            answer(loop.train(seconds))


if __name__ == "__main__":
    main()
