"""The recorder: writes metrics, state and ending of a run into its folder, from a thread of its own."""

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from freak_core.messages.protocol import UNRECORDED, Event, FromProgram, Hello
from freak_core.phases import ENDED
from freak_core.receipts import Receipt
from freak_core.runs.checked_file import read_checked, write_checked
from freak_core.runs.launcher_ids import launcher_ids
from freak_core.runs.live_runs import list_runs
from freak_core.runs.metric_parts import Damage, MetricParts, add_missing, parts, read_batches
from freak_core.runs.overview import Overview, read_overview
from freak_core.runs.process import Process, process_of
from freak_core.runs.pruning import keep_only
from freak_core.runs.run_folder import CONFIG, STATE, SUMMARY
from freak_core.runs.summary import LARGEST_SUMMARY, TOO_FAST, Checkpoint, Summary, unrecorded
from freak_core.server.mirror.mirror import Mirror
from freak_core.server.mirror.numbered_points import NumberedPoints
from freak_core.text.timestamps import now

logger: logging.Logger = logging.getLogger("freak")

INTERVAL = 0.5
"""Seconds between two writes of metrics."""

SUMMARY_INTERVAL = 5.0
"""Seconds between two summaries of a run that goes on."""

OVERVIEW_INTERVAL = 300.0
"""Seconds between two overviews of a run that goes on, at least."""

SHARE = 20.0
"""A state that took long to write is written again after this many times as long; so is an overview."""

ROOM = 250_000
"""Values that wait for the recorder; each event counts as four more. Beyond that the oldest are dropped."""

ROOM_WITHOUT_DISK = 1_000_000
"""Values that wait in memory while the disk takes none; each line counts as twenty more."""

LONGEST_PAUSE = 10.0
"""Seconds between two attempts to write what the disk did not take."""

MOST_MISSING = 20


