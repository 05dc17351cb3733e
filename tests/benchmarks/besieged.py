"""The besieged program: a plain loop with a large state and a long history, at 1,024 open files.

It answers where it is, and ends when its standard input does.
"""

import random
import resource
import sys
import threading
import time

from pydantic import BaseModel

from freak_core import Freak
from tests.benchmarks.worker import answer

FILES = 1024
NUMBERS = 50_000
"""How many numbers the state has: about 1 MB of JSON."""

POINTS = 20_000
METRICS = 8


class Stop(BaseModel):
    should_stop: bool = False
    reason: str = ""


class State(BaseModel):
    lr: float = 0.1
    stop: Stop = Stop()
    weights: list[float] = []


def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    chance = random.Random(7)  # noqa: S311
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()
    weights = [chance.random() for _ in range(NUMBERS)]
    with Freak(port=0, apply="sync", name="besieged").control(State(weights=weights)) as freak:
        for step in range(POINTS):
            _publish(freak, step, chance)
            if not step % 100:
                time.sleep(0.02)  # else metrics are dropped
        answer({"url": freak.url, "token": freak.token, "read_token": freak.read_token, "id": freak.id})
        step = POINTS
        while not told.wait(0.01):
            freak.sync(step=step)
            _publish(freak, step, chance)
            step += 1


def _publish(freak: Freak, step: int, chance: random.Random) -> None:
    freak.publish(step=step, **{f"metric-{n}": chance.random() for n in range(METRICS)})


if __name__ == "__main__":
    main()
