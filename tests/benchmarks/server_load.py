"""How much a training loses while clients ask its server as fast as they can."""

import random
import statistics
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks import machine, report
from tests.benchmarks.ratios import Ratios
from tests.benchmarks.worker import Worker


@dataclass
class Case:
    """A training with its server somewhere, and a load on that server."""

    where: str
    name: str
    method: str
    rate: float | None
    target: float | None = None
    asked: str = ""  # whose server gets the load, if not the training's own
    wall: list[float] = field(default_factory=list)
    undisturbed: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


LOADS = [("1,000 GET/s", "GET", 1000.0, 0.98), ("unthrottled GET", "GET", None, 0.94)]
LOADS += [("unthrottled PATCH", "PATCH", None, 0.95)]


def cases() -> list[Case]:
    own = [Case("process", *load) for load in LOADS]
    thread = [Case("thread", *load[:3]) for load in LOADS]
    other = Case("thread", "unthrottled GET to another program's server", "GET", None, asked="process")
    return [*own, *thread, other]


class ServerLoad:
    """Two trainings, one with its server in a process and one in a thread, take turns."""

    def __init__(self, quick: bool) -> None:
        self._blocks, self._seconds = (5, 0.3) if quick else (15, 0.5)
        self._trainings: dict[str, Worker] = {}
        self._served: dict[str, Any] = {}
        self._chance = random.Random(1)  # noqa: S311

    def run(self) -> None:
        first, second = machine.two_cores()
        with ExitStack() as stack:
            for where in ("process", "thread"):
                worker = Worker("torch_loop", where, str(first), core=second)
                self._trainings[where] = stack.enter_context(worker)
                self._served[where] = worker.hear()
            self._load = stack.enter_context(Worker("load", core=second))
            measured = cases()
            for _ in range(self._blocks):
                for case in self._chance.sample(measured, len(measured)):
                    self._pair(case)
        self._print(measured)

    def _pair(self, case: Case) -> None:
        """Train a block with the load and a block without, in random order."""
        trained: dict[bool, dict[str, float]] = {}
        for loaded in self._chance.sample([True, False], 2):
            trained[loaded] = self._block(case, loaded)
        case.wall.append(trained[True]["wall"] / trained[False]["wall"])
        case.undisturbed.append(trained[True]["undisturbed"] / trained[False]["undisturbed"])

    def _block(self, case: Case, loaded: bool) -> dict[str, float]:
        training = self._trainings[case.where]
        if not loaded:
            time.sleep(0.05)
            training.ask(0.05)
            return training.ask(self._seconds)
        served = self._served[case.asked or case.where]
        order = {"url": served["url"], "token": served["token"], "method": case.method, "rate": case.rate}
        self._load.tell(order)
        training.ask(0.25)  # the first writes after a pause pass the write limit in a burst
        result = training.ask(self._seconds)
        done = self._load.ask(None)
        case.statuses.update(done["statuses"])
        case.answered.append(sum(done["statuses"].values()) / done["seconds"])
        return result

    def _print(self, measured: list[Case]) -> None:
        report.title("A server under load: speed of the training, loaded / unloaded")
        rows = []
        for case in measured:
            speed = Ratios(case.undisturbed)
            target = speed.against(case.target) if case.target else "-"
            asked = f"{statistics.median(case.answered):,.0f}"
            rows.append([case.where, case.name, asked, speed, Ratios(case.wall), target, _shares(case)])
        head = ["server in a", "load", "answered a second", "speed", "other programs' share left in"]
        report.table([*head, "target", "statuses"], rows)


def _shares(case: Case) -> str:
    total = sum(case.statuses.values())
    counted = defaultdict(float, {status: count / total for status, count in case.statuses.items()})
    return ", ".join(f"{status}: {share:.1%}" for status, share in sorted(counted.items()))
