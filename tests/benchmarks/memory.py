"""What the memory of runs costs: bytes of a point and time to read, by format; a list of many ended runs."""

import csv
import gzip
import json
import os
import random
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from freak_core.messages.protocol import Event
from freak_core.runs.metric_parts import Damage, MetricParts, read_points
from freak_core.server.mirror.numbered_points import NumberedPoints
from tests.benchmarks import machine, report
from tests.benchmarks.ratios import Ratios, quietest_half
from tests.benchmarks.worker import Worker
from tests.core.ui.folders import leave_run

METRICS, POINTS, TOGETHER = 50, 100_000, 10
RUNS, TARGET = 1000, 1.0
BLOCKS = 15
"""Blocks in which two trainings are measured beside each other."""
NAMES = [f"layer{i // 10}/metric{i}" for i in range(METRICS)]


def events(count: int) -> Iterator[Event]:
    """Yield what a training of 20 steps a second logs: values of 32 bits, as tensors have them."""
    chance = random.Random(3)  # noqa: S311
    at = 1.8e9
    rows = [{name: _float32(chance.lognormvariate(0, 1)) for name in NAMES} for _ in range(1000)]
    for step in range(count):
        at += 0.05 + chance.gauss(0, 0.001)
        data = {"step": step, "at": at, "values": rows[step % len(rows)]}
        yield {"type": "event", "event": "metrics", "data": data, "seq": step + 1}


def _float32(number: float) -> float:
    found: float = struct.unpack("f", struct.pack("f", number))[0]
    return found


def flushes(count: int) -> Iterator[list[Event]]:
    """Yield what is written at once, twice a second."""
    waiting = []
    for event in events(count):
        waiting.append(event)
        if len(waiting) == TOGETHER:
            yield waiting
            waiting = []


def write_parts(folder: Path, count: int) -> None:
    writer, numbered = MetricParts(folder), NumberedPoints()
    for group in flushes(count):
        writer.append([batch.line() for batch in numbered.batches(group)])
    writer.close()


def read_parts(folder: Path, names: set[str] | None) -> int:
    return sum(map(len, read_points(folder, names, Damage()).values()))


def write_sqlite(folder: Path, count: int) -> None:
    base = sqlite3.connect(folder / "metrics.db")
    base.execute("PRAGMA journal_mode=PERSIST")
    base.execute("PRAGMA synchronous=OFF")
    base.execute("CREATE TABLE points (metric INTEGER, segment INTEGER, step INTEGER, at REAL, value REAL)")
    for group in flushes(count):
        for event in group:
            data = event["data"]
            rows = [(i, 0, data["step"], data["at"], v) for i, v in enumerate(data["values"].values())]
            base.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?)", rows)
        base.commit()
    base.execute("CREATE INDEX by_metric ON points (metric)")
    base.commit()
    base.close()


def read_sqlite(folder: Path, names: set[str] | None) -> int:
    base = sqlite3.connect(f"file:{folder / 'metrics.db'}?mode=ro", uri=True)
    chosen = "" if names is None else f" WHERE metric = {NAMES.index(next(iter(names)))}"
    found = base.execute(f"SELECT metric, segment, step, at, value FROM points{chosen}")  # noqa: S608
    count = sum(1 for _ in found)
    base.close()
    return count


def write_csv(folder: Path, count: int) -> None:
    with gzip.open(folder / "metrics.csv.gz", "wt", newline="", compresslevel=6) as file:
        writer = csv.writer(file)
        for event in events(count):
            data = event["data"]
            writer.writerows((n, 0, data["step"], round(data["at"], 3), v) for n, v in data["values"].items())


def read_csv(folder: Path, names: set[str] | None) -> int:
    count = 0
    with gzip.open(folder / "metrics.csv.gz", "rt", newline="") as file:
        for name, segment, step, at, value in csv.reader(file):
            if names is None or name in names:
                (int(segment), int(step), float(at), float(value))
                count += 1
    return count


def write_lines(folder: Path, count: int) -> None:
    with (folder / "metrics.jsonl").open("w") as file:
        for event in events(count):
            file.write(json.dumps({"segment": 0, **event["data"]}) + "\n")


def read_lines(folder: Path, names: set[str] | None) -> int:
    count = 0
    with (folder / "metrics.jsonl").open() as file:
        for line in file:
            values = json.loads(line)["values"]
            count += len(values) if names is None else len(names & values.keys())
    return count


FORMATS: dict[str, tuple[Callable[[Path, int], None], Callable[[Path, set[str] | None], int]]] = {
    "JSON lines by column, in gzip parts": (write_parts, read_parts),
    "JSON lines, one for each step": (write_lines, read_lines),
    "CSV in gzip": (write_csv, read_csv),
    "SQLite, one row for each point": (write_sqlite, read_sqlite),
}


