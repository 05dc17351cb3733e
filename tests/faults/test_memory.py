"""SIGKILL of everything at random instants: metrics up to the last second are there, each folder reads."""

import os
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from freak_core.runs.metric_parts import Points
from freak_core.runs.stored_runs import StoredRun, stored_runs
from tests.faults.conftest import Start
from tests.waiting import eventually

INSTANTS = 50 if os.environ.get("FREAK_SOAK") == "1" else 4
LAST = 1.0
"""Seconds before the kill whose points may be missing."""

LOGS = """
freak = begin()
step = 0
while True:
    step += 1
    freak.publish(step=step, loss=1 / step, **({"val": float(step)} if step % 50 == 0 else {}))
    state.left = step
    if step % 20 == 0:
        say(step=step, at=time.time())
    time.sleep(0.002)
"""


def run_in(home: Path) -> StoredRun:
    (run,) = stored_runs()
    return run


@pytest.mark.parametrize("instant", range(INSTANTS))
def test_what_was_logged_a_second_before_a_kill_of_everything_is_in_the_folder(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: int
) -> None:
    program = start(LOGS)
    monkeypatch.setenv("FREAK_HOME", str(program.home))
    program.ready()
    chance = random.Random(instant)  # noqa: S311
    time.sleep(chance.uniform(1.5, 4.0))
    for pid in chance.sample([program.pid, program.server], 2):
        os.kill(pid, signal.SIGKILL)
    killed_at = time.time()
    program.gone()
    told: list[dict[str, Any]] = []
    with pytest.raises(AssertionError, match="the program ended"):
        told.extend(iter(program.hear, None))
    run = eventually(lambda: run_in(program.home))
    assert run.phase == "lost"
    assert run.name == "faulty"
    points, damage = run.points()
    steps = [step for _, step, _, _ in points["loss"].rows()]
    assert steps == list(range(1, len(steps) + 1))
    must = max(each["step"] for each in told if each["at"] < killed_at - LAST)
    assert must > 50
    assert len(steps) >= must
    assert [value for *_, value in points["val"].rows()] == list(map(float, range(50, len(steps) + 1, 50)))
    assert damage.unreadable == []
    assert run.config()["value"]["lr"] == 0.1
    assert run.state()[1]["left"] > 0
    assert run.summary is not None
    assert run.summary.segments == 1


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
