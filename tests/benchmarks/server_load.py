"""How much a training loses while clients ask its server as fast as they can."""

import random
import statistics
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks import machine, report
from tests.benchmarks.ratios import Ratios, quietest_half
from tests.benchmarks.worker import Worker


@dataclass
class Case:
    """A training with its server somewhere, and a load on that server."""

    where: str
    name: str
    method: str
    rate: float | None
    target: float | None = None
    disturbed: list[float] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)


OTHER = "another program"
"""Whose server costs the training what the machine takes for any two busy programs: the floor."""

LOADS = [("1,000 GET/s", "GET", 1000.0, 0.98), ("unthrottled GET", "GET", None, 0.94)]
LOADS += [("unthrottled PATCH", "PATCH", None, 0.95)]


def cases() -> list[Case]:
    """Return what is measured: each load on either training's server, and on another program's."""
    own = [Case("process", *load) for load in LOADS]
    thread = [Case("thread", *load[:3]) for load in LOADS]
    other = [Case(OTHER, *load[:3]) for load in LOADS]
    return [*own, *thread, *other]


class ServerLoad:
    """Two trainings, one with its server in a process and one in a thread, take turns."""

    def __init__(self, quick: bool) -> None:
        self._blocks, self._seconds = (5, 0.3) if quick else (16, 0.3)
        self._trainings: dict[str, Worker] = {}
        self._served: dict[str, Any] = {}
        self._chance = random.Random(1)  # noqa: S311

    def run(self) -> None:
        first, second = machine.two_cores()
        with ExitStack() as stack:
            for where, core in (("process", first), ("thread", first), (OTHER, second)):
                kind = "thread" if where == "thread" else "process"
                worker = Worker("torch_loop", kind, str(core), core=second)
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
        case.speeds.append(trained[True]["undisturbed"] / trained[False]["undisturbed"])
        case.disturbed.append(max(block["disturbed"] for block in trained.values()))

    def _block(self, case: Case, loaded: bool) -> dict[str, float]:
        training = self._trainings["process" if case.where == OTHER else case.where]
        if not loaded:
            time.sleep(0.05)
            training.ask(0.05)
            return training.ask(self._seconds)
        served = self._served[case.where]
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
        floors = {case.name: case for case in measured if case.where == OTHER}
        for case in measured:
            floor = floors[case.name]
            own = [a / b for a, b in zip(case.speeds, floor.speeds, strict=True)]
            noise = list(map(max, case.disturbed, floor.disturbed))
            to_floor = "-" if case is floor else Ratios(quietest_half(own, noise))
            speed = Ratios(quietest_half(case.speeds, case.disturbed))
            target = speed.against(case.target) if case.target else "-"
            asked = f"{statistics.median(case.answered):,.0f}"
            rows.append([case.where, case.name, asked, speed, to_floor, target, _shares(case)])
        head = ["server in", "load", "answered a second", "speed", "to the floor", "target", "statuses"]
        report.table(head, rows)
        report.note(f"The floor is the same load on the server of {OTHER}, which sleeps.")
        report.disturbance([share for case in measured for share in case.disturbed])


def _shares(case: Case) -> str:
    total = sum(case.statuses.values())
    counted = defaultdict(float, {status: count / total for status, count in case.statuses.items()})
    return ", ".join(f"{status}: {share:.1%}" for status, share in sorted(counted.items()))