class Recorder:
    """Writes what a mirror gets to see of one run into the run's folder.

    A disk that is full or hangs never holds up the mirror: then the newest metrics wait in memory, and the
    folder says what is missing.

    Args:
        mirror: the mirror; it has the program's first message already.
        hello: that message.
        folder: the folder of the run.
    """

    def __init__(self, mirror: Mirror, hello: Hello, folder: Path) -> None:
        self._mirror = mirror
        self._folder = folder
        self._hello: Hello | None = hello
        self._boot = hello["boot"]
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._dropped = 0  # points
        self._bell = threading.Event()
        self._closing = False
        self._parts = MetricParts(folder)
        self._metrics = NumberedPoints()
        self._overview = Overview()
        self._overview_due = time.monotonic() + OVERVIEW_INTERVAL
        self._lines: list[dict[str, object]] = []
        self._missing: list[Mapping[str, object]] = []
        self._checkpoints: dict[str, Checkpoint] = {}
        self._process: Process | None = None
        self._ended_at: str | None = None
        self._state_written: int | None = None
        self._state_due = self._summary_due = 0.0
        self._unrecorded: object = None
        self._healthy = True
        self._thread = threading.Thread(target=self._run, name="freak-recorder", daemon=True)

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def receive(self, message: FromProgram) -> None:
        """Note a message that the mirror has received; does not block."""
        if message["type"] != "event":
            return
        match message["event"]:
            case "metrics":
                each = len(message["data"]["values"]) + 4
                with self._lock:
                    if len(self._events) * each > ROOM:
                        self._dropped += len(self._events.popleft()["data"]["values"])
                    self._events.append(message)
                    filled = len(self._events) * each
                if filled > ROOM // 2 and not self._bell.is_set():
                    self._bell.set()
            case "receipt":
                self._note_checkpoint(message["data"])
            case "run" if message["data"].get("phase") in ENDED:
                self._bell.set()

    def close(self, timeout: float) -> None:
        """Write what is left, within ``timeout`` seconds."""
        self._closing = True
        self._bell.set()
        self._thread.join(timeout)

    # -- the thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        over, pause = False, INTERVAL
        while not over:
            self._bell.wait(pause)
            self._bell.clear()
            over, began, pause = self._closing, time.monotonic(), INTERVAL
            try:
                self._write()
                if over:
                    self._parts.close()
                    self._write_overview()
                if not self._healthy:
                    logger.warning("Freak writes metrics and state of the run into %s again", self._folder)
                self._healthy = True
            except OSError as error:
                if self._healthy:
                    logger.warning(
                        "Freak cannot write into %s (%s); the run goes on without", self._folder, error
                    )
                self._healthy = False
                pause = min(LONGEST_PAUSE, max(INTERVAL, 4 * (time.monotonic() - began)))
            except Exception:
                if self._healthy:
                    logger.exception("Freak cannot write down a part of the run")
                self._healthy = False

    def _write(self) -> None:
        if self._hello is not None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._begin(self._hello)
            self._hello = None
            limit = os.environ.get("FREAK_KEEP")
            if limit:
                keep_only(limit, {run.id for run in list_runs()} | {self._folder.name})
        self._write_metrics()
        if self._mirror.boot != self._boot:  # another program is served in this app by now
            return
        facts = self._mirror.run_info()
        ended = self._closing or facts.get("phase") in ENDED
        if facts.get("phase") in ENDED and self._ended_at is None:
            self._ended_at = now()
            self._summary_due = self._state_due = 0.0
        clock = time.monotonic()
        if ended or clock >= self._state_due:
            self._write_state()
            self._state_due = clock + max(1.0, SHARE * (time.monotonic() - clock))
        if facts.get(UNRECORDED) != self._unrecorded:
            self._unrecorded = facts.get(UNRECORDED)
            self._summary_due = 0.0
        if ended or clock >= self._summary_due:
            self._write_summary(facts)
            self._summary_due = clock + SUMMARY_INTERVAL
        if not self._closing and clock >= self._overview_due:
            self._write_overview()

    def _begin(self, hello: Hello) -> None:
        """Write the config. If this server follows another one, go on where that one has stopped."""
        config = self._folder / CONFIG
        if not config.exists():
            told = {"schema": hello["schema"], "actions": hello["actions"], "value": hello["value"]}
            write_checked(config, {"freak_config": 1, **told})
        before = parts(self._folder)
        if before:
            self._recover(before)
            self._overview = read_overview(self._folder, None, Damage())
        known = self._metrics.seq
        lost = max(0, hello["floor"] - known)
        if before or lost:  # the program does not count what it dropped meanwhile
            when = "was started again" if before else "came late"
            why = f"the server process {when}: points {'are' if lost else 'may be'} missing"
            self._miss(events=lost or None, why=why)
        missed = [e for e in hello["events"] if e["event"] == "metrics" and e.get("seq", 0) > known]
        self._note(missed)
        for receipt in hello["receipts"]:
            self._note_checkpoint(receipt)
        pid = hello["run"].get("pid")
        self._process = process_of(pid) if isinstance(pid, int) else None

    def _recover(self, before: Sequence[Path]) -> None:
        """Go on after the last summary and what other servers have written since then."""
        known = self._recover_summary()
        since = 0
        for number, part in reversed([*enumerate(before)]):  # a server that was killed soon has left no point
            first = next(read_batches(part, Damage()), None)
            if first is not None and first.seq <= known:
                since = number
                break
        for part in before[since:]:
            for batch in read_batches(part, Damage()):
                self._metrics.go_on_after(batch)

    def _recover_summary(self) -> int:
        """Return how far the last summary comes; 0 if there is none."""
        with contextlib.suppress(OSError, ValueError):
            summary = Summary.model_validate_json(read_checked(self._folder / SUMMARY, LARGEST_SUMMARY))
            self._metrics.newest = dict(summary.newest)
            self._metrics.segment_of = dict(summary.segment_of)
            self._metrics.segments = summary.segments
            self._missing = [each for each in summary.missing if each.get("why") != TOO_FAST]
            self._checkpoints = {each.path: each for each in summary.checkpoints}
            return summary.seq
        return 0

    def _miss(self, **what: object) -> None:
        told = {**what, "at": now()}
        add_missing(self._missing, told)
        del self._missing[:-MOST_MISSING]
        self._lines.append({"missing": told})

    def _write_metrics(self) -> None:
        with self._lock:
            taken, self._events = self._events, deque()
            dropped, self._dropped = self._dropped, 0
        if dropped:
            self._miss(points=dropped, why="they came faster than they could be written")
        self._note(taken)
        if not self._lines:
            return
        if not self._healthy:
            self._make_room()
        self._parts.append(self._lines)
        self._lines = []

    def _note(self, events: Iterable[Event]) -> None:
        for batch in self._metrics.batches(events):
            self._lines.append(batch.line())
            self._overview.add(batch)

    def _write_overview(self) -> None:
        clock = time.monotonic()
        if self._overview.worth_a_file:
            self._overview.write(self._folder)
        self._overview_due = clock + max(OVERVIEW_INTERVAL, SHARE * (time.monotonic() - clock))

    def _make_room(self) -> None:
        """Drop the oldest lines that wait for the disk, if there are too many."""
        points = [_points_in(line) for line in self._lines]
        over = sum(points) + 20 * len(points) - ROOM_WITHOUT_DISK
        if over <= 0:
            return
        over += ROOM_WITHOUT_DISK // 2
        lost = dropped = 0
        while over > 0 and dropped < len(points):
            lost += points[dropped]
            over -= points[dropped] + 20
            dropped += 1
        self._lines[:dropped] = [line for line in self._lines[:dropped] if "missing" in line]
        self._miss(points=lost, why="the disk did not take them")

    def _write_state(self) -> None:
        _, snapshot = self._mirror.snapshot()
        if snapshot["revision"] == self._state_written:
            return
        value = {"revision": snapshot["revision"], "value": snapshot["value"]}
        write_checked(self._folder / STATE, {"freak_state": 1, **value})
        self._state_written = snapshot["revision"]

    def _write_summary(self, facts: dict[str, object]) -> None:
        process = self._process
        summary = Summary(
            id=self._boot,
            name=str(facts.get("name")),
            started_at=str(facts.get("started_at")),
            updated_at=now(),
            ended_at=self._ended_at,
            facts=facts,
            newest=self._metrics.newest,
            segment_of=self._metrics.segment_of,
            segments=self._metrics.segments,
            seq=self._metrics.seq,
            missing=[dict(each) for each in (*self._missing, *unrecorded(facts))],
            checkpoints=list(self._checkpoints.values()),
            launcher=launcher_ids(),
            pid_space=process.space if process else None,
            pid_started=process.started if process else None,
        )
        write_checked(self._folder / SUMMARY, {"freak_run": 1, **summary.model_dump()})

    def _note_checkpoint(self, told: Mapping[str, object]) -> None:
        """Remember the checkpoint that a request has made, if it has."""
        if told.get("status") != "applied" or not isinstance(told.get("result"), dict):
            return
        receipt = Receipt.model_validate(told)
        for result in (receipt.result, receipt.result.get("checkpoint")):
            path = result.get("path") if isinstance(result, dict) else None
            if isinstance(path, str) and receipt.kind == "action" and receipt.name in ("checkpoint", "stop"):
                step = receipt.applied.step if receipt.applied else None
                self._checkpoints[path] = Checkpoint(path=path, step=step, seq=receipt.seq)


def _points_in(line: Mapping[str, object]) -> int:
    """Return how many points a line has; one that says what is missing has none."""
    at, names = line.get("at"), line.get("names")
    return len(at) * len(names) if isinstance(at, list) and isinstance(names, tuple) else 0


def recording(mirror: Mirror, hello: Hello) -> Recorder | None:
    """Return a recorder that has started; None if the program wants none."""
    folder = hello.get("folder")
    if folder is None:
        return None
    recorder = Recorder(mirror, hello, Path(folder))
    recorder.start()
    return recorder
