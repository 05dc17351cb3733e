"""Agreement: rank zero decides, and every rank gets the same decision at the same point."""

import json
import time
from datetime import timedelta
from typing import Any, Literal, Protocol

import torch
import torch.distributed as dist
from lightning.pytorch import Trainer

Sync = int | Literal["epoch", "auto"]

_BUDGET = 0.005
"""The share of step time that agreeing may cost with ``sync="auto"``."""

_LONGEST = 1000
"""Control points are at most this many optimizer steps apart with ``sync="auto"``."""


class Agreement(Protocol):
    """How ranks agree. All ranks must call every method at the same points."""

    def share(self, decision: Any, next_in: int) -> tuple[Any, int]:
        """Return rank zero's decision (JSON, or None for none) and how many steps on the next point is."""

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return the outcomes of all ranks, as far as they can be told."""

    def everyones(self, text: str) -> list[str] | None:
        """Return the texts of all ranks in their order, or None where they cannot be told."""

    def close(self) -> None:
        """Let go of what was set up."""


class Alone:
    """One process: nothing to agree on."""

    def share(self, decision: Any, next_in: int) -> tuple[Any, int]:
        """Return the decision."""
        return decision, next_in

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return the one outcome."""
        return [outcome]

    def everyones(self, text: str) -> list[str] | None:
        """Return the one text."""
        return [text]

    def close(self) -> None:
        """Nothing to let go of."""


class OverStrategy:
    """Ranks without torch.distributed, through the strategy's own collectives on primitives."""

    def __init__(self, trainer: Trainer) -> None:
        self._strategy = trainer.strategy
        self._world_size = trainer.world_size

    def share(self, decision: Any, next_in: int) -> tuple[Any, int]:
        """Return rank zero's decision."""
        text = self._strategy.broadcast(json.dumps([decision, next_in]), src=0)
        decision, next_in = json.loads(text)
        return decision, next_in

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return this rank's outcome, and whether another rank has failed."""
        others_well = self._strategy.reduce_boolean_decision(outcome is None, all=True)
        return [
            outcome or (None if others_well else "another rank failed; its log says why")
        ] * self._world_size

    def everyones(self, text: str) -> list[str] | None:
        """Return None: a strategy's own collectives carry texts from rank zero only."""
        return None

    def close(self) -> None:
        """Nothing to let go of."""


class OverGloo:
    """Ranks with torch.distributed: a header of two integers, and a payload only when there is one.

    The group is our own, so that no header waits behind a gradient, and on CPU, so that none waits for the
    GPU. JSON travels, never pickle.
    """

    def __init__(self) -> None:
        self._group = dist.new_group(backend="gloo", timeout=timedelta(minutes=30))
        self._rank = dist.get_rank()
        self._world_size = dist.get_world_size()

    def share(self, decision: Any, next_in: int) -> tuple[Any, int]:
        """Return rank zero's decision."""
        payload = _to_bytes(decision)
        header = torch.tensor([len(payload), next_in], dtype=torch.int64)
        dist.broadcast(header, src=0, group=self._group)
        size, next_in = header.tolist()
        if not size:
            return None, next_in
        data = _to_tensor(payload) if self._rank == 0 else torch.empty(size, dtype=torch.uint8)
        dist.broadcast(data, src=0, group=self._group)
        return json.loads(data.numpy().tobytes()), next_in

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return the outcomes of all ranks in their order."""
        payload = _to_bytes(outcome)
        sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self._world_size)]
        dist.all_gather(sizes, torch.tensor([len(payload)]), group=self._group)
        longest = int(max(sizes))
        if not longest:
            return [None] * self._world_size
        mine = torch.zeros(longest, dtype=torch.uint8)
        if payload:
            mine[: len(payload)] = _to_tensor(payload)
        theirs = [torch.empty(longest, dtype=torch.uint8) for _ in range(self._world_size)]
        dist.all_gather(theirs, mine, group=self._group)
        texts = [data[: int(size)].numpy().tobytes() for data, size in zip(theirs, sizes, strict=True)]
        return [json.loads(text) if text else None for text in texts]

    def everyones(self, text: str) -> list[str] | None:
        """Return the texts of all ranks."""
        return [str(each) for each in self.gather(text)]

    def close(self) -> None:
        """Destroy the group; local to each rank."""
        if dist.is_initialized():
            dist.destroy_process_group(self._group)


def agreement_for(trainer: Trainer) -> Agreement:
    """Return how the ranks of this trainer agree. All ranks must call it."""
    if trainer.world_size == 1:
        return Alone()
    if dist.is_available() and dist.is_initialized():
        return OverGloo()
    return OverStrategy(trainer)


class Cadence:
    """When the next control point is, in optimizer steps; equal on all ranks, since rank zero's is shared.

    Args:
        sync: every so many steps; ``"epoch"`` for the last step of an epoch only; ``"auto"`` for as often
            as keeps the cost of agreeing under 0.5% of the time of a step.
    """

    def __init__(self, sync: Sync) -> None:
        self._sync = sync
        self._left = 1
        self._step_time = 0.0
        self._cost = 0.0
        self._seen: float | None = None

    def due(self, last_batch: bool) -> bool:
        """Count one optimizer step and say whether the ranks shall agree now."""
        self._clock()
        self._left -= 1
        return self._left <= 0 or last_batch

    def proposal(self) -> int:
        """Return, on rank zero, how many steps on the next point shall be."""
        if self._sync == "epoch":
            return 2**40
        if isinstance(self._sync, int):
            return self._sync
        if not self._step_time:
            return 1
        return max(1, min(_LONGEST, round(self._cost / (_BUDGET * self._step_time))))

    def agreed(self, next_in: int, took: float | None = None) -> None:
        """Note the next point, and what agreeing without a payload has cost in seconds, if measured."""
        self._left = next_in
        self._seen = None
        if took is not None:
            self._cost = took if not self._cost else 0.9 * self._cost + 0.1 * took

    def _clock(self) -> None:
        now = time.perf_counter()
        if self._seen is not None:
            took = now - self._seen
            self._step_time = took if not self._step_time else 0.9 * self._step_time + 0.1 * took
        self._seen = now


def _to_bytes(value: Any) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


def _to_tensor(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
