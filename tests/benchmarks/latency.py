"""How long a change takes: until it is applied on two ranks, and until a plain program has answered."""

import http.client
import json
import random
import statistics
import tempfile
import time
from bisect import bisect_right
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freak_core import Client
from tests.benchmarks import machine, report
from tests.benchmarks.ratios import Ratios, quantile
from tests.benchmarks.steered_fit import BLOCK, CADENCES
from tests.benchmarks.worker import Worker

Found = dict[str, list[tuple[float, float, float]]]
"""By cadence: seconds until applied, steps until applied, seconds until answered."""


class Latency:
    """Asks for changes at random times."""

    def __init__(self, quick: bool) -> None:
        self._changes, self._trips = (60, 60) if quick else (400, 200)
        self._chance = random.Random(4)  # noqa: S311

    def run(self) -> None:
        self._two_ranks()
        self._plain_program()

    # -- two ranks -------------------------------------------------------------------------------

    def _two_ranks(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            with Worker("steered_fit", folder) as worker:
                asked = self._ask(worker.hear())
            ranks = [json.loads((Path(folder) / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
        ended = ranks[0]["ended"]
        applied = [dict(rank["applied"]) for rank in ranks]
        found: Found = {name: [] for name in CADENCES}
        for value, sent, answered in asked:
            done = max(times[value] for times in applied)
            first, last = bisect_right(ended, sent), bisect_right(ended, done)
            if first >= 2 * BLOCK and first // BLOCK == last // BLOCK:  # in one block, and auto has settled
                found[CADENCES[first // BLOCK % 2]].append((done - sent, last - first, answered - sent))
        self._print_ranks(found, _step_times(ended))

    def _ask(self, served: Any) -> list[tuple[int, float, float]]:
        """Ask for changes one by one; return value, time sent and time answered of each."""
        asked = []
        with Client(served["url"], served["token"]) as client:
            for value in range(1, self._changes + 1):
                time.sleep(self._chance.uniform(0.05, 0.1))
                sent = time.monotonic()
                client.set({"probe.value": value}, wait=30)
                asked.append((value, sent, time.monotonic()))
            client.set({"stop.should_stop": True, "stop.checkpoint": False}, wait=30)
        return asked

    def _print_ranks(
        self, found: dict[str, list[tuple[float, float, float]]], step: dict[str, float]
    ) -> None:
        report.title("From PATCH to applied on two ranks")
        rows = []
        for name, samples in found.items():
            sync = name if name.isdecimal() else f'"{name}"'
            applied, steps, answered = zip(*samples, strict=True)
            rows.append([f"`sync={sync}`", f"{step[name] * 1e3:.1f} ms", len(samples), _steps(steps)])
            rows[-1] += [_milliseconds(applied), _milliseconds(answered)]
        head = ["cadence", "a step", "changes", "steps until applied", "until applied on both ranks"]
        report.table([*head, "until the client, who waits, knows"], rows)
        report.note("Median, and the 95th percentile after it.")

    # -- a plain program -------------------------------------------------------------------------

    def _plain_program(self) -> None:
        report.title('A round trip to a plain program (`apply="now"`)')
        first, second = machine.two_cores()
        rows = []
        with Worker("torch_loop", "process", str(first), core=second) as worker:
            served = worker.hear()
            for doing in ("sleeping", "training"):
                if doing == "training":
                    worker.tell(self._trips * 0.075 + 1.0)
                trips = self._round_trips(served)
                if doing == "training":
                    worker.hear()
                bare = trips.pop("GET /healthz")
                rows.append([f"GET /healthz, {doing}", _milliseconds(bare), "1"])
                for name, took in trips.items():
                    ratio = Ratios([a / b for a, b in zip(took, bare, strict=True)])
                    rows.append([f"{name}, {doing}", _milliseconds(took), ratio])
        report.table(["request, while the program is", "round trip", "to GET /healthz"], rows)

    def _round_trips(self, served: Any) -> dict[str, list[float]]:
        address = urlsplit(served["url"])
        connection = http.client.HTTPConnection(str(address.hostname), address.port)
        headers = {"Authorization": f"Bearer {served['token']}", "Content-Type": "application/json"}
        kinds = ["GET /healthz", "GET /state", "PATCH /state"]
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(self._trips):
            for kind in self._chance.sample(kinds, len(kinds)):
                method, path = kind.split()
                body = json.dumps({"lr": (1 + number) * 1e-5}) if method == "PATCH" else None
                started = time.perf_counter()
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                response.read()
                took[kind].append(time.perf_counter() - started)
                assert response.status == 200, response.status
            time.sleep(0.055)  # below the write limit
        connection.close()
        return took


def _step_times(ended: list[float]) -> dict[str, float]:
    """Return the median time of a step by cadence."""
    took: dict[str, list[float]] = {name: [] for name in CADENCES}
    for i in range(2 * BLOCK, len(ended)):
        took[CADENCES[i // BLOCK % 2]].append(ended[i] - ended[i - 1])
    return {name: statistics.median(times) for name, times in took.items()}


def _milliseconds(seconds: Any) -> str:
    return f"{statistics.median(seconds) * 1e3:.1f} ms, {quantile(seconds, 0.95) * 1e3:.1f} ms"


def _steps(counts: Any) -> str:
    return f"{statistics.median(counts):.0f}, {quantile(counts, 0.95):.0f}"
