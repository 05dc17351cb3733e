"""How long ``freak ui`` takes to list 1,000 ended runs, and what memory it needs for that."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import httpx
import psutil

from freak_core.addresses import token_in
from tests.benchmarks import report
from tests.core.ui.folders import leave_run

RUNS, TARGET = 1000, 1.0
NAMES = [f"layer{i // 10}/metric{i}" for i in range(50)]


class RunList:
    """Asks for the list as a page does: once, and then again and again."""

    def __init__(self, quick: bool) -> None:
        self._rounds = 3 if quick else 9

    def run(self) -> None:
        with tempfile.TemporaryDirectory() as home:
            os.environ["FREAK_HOME"] = home
            try:
                for number in range(RUNS):
                    leave_run(number, NAMES)
                measured = [self._measure() for _ in range(self._rounds)]
            finally:
                del os.environ["FREAK_HOME"]
        first, cpu, again, memory = (statistics.median(each) for each in zip(*measured, strict=True))
        reached = "reached" if first < TARGET else "**missed**"
        report.title("The list of all runs")
        report.table(
            ["", "first list", "CPU time of it", "list that has not changed", "memory", "target"],
            [
                [
                    f"`freak ui`, {RUNS} ended runs of 50 metrics",
                    f"{first:.2f} s",
                    f"{cpu:.2f} s",
                    f"{again:.2f} s",
                    f"{memory:.0f} MiB",
                    f"first list under {TARGET:.0f} s: {reached}",
                ]
            ],
        )

    def _measure(self) -> tuple[float, float, float, float]:
        """Return the seconds of the first list and their CPU time, those of the next one, and the MiB."""
        command = [sys.executable, "-m", "freak_core.cli", "ui", "--no-open", "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        try:
            url, token = token_in(str(server.stdout and server.stdout.readline()).strip())
            allowed = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=url, headers=allowed, timeout=60, trust_env=False) as http:
                before = _cpu(server.pid)
                first, answer = _took(http, {})
                cpu = _cpu(server.pid) - before
                assert len(answer.json()["runs"]) == RUNS
                again, answer = _took(http, {"If-None-Match": answer.headers["ETag"]})
                assert answer.status_code == 304
            return first, cpu, again, psutil.Process(server.pid).memory_info().rss / (1 << 20)
        finally:
            server.kill()
            server.communicate(timeout=30)


def _cpu(pid: int) -> float:
    """Return the CPU time that a process has had. Other programs may take the machine meanwhile."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _took(http: httpx.Client, headers: dict[str, str]) -> tuple[float, httpx.Response]:
    began = time.perf_counter()
    answer = http.get("runs", headers=headers)
    return time.perf_counter() - began, answer
