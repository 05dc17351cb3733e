"""SIGKILL at random moments, of the trainer, its server or both, while writes come.

Nothing that was acknowledged is lost, no process is left, and every run can be read. ``FREAK_SOAK=1`` kills
200 times.
"""

import contextlib
import os
import random
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.core.cli.shell import freak
from tests.faults.conftest import Start
from tests.faults.program import Program, alive
from tests.soak import SOAK
from tests.waiting import eventually

KILLS = 200 if SOAK else 6
VICTIMS = ("server", "trainer", "both")
WRITERS = 3

TRAINING = """
freak = begin(apply={apply!r})
step = 0
while True:
    step += 1
    freak.sync(step=step)
    freak.publish(step=step, loss=1 / step)
    time.sleep(0.001)
"""


class Writers:
    """Write until the program is gone, and note which writes were acknowledged."""

    def __init__(self, program: Program) -> None:
        self.acknowledged: list[str] = []
        self._over = threading.Event()
        clients = [program.http(5.0) for _ in range(WRITERS)]
        self._threads = [threading.Thread(target=self._write, args=(client,)) for client in clients]
        for thread in self._threads:
            thread.start()

    def _write(self, http: httpx.Client) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            with contextlib.suppress(httpx.HTTPError):
                answer = http.patch("state", json={"left": number, "right": number})
                if answer.status_code in (200, 202):
                    self.acknowledged.append(answer.json()["id"])

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(20)


def kill(victim: str, program: Program) -> None:
    """Kill the trainer, its server, or both, in whatever order the kernel takes them."""
    servers = program.servers() if victim != "trainer" else set()
    for pid in servers | ({program.pid} if victim != "server" else set()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def await_the_end(pids: set[int], where: str) -> None:
    eventually(lambda: not any(map(alive, pids)), 5, f"the end of {pids} ({where})")


@pytest.mark.timeout(1500)
def test_whoever_is_killed_no_acknowledged_write_is_lost(
    start: Start, homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("FREAK_SEED", "1"))
    chance = random.Random(seed)  # noqa: S311
    kills = acknowledged = programs = 0
    until = time.monotonic() + 1400
    while kills < KILLS and time.monotonic() < until:
        program = start(TRAINING.format(apply=chance.choice(("now", "sync"))))
        programs += 1
        ever = {program.pid, program.server}
        if chance.random() < 0.9:
            program.ready()
        writers = Writers(program)
        victim = "server"
        while victim == "server" and kills < KILLS and time.monotonic() < until:
            time.sleep(chance.uniform(0.0, 0.6))
            ever |= program.servers()
            victim = chance.choice(VICTIMS) if kills < KILLS - 1 else "both"
            kill(victim, program)
            kills += 1
        writers.stop()
        await_the_end(ever, f"seed {seed}, kill {kills}")
        lost = set(writers.acknowledged) - {entry["id"] for entry in program.journalled()}
        assert not lost, f"seed {seed}, kill {kills}: {victim}"
        acknowledged += len(writers.acknowledged)
    assert kills == KILLS
    assert acknowledged >= 5 * kills
    monkeypatch.setenv("FREAK_HOME", str(homes / tmp_path.name))
    listed = freak("ls", "--all", "--json").json
    assert [run["state"] for run in listed] == ["lost"] * programs
    for run in listed:
        freak("log", run["id"], "--json")
    assert not freak("ls", "-q").out
    print(f"{kills} kills of {programs} programs: {acknowledged} writes acknowledged, 0 lost")
