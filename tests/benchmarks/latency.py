"""How long a request to a plain program takes."""

import http.client
import json
import random
import statistics
import time
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks import machine, report
from tests.benchmarks.ratios import Ratios, quantile
from tests.benchmarks.worker import Worker


class Latency:
    """Asks a program that sleeps, and one that trains."""

    def __init__(self, quick: bool) -> None:
        self._trips = 60 if quick else 200
        self._chance = random.Random(4)  # noqa: S311

    def run(self) -> None:
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


def _milliseconds(seconds: Any) -> str:
    return f"{statistics.median(seconds) * 1e3:.1f} ms, {quantile(seconds, 0.95) * 1e3:.1f} ms"
