"""Trainings in processes of their own, steered through the client."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from freak_core import Client, NotFound
from tests.soak import SOAK

ROOT = Path(__file__).parents[2]
DEADLINE = 300.0 if SOAK else 60.0


@pytest.fixture(autouse=True)
def environment_as_before() -> Iterator[None]:
    """Take back what a fit sets: with LOCAL_RANK, Lightning leaves it to others to start the other ranks."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys() - {"PYTEST_CURRENT_TEST"}:
        del os.environ[name]


@pytest.fixture(autouse=True)
def no_process_group() -> Iterator[None]:
    """End the process group that a fit with ``ddp`` leaves open: later forks would wait in it."""
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


class Training:
    """A training on some ranks in processes of its own."""

    def __init__(
        self,
        out: Path,
        home: Path,
        *options: str,
        module: str = "tests.lightning.training",
        launcher: Sequence[str] = (),
    ) -> None:
        self.out = out
        self._log = (out / "log.txt").open("w+")
        environment = {
            **os.environ,
            "FREAK_HOME": str(home),
            "FREAK_DISABLED": "0",
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "default",
        }
        self.process = subprocess.Popen(
            [*(launcher or [sys.executable]), "-m", module, "--out", str(out), *options],
            cwd=ROOT,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.client: Client | None = None

    def connect(self) -> Client:
        """Wait until the training has done a step, and return a client for it."""
        self.wait_until(self._found)
        client = self.client
        assert client is not None
        self.wait_until(lambda: client.run().get("step"))
        return client

    def _found(self) -> bool:
        with contextlib.suppress(NotFound):
            self.client = self.client or Client.find()
        return self.client is not None

    def wait_until(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, "too late\n" + self.log()
            assert self.process.poll() is None or condition(), "the training ended\n" + self.log()
            time.sleep(0.05)

    def end(self) -> int:
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError("the training hangs\n" + self.log()) from None

    def log(self) -> str:
        return (self.out / "log.txt").read_text()[-5000:]

    def record(self, rank: int) -> list[Any]:
        return [json.loads(line) for line in (self.out / f"rank-{rank}.jsonl").read_text().splitlines()]

    def pid(self, rank: int) -> int:
        return int((self.out / f"pid-{rank}").read_text())

    def kill(self) -> None:
        """Kill all ranks at once, and their server with them."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        self.kill()
        self._log.close()


@pytest.fixture(autouse=True)
def freak_disabled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits start no server, which takes five times as long as a tiny fit, unless marked ``served``."""
    monkeypatch.setenv("FREAK_DISABLED", "0" if request.node.get_closest_marker("served") else "1")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Freak folder of the test's own."""
    home = tmp_path / "home"
    monkeypatch.setenv("FREAK_HOME", str(home))
    return home


@pytest.fixture
def start(tmp_path: Path, home: Path) -> Iterator[Callable[..., Training]]:
    """Start trainings that end with the test."""
    started: list[Training] = []

    def start(*options: str, **settings: Any) -> Training:
        out = tmp_path / f"out-{len(started)}"
        out.mkdir()
        started.append(Training(out, home, *options, **settings))
        return started[-1]

    yield start
    for training in started:
        training.close()
