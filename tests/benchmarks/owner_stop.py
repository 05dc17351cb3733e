"""How long the owner's stop takes while a crowd takes every place that the server gives it."""

import http.client
import json
import random
import time
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks import report
from tests.benchmarks.crowd import NUMBERS
from tests.benchmarks.ratios import quantile
from tests.benchmarks.worker import Worker

TARGET = 1.0
GATHERS = 5.0
"""Seconds until the crowd is there."""


class OwnerStop:
    """Asks for a stop over a new connection each time, from the request to the accepted receipt."""

    def __init__(self, quick: bool) -> None:
        self._tries = 200
        self._chance = random.Random(5)  # noqa: S311

    def run(self) -> None:
        with Worker("besieged") as program:
            served = program.hear()
            before = [self._stop(served, number) for number in range(20)]
            with Worker("crowd") as crowd:
                crowd.tell(served)
                time.sleep(GATHERS)
                took = [self._stop(served, number) for number in range(self._tries)]
                counted = crowd.ask(None)
        self._print(before, took, counted)

    def _stop(self, served: Any, number: int) -> tuple[float, int]:
        """Ask for a stop; return the seconds until the receipt is here, and the status."""
        time.sleep(self._chance.uniform(0.02, 0.1))
        address = urlsplit(served["url"])
        headers = {"Authorization": f"Bearer {served['token']}", "Content-Type": "application/json"}
        body = json.dumps({"stop": {"should_stop": True, "reason": f"try {number}"}})
        began = time.monotonic()
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
        try:
            connection.request("PATCH", "/state", body, headers)
            answer = connection.getresponse()
            receipt = json.loads(answer.read())
        except OSError:
            return time.monotonic() - began, 0
        finally:
            connection.close()
        accepted = answer.status in (200, 202) and receipt["status"] in ("accepted", "applied")
        return time.monotonic() - began, answer.status if accepted else 0

    def _print(
        self, before: list[tuple[float, int]], took: list[tuple[float, int]], counted: dict[str, int]
    ) -> None:
        report.title(f"The owner's stop, {len(took)} tries, from request to accepted receipt")
        head = ["crowd", "accepted", "p50", "p99", "longest", "target"]
        rows = [self._row("none", before), self._row(_numbers(), took)]
        report.table(head, rows)
        report.note("What became of the crowd's requests:\n")
        kinds = list(NUMBERS)
        report.table(
            ["kind", "clients", "answers and ends"],
            [[kind, NUMBERS[kind], _of(kind, counted)] for kind in kinds],
        )

    def _row(self, crowd: str, took: list[tuple[float, int]]) -> list[str]:
        seconds = sorted(each for each, _ in took)
        accepted = sum(status != 0 for _, status in took)
        p99 = quantile(seconds, 0.99)
        reached = "reached" if p99 <= TARGET and accepted == len(took) else "missed"
        shown = [f"{1000 * each:,.0f} ms" for each in (quantile(seconds, 0.5), p99, seconds[-1])]
        return [crowd, f"{accepted} of {len(took)}", *shown, f"p99 ≤ {TARGET:.0f} s: {reached}"]


def _numbers() -> str:
    return ", ".join(f"{number} {kind}" for kind, number in NUMBERS.items())


def _of(kind: str, counted: dict[str, int]) -> str:
    found = {
        name.removeprefix(f"{kind}: "): number for name, number in counted.items() if name.startswith(kind)
    }
    return ", ".join(f"{name}: {number:,}" for name, number in sorted(found.items()))
