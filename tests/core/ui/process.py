"""``freak ui`` as a process, as a test starts it."""

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

from freak_core.addresses import token_in


class Ui:
    """A process of ``freak ui``.

    Args:
        home: its FREAK_HOME.
        options: of the command line.

    Attributes:
        link: what it has printed.
        http: a connection with its token.
        anyone: a connection without a token.
    """

    def __init__(self, home: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "freak_core.cli", "ui", "--no-open", *(options or ("--port", "0"))],
            env={**os.environ, "FREAK_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        self.link = lines.get(timeout=60).strip()
        assert self.link, self.process.communicate(timeout=60)[1]
        self.url, self.token = token_in(self.link)
        self.anyone = httpx.Client(base_url=self.url, timeout=60, trust_env=False, verify=False)
        allowed = {"Authorization": f"Bearer {self.token}"}
        self.http = httpx.Client(
            base_url=self.url, headers=allowed, timeout=60, trust_env=False, verify=False
        )

    @property
    def port(self) -> int:
        """The port that it has."""
        return httpx.URL(self.url).port

    def runs(self) -> list[dict[str, Any]]:
        """Return the list of runs."""
        answer = self.http.get("runs")
        assert answer.status_code == 200, answer.text
        return answer.json()["runs"]

    def row(self, run_id: str) -> dict[str, Any]:
        """Return one row of the list."""
        return next(row for row in self.runs() if row["id"] == run_id)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End the process with a signal; return its exit code and what it wrote to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def __enter__(self) -> "Ui":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.anyone.close()
        try:
            self.end(signal.SIGINT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate(timeout=30)
