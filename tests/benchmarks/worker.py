"""The worker: a process that measures, told what to do in JSON lines over its standard input."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

DEADLINE = 300.0
"""Seconds after which a worker that does not end counts as hung."""


class Worker:
    """Runs ``python -m tests.benchmarks.NAME OPTION...`` on one core, with one torch thread.

    Args:
        core: where the process starts; it may pin itself elsewhere. None for all cores.
    """

    def __init__(
        self, name: str, *options: str, core: int | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._home = tempfile.TemporaryDirectory()
        ours = {"FREAK_HOME": self._home.name, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.benchmarks.{name}", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            env={**os.environ, **ours, **(environment or {})},
            text=True,
        )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})

    def tell(self, message: Any) -> None:
        """Send one message."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """Wait for one message."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # Lightning and torch may print, too
                return json.loads(line)
        raise RuntimeError(f"{self._process.args} ended without an answer")

    def ask(self, message: Any) -> Any:
        """Send one message and wait for its answer."""
        self.tell(message)
        return self.hear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(0.1 if error else DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)
        self._home.cleanup()


def messages() -> Iterator[Any]:
    """Yield what the worker, this process, is told."""
    for line in iter(sys.stdin.readline, ""):
        yield json.loads(line)


def answer(message: Any) -> None:
    """Answer as the worker."""
    print(json.dumps(message), flush=True)
