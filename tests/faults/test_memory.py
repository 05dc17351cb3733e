"""SIGKILL of everything at random instants: metrics up to the last second are there, each folder reads."""

import itertools
import json
import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from freak_core.cli.exit_codes import ExitCode
from freak_core.runs.metric_parts import Points, parts
from freak_core.runs.stored_runs import StoredRun, stored_runs
from tests.core.cli.shell import freak
from tests.faults.conftest import Start
from tests.faults.looking_back import ask_client, run_commands
from tests.faults.program import Program
from tests.soak import SOAK
from tests.waiting import eventually

INSTANTS = 50 if SOAK else 4
LAST = 1.0
"""Seconds before the kill whose points may be missing."""

LOGS = """
import random
chance = random.Random({seed})
log = os.open("{log}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
freak = begin()
step = 0
for count in range(1, 10**9):
    step += 1
    if chance.random() < 0.01:
        step = max(1, step - chance.randint(1, 40))
    values = {{"count": count}} | ({{"rare": -count}} if count % 50 == 0 else {{}})
    os.write(log, json.dumps([time.time(), step, values]).encode() + b"\\n")
    freak.publish(step=step, **values)
    state.left = count
    time.sleep(0.002)
"""

PUBLISHES_WHAT_IT_HEARS = """
freak = begin()
while step := hear():
    freak.publish(step=int(step), loss=float(step))
"""


class Told(NamedTuple):
    """A point as the program has noted it before it published it."""

    at: float
    segment: int
    step: int
    values: dict[str, float]


class Logging:
    """A program that publishes hundreds of points a second, goes back now and then, and notes each point.

    Args:
        start: starts a program.
        seed: decides when it goes back.
        folder: where it takes its notes.
    """

    def __init__(self, start: Start, seed: int, folder: Path) -> None:
        self.notes = folder / "published.jsonl"
        self.program: Program = start(LOGS.format(seed=seed, log=self.notes))
        self.program.ready()

    def told(self) -> list[Told]:
        """Return what the program has noted, each point with its segment."""
        found: list[Told] = []
        segment = before = 0
        for line in self.notes.read_text().splitlines():
            try:
                at, step, values = json.loads(line)
            except ValueError:  # the kill came in the middle of a line
                break
            segment += step < before
            before = step
            found.append(Told(at, segment, step, values))
        return found

    def kill(self, victims: Iterator[int]) -> None:
        """Kill some processes and wait for the end of the program."""
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        self.program.wait(10)
        self.program.gone(10)


def the_run() -> StoredRun:
    (run,) = stored_runs()
    return run


def rows(run: StoredRun, name: str) -> list[tuple[int, float | None, float, float | None]]:
    found = run.points([name])[0]
    return list(found[name].rows()) if name in found else []


def assert_true(run: StoredRun, told: list[Told], name: str) -> list[float]:
    """Fail if the folder has a point of a metric that was not published so, or not in this order.

    Returns the values in the folder.
    """
    published = {each.values[name]: each for each in told if name in each.values}
    later = {a.values["count"]: b.at for a, b in itertools.pairwise(told)}
    found = rows(run, name)
    for segment, step, at, value in found:
        assert value is not None
        point = published[value]
        assert (segment, step) == (point.segment, point.step)
        assert point.at - 0.001 <= at <= later.get(abs(value), at) + 0.001
    values = [value for *_, value in found if value is not None]
    assert values == sorted(set(values), key=abs)
    return values


def assert_every_reader_answers(run: StoredRun, points: int) -> None:
    told = ask_client(run.id)
    assert told["run"]["phase"] == run.phase
    assert len(told["series"]["count"]) <= 1000
    assert [event.type for event in told["events"]].count("metrics") == points
    ran = run_commands(run.id)
    assert {command: each.code for command, each in ran.items() if each.code} == {
        "watch --since 0": ExitCode.NO_RUN,  # the run is lost
        "watch --since 0 --json": ExitCode.NO_RUN,
    }
    assert json.loads(ran["ls -a --json"].out)[0]["state"] == run.phase
    assert ran["export"].out.count("\ncount,") == points
    assert len(json.loads(ran["export --format json"].out)["metrics"]["count"]["value"]) == points


