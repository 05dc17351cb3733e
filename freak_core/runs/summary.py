"""The summary of a run: how far it came, how it ended, and what its folder lacks."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from freak_core.messages.protocol import UNRECORDED
from freak_core.runs.process import Process

LARGEST_SUMMARY = 4 << 20
"""Bytes of a summary that are read at most: 5,000 metrics with long names need two million."""

TOO_FAST = "the program published faster than they could be sent"
"""Why points are missing that the program had no room to keep until they were sent."""


class Checkpoint(BaseModel):
    """A checkpoint that a request has made. The file may be gone by now."""

    path: str
    step: int | None = None
    seq: int = 0


class Summary(BaseModel):
    """What ``summary.json`` says of a run.

    Attributes:
        id, name: of the run.
        started_at, updated_at, ended_at: times as in RFC 3339; without ``ended_at`` the run goes on, or it
            is lost.
        facts: what ``GET /run`` said.
        newest: the last point of each metric, ``[step, seconds since the epoch, value]``.
        segment_of: the number of the segment of that point. A run that goes back to an earlier step begins a
            new segment.
        segments: how many segments the metrics have.
        seq: the number of the newest event whose points are in the folder.
        missing: which metrics are not in the folder, and why.
        checkpoints: the checkpoints that requests have made.
        launcher: the ids of SLURM, torchrun and Kubernetes.
        pid_space, pid_started: with ``facts["host"]`` and ``facts["pid"]`` they name the process.
    """

    model_config = ConfigDict(extra="ignore")

    id: str
    name: str
    started_at: str
    updated_at: str
    ended_at: str | None = None
    facts: dict[str, object]
    newest: dict[str, tuple[float | None, float, float | None]] = {}
    segment_of: dict[str, int] = {}
    segments: int = 0
    seq: int = 0
    missing: list[dict[str, object]] = []
    checkpoints: list[Checkpoint] = []
    launcher: dict[str, str] = {}
    pid_space: str | None = None
    pid_started: float | None = None

    @property
    def process(self) -> Process | None:
        """The process of the program; None if the facts do not name it."""
        host, pid = self.facts.get("host"), self.facts.get("pid")
        if not isinstance(host, str) or type(pid) is not int:
            return None
        return Process(host, self.pid_space, pid, self.pid_started)


def unrecorded(facts: Mapping[str, object]) -> list[dict[str, object]]:
    """Return which points a program could not send, as an entry of ``missing``; empty if it sent all."""
    count = facts.get(UNRECORDED)
    return [{"points": count, "why": TOO_FAST}] if type(count) is int and count > 0 else []