class Memory:
    """Measures formats of metrics, and a list of ended runs."""

    def __init__(self, quick: bool) -> None:
        self._points = POINTS // 20 if quick else POINTS
        self._rounds = 3 if quick else 9
        self._pairs = 1 if quick else 4
        self._sizes: dict[str, list[float]] = {"1": [], "0": []}
        self._chance = random.Random(4)  # noqa: S311

    def run(self) -> None:
        report.title("What stays of a run")
        rows = [self._format(name) for name in FORMATS]
        head = ["", "bytes a point", "all read in", "one metric read in", "written in"]
        report.note(
            f"{METRICS} metrics of {self._points:,} points each, {TOGETHER} steps in each write; CPU time."
        )
        report.table(head, rows)
        self._slow()
        self._training()
        self._list()

    def _format(self, name: str) -> list[str]:
        write, read = FORMATS[name]
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            wrote = _seconds(lambda: write(folder, self._points))
            size = sum(path.stat().st_size for path in folder.iterdir())
            took = []
            for names in (None, {NAMES[17]}):
                assert read(folder, names) == self._points * (METRICS if names is None else 1)
                took.append(min(_seconds(lambda names=names: read(folder, names)) for _ in range(2)))
        each = size / self._points / METRICS
        return [name, f"{each:.1f}", *(f"{seconds:.2f} s" for seconds in took), f"{wrote:.0f} s"]

    def _slow(self) -> None:
        """One metric, one point in each write: the most bytes that a point can take."""
        with tempfile.TemporaryDirectory() as place:
            writer, numbered = MetricParts(Path(place)), NumberedPoints()
            for event in events(2000):
                event["data"]["values"] = {"loss": event["data"]["values"][NAMES[0]]}
                writer.append([batch.line() for batch in numbered.batches([event])])
            size = sum(path.stat().st_size for path in Path(place).iterdir())
        report.note(f"One metric that is written point by point: {size / 2000:.0f} bytes a point.")

    def _training(self) -> None:
        """A training that logs ten metrics in each step, with its metrics on disk and without, in turns.

        Two processes that do the same may differ by some percent for as long as they live. So there are many
        pairs, and pairs of which neither keeps its metrics: these show the noise.
        """
        pairs = {"kept / not kept": ("1", "0"), "not kept / not kept (the noise)": ("0", "0")}
        ratios: dict[str, list[float]] = {title: [] for title in pairs}
        disturbed: dict[str, list[float]] = {title: [] for title in pairs}
        for title in self._chance.sample([*pairs] * self._pairs, 2 * self._pairs):
            for ratio, share in self._pair(pairs[title]):
                ratios[title].append(ratio)
                disturbed[title].append(share)
        found = {title: Ratios(quietest_half(ratios[title], disturbed[title])) for title in pairs}
        rows = [[f"ten metrics in each step, {title}", each, ""] for title, each in found.items()]
        rows[0][2] = found["kept / not kept"].against(0.99)
        report.table(["", "speed", "target"], rows)
        report.disturbance([share for shares in disturbed.values() for share in shares])
        kept, other = map(statistics.median, (self._sizes["1"], self._sizes["0"]))
        seconds = 0.3 * BLOCKS
        report.note(
            f"Memory of the server after {seconds:.0f} s: {kept:.0f} MB, {other:.0f} MB without metrics."
        )

    def _pair(self, settings: tuple[str, str]) -> Iterator[tuple[float, float]]:
        """Yield the ratio of two trainings in one block of each, and what other programs took of it."""
        first, second = machine.two_cores()
        with ExitStack() as stack:
            trainings: list[Worker] = []
            servers: list[int] = []
            for kept in settings:
                given = {"FREAK_HISTORY": kept}
                worker = Worker("torch_loop", "process", str(first), "10", core=second, environment=given)
                trainings.append(stack.enter_context(worker))
                servers.append(worker.hear()["server"])
            for _ in range(BLOCKS):
                blocks = {place: trainings[place].ask(0.3) for place in self._chance.sample([0, 1], 2)}
                share = max(block["disturbed"] for block in blocks.values())
                yield blocks[0]["undisturbed"] / blocks[1]["undisturbed"], share
            for kept, server in zip(settings, servers, strict=True):
                self._sizes[kept].append(_megabytes(server))

    def _list(self) -> None:
        with tempfile.TemporaryDirectory() as home:
            os.environ["FREAK_HOME"] = home
            for number in range(RUNS):
                leave_run(number, NAMES)
            took = []
            for _ in range(self._rounds):
                command = [sys.executable, "-m", "freak_core.cli", "ls", "-a"]
                began = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
                took.append(time.perf_counter() - began)
                assert len(done.stdout.splitlines()) == RUNS + 1
            del os.environ["FREAK_HOME"]
        seconds = statistics.median(took)
        reached = "reached" if seconds < TARGET else "**missed**"
        report.note(
            f"`freak ls -a` of {RUNS} ended runs: {seconds:.2f} s, target under {TARGET:.0f} s: {reached}"
        )


def _megabytes(pid: int) -> float:
    """Return how much memory a process has in use."""
    (line,) = (
        each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024


def _seconds(function: Callable[[], object]) -> float:
    """Return the CPU time that a function takes: other programs may be busy meanwhile."""
    began = time.process_time()
    function()
    return time.process_time() - began