@pytest.mark.parametrize("instant", range(INSTANTS))
def test_what_was_published_a_second_before_a_kill_of_everything_is_in_the_folder(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: int
) -> None:
    chance = random.Random(instant)  # noqa: S311
    logging = Logging(start, instant, tmp_path)
    monkeypatch.setenv("FREAK_HOME", str(logging.program.home))
    eventually(lambda: the_run().points()[0], what="the first points on disk")
    time.sleep(chance.uniform(0.0, 4.0))
    killed_at = time.time()
    logging.kill(iter(chance.sample([logging.program.pid, logging.program.server], 2)))
    told, run = logging.told(), the_run()
    assert (run.phase, run.name) == ("lost", "faulty")
    values = assert_true(run, told, "count")
    assert values == list(range(1, len(values) + 1))
    assert len(values) >= sum(each.at < killed_at - LAST for each in told)
    assert assert_true(run, told, "rare") == list(range(-50, -len(values) - 1, -50))
    assert run.points()[1].unreadable == []
    assert run.config()["value"]["lr"] == 0.1
    assert run.state()[1]["left"] <= told[-1].values["count"]
    assert_every_reader_answers(run, len(values))


@pytest.mark.parametrize("instant", range(INSTANTS // 2))
def test_what_is_missing_after_kills_of_the_server_is_said(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: int
) -> None:
    chance = random.Random(1000 + instant)  # noqa: S311
    logging = Logging(start, instant, tmp_path)
    program = logging.program
    monkeypatch.setenv("FREAK_HOME", str(program.home))
    for _ in range(chance.randint(1, 3)):
        time.sleep(chance.uniform(0.0, 1.5))
        os.kill(program.server, signal.SIGKILL)
        program.server = eventually(lambda: program.servers() - {program.server}).pop()
    time.sleep(chance.uniform(0.0, 1.5))
    victims = [program.pid, program.server]
    logging.kill(iter(victims if chance.random() < 0.5 else victims[::-1]))
    told, run = logging.told(), the_run()
    values = assert_true(run, told, "count")
    assert_true(run, told, "rare")
    assert run.phase == "lost"
    if values != [each.values["count"] for each in told]:
        assert run.facts()["missing"]
        assert run.points()[1].missing
    if values:
        assert_every_reader_answers(run, len(values))


def test_two_servers_killed_before_they_write_a_point_leave_no_point_twice(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = start(PUBLISHES_WHAT_IT_HEARS)
    monkeypatch.setenv("FREAK_HOME", str(program.home))

    def found() -> list[tuple[int, float | None]]:
        runs = stored_runs()
        return [(segment, step) for segment, step, _, _ in rows(runs[0], "loss")] if runs else []

    program.say("1")
    eventually(lambda: found() == [(0, 1)])
    for number in (2, 3):
        os.kill(program.server, signal.SIGKILL)
        program.server = eventually(lambda: program.servers() - {program.server}).pop()
        eventually(
            lambda number=number: len(parts(the_run().path)) == number
        )  # it says that points may be missing
    part = parts(the_run().path)[-1]
    part.with_name("metrics-0004.jsonl.gz").touch(
        0o600
    )  # killed between the file's beginning and its first byte
    os.kill(program.server, signal.SIGKILL)
    program.server = eventually(lambda: program.servers() - {program.server}).pop()
    program.say("2")
    eventually(lambda: found() == [(0, 1), (0, 2)])
    program.say("1")
    eventually(lambda: found() == [(0, 1), (0, 2), (1, 1)])


PUBLISHES_VALUES = """
freak = begin()
while heard := hear():
    told = json.loads(heard)
    freak.log(told, step=told.pop("step"))
"""


def test_a_metric_that_goes_back_after_two_restarts_of_the_server_begins_a_segment(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that the server before this one has not heard of."""
    program = start(PUBLISHES_VALUES)
    monkeypatch.setenv("FREAK_HOME", str(program.home))

    def publish(step: int, **values: float) -> None:
        program.say(json.dumps({"step": step, **values}))
        (name, value), *_ = values.items()
        eventually(lambda: stored_runs() and [row[3] for row in rows(the_run(), name)][-1:] == [value])

    def restart() -> None:
        os.kill(program.server, signal.SIGKILL)
        program.server = eventually(lambda: program.servers() - {program.server}).pop()

    publish(100, val=1.0, loss=1.0)
    restart()
    publish(101, loss=2.0)
    restart()
    publish(50, val=3.0)
    publish(51, loss=4.0)
    restart()
    publish(52, loss=5.0)
    restart()
    publish(20, val=6.0)
    program.say("")
    program.wait(30)
    program.gone(10)
    run = the_run()
    assert [(segment, step) for segment, step, *_ in rows(run, "val")] == [(0, 100), (1, 50), (2, 20)]
    assert [(segment, step) for segment, step, *_ in rows(run, "loss")] == [
        (0, 100),
        (0, 101),
        (1, 51),
        (1, 52),
    ]
    assert run.summary is not None
    assert run.summary.segment_of == {"val": 2, "loss": 1}
    assert run.summary.segments == 3
    assert {name: newest[0] for name, newest in run.summary.newest.items()} == {"val": 20, "loss": 52}


def test_a_run_whose_server_is_gone_before_it_says_that_its_last_points_may_be_missing(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = start(PUBLISHES_WHAT_IT_HEARS)
    monkeypatch.setenv("FREAK_HOME", str(program.home))
    program.say("1")
    eventually(lambda: stored_runs() and the_run().summary and rows(the_run(), "loss"))
    assert the_run().facts()["missing"] == []
    program.kill(signal.SIGSTOP)
    os.kill(program.server, signal.SIGKILL)
    program.say("2")
    program.kill()
    program.wait(10)
    run = the_run()
    assert run.phase == "lost"
    (missing,) = run.facts()["missing"]
    assert "the server process was gone before the run ended" in missing["why"]
    assert run.points()[1].missing == [missing]
    assert missing["why"] in freak("export", run.id).err


def test_a_burst_of_metrics_is_kept_and_what_a_loop_publishes_too_fast_is_counted(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = start(
        "freak = begin()\n"
        "while count := hear():\n"
        "    for step in range(int(count)):\n"
        "        freak.log({'loss': 1.0}, step=step)\n"
    )
    monkeypatch.setenv("FREAK_HOME", str(program.home))
    program.say("20000")
    eventually(lambda: stored_runs() and len(rows(the_run(), "loss")) == 20_000)
    assert the_run().facts()["missing"] == []
    program.say("600000")
    eventually(lambda: program.client().run().get("unrecorded_points"))
    said = " points were not recorded: the program published faster than they could be sent"
    assert said in freak("metrics").err
    program.say("")
    program.wait(30)
    program.gone(10)
    run = the_run()
    (missing,) = run.facts()["missing"]
    assert json.loads((run.path / "summary.json").read_text())["missing"] == [missing]
    points = missing["points"]
    assert len(rows(run, "loss")) + points == 620_000
    assert f"{points}{said}" in freak("export", run.id).err
    assert f"{points}{said}" in freak("metrics", "--run", run.id).err
    told = json.loads(freak("export", run.id, "--format", "json").out)
    assert told["missing"] == [missing]


def test_metrics_wait_for_a_full_disk_and_the_program_goes_on(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = start(
        "freak = begin()\nwhile hear():\n    state.left += 1\n    freak.publish(step=state.left, loss=1.0)"
    )
    monkeypatch.setenv("FREAK_HOME", str(program.home))
    program.say("go")

    def steps() -> list[float | None]:
        runs = stored_runs()
        return [step for _, step, _, _ in runs[0].points()[0].get("loss", Points()).rows()] if runs else []

    eventually(lambda: steps() == [1])
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(program.server, resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
    program.say("go")
    eventually(lambda: "cannot write into" in program.error_text)
    program.say("go")
    eventually(lambda: program.client().run()["step"] == 3)
    assert program.client().set({"lr": 0.5}).status == "applied"
    assert steps() == [1]
    resource.prlimit(program.server, resource.RLIMIT_FSIZE, unlimited)
    eventually(lambda: steps() == [1, 2, 3])
    eventually(lambda: "again" in program.error_text)
    assert program.error_text.count("cannot write into") == 1
