"""The pace: how long a change takes from PATCH to applied on two ranks, and what agreeing costs them."""

import itertools
import json
import random
import statistics
import tempfile
import time
from bisect import bisect_right
from pathlib import Path
from typing import Any, NamedTuple

from freak_core import Client
from tests.benchmarks import report
from tests.benchmarks.pace_fit import Plan
from tests.benchmarks.ratios import quantile
from tests.benchmarks.worker import Worker

BOUND = 0.3
"""Seconds from PATCH to applied that 95% of the changes keep to, or the two longest steps in between."""

COST = 0.005
"""The share of the time trained that agreeing may cost."""

TRAININGS = {
    "4 ms": Plan(0.004),
    "50 ms": Plan(0.05),
    "1 s": Plan(1.0),
    "4 ms, one rank 60 ms late": Plan(0.004, late=0.06),
    "4 ms, the data stalls for 1 s every 50 steps": Plan(0.004, stall=1.0),
    "50 ms, the data stalls for 1 s every 50 steps": Plan(0.05, stall=1.0),
    "4 ms, in the first minute": Plan(0.004, first=5.0),
    "50 ms, in the first minute": Plan(0.05, first=5.0),
    "4 ms; `sync=1`": Plan(0.004, agree="1"),
    "4 ms; every batch by `strategy.broadcast`": Plan(0.004, agree="broadcast"),
    "50 ms; every batch by `strategy.broadcast`": Plan(0.05, agree="broadcast"),
    "4 ms; once an epoch of 200 steps": Plan(0.004, agree="epoch", epoch=200),
    "50 ms; once an epoch of 200 steps": Plan(0.05, agree="epoch", epoch=200),
}


class Found(NamedTuple):
    """What one training has shown, in seconds; the cost is a share of the time trained."""

    step: float
    waited: list[float]
    within: list[bool]
    agreement: float
    cost: float
    told: float | None


class Pace:
    """Asks for changes at random times in trainings of several kinds, and says how soon they were applied."""

    def __init__(self, quick: bool) -> None:
        self._seconds = 15.0 if quick else 40.0
        self._chance = random.Random(5)  # noqa: S311

    def run(self) -> None:
        report.title("From PATCH to applied on two ranks")
        head = ["a step", "measured", "changes", "p50", "p95", "max", "kept to the bound"]
        rows = []
        for name, plan in TRAININGS.items():
            found = self._measure(plan)
            waited = found.waited
            kept = statistics.mean(found.within)
            rows.append([name, _ms(found.step), len(waited), _ms(statistics.median(waited))])
            rows[-1] += [_ms(quantile(waited, 0.95)), _ms(max(waited))]
            rows[-1] += [f"{kept:.0%}" if kept >= 0.95 or plan.agree == "epoch" else f"**{kept:.0%}**"]
            share = found.cost
            rows[-1] += [_ms(found.agreement), f"{share:.2%}" if share <= COST else f"**{share:.2%}**"]
            rows[-1] += ["-" if found.told is None else f"{found.told:.2%}"]
        report.table([*head, "an agreement", "cost", "cost in `GET /run`"], rows)
        report.note(
            f"The bound: {BOUND} s, or the two longest steps that ran in between, stalls included; 95% keep "
            "to it. An agreement: median, without waiting for the other rank, on the rank on which it takes "
            "longer. Cost: this times the number of agreements, in the time trained."
        )

    def _measure(self, plan: Plan) -> Found:
        seconds = 60.0 if plan.first else max(self._seconds, 30 * plan.step)
        with tempfile.TemporaryDirectory() as folder:
            with Worker("pace_fit", folder, json.dumps(plan._asdict())) as worker:
                sent, told = self._ask(worker.hear(), seconds)
            ranks = [json.loads((Path(folder) / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
        ended = ranks[0]["ended"]
        steps = [after - before for before, after in itertools.pairwise(ended)]
        waited, within = [], []
        for value, at in sent.items():
            done = max(dict(rank["applied"])[value] for rank in ranks)
            waited.append(done - at)
            # The step that ran when it was sent, and those up to where it was applied.
            between = steps[max(0, bisect_right(ended, at) - 1) : bisect_right(ended, done)]
            within.append(done - at <= max(BOUND, sum(sorted(between)[-2:])))
        costs = [_costs(rank, ranks) for rank in ranks]
        agreement = max(map(statistics.median, costs))
        share = agreement * len(costs[0]) / (ended[-1] - ended[0])
        return Found(statistics.median(steps), waited, within, agreement, share, told)

    def _ask(self, served: Any, seconds: float) -> tuple[dict[int, float], float | None]:
        """Ask for changes until time is up; return when each was sent, and the cost that the run tells."""
        sent: dict[int, float] = {}
        with Client(served["url"], served["token"]) as client:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(self._chance.uniform(0.05, 0.35))
                value = len(sent) + 1
                sent[value] = time.monotonic()
                client.set({"probe.value": value})
            client.set({"probe.value": 0}, wait=60)
            told = client.run().get("agreement")
            client.set({"stop.should_stop": True, "stop.checkpoint": False, "stop.force": True}, wait=60)
        return sent, told["share"] if isinstance(told, dict) else None


def _costs(rank: Any, ranks: list[Any]) -> list[float]:
    """Return the seconds that each agreement took on a rank, less the waiting for the other one."""
    starts = [
        max(begins) for begins in zip(*([b for b, _ in each["collectives"]] for each in ranks), strict=False)
    ]
    waits = [
        min(ended - began, max(0.0, last - began))
        for (began, ended), last in zip(rank["collectives"], starts, strict=False)
    ]
    found, done = [], 0
    for began, ended, upto in rank["agreements"]:
        mine = [
            wait
            for wait, (at, _) in zip(waits[done:upto], rank["collectives"][done:upto], strict=False)
            if at >= began
        ]
        found.append(ended - began - sum(mine))
        done = upto
    return found


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds >= 0.01 else f"{seconds * 1e3:.2f} ms"
