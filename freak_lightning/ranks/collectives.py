"""Agreement: rank zero decides, and every rank gets the same decision at the same point."""

import json
from datetime import timedelta
from typing import Any, Protocol

import torch
import torch.distributed as dist

from freak_lightning.lightning_api.namespace import Trainer


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

    def __init__(self, timeout: timedelta) -> None:
        self._group: dist.ProcessGroup | None = dist.new_group(backend="gloo", timeout=timeout)
        self._rank = dist.get_rank()
        self._world_size = dist.get_world_size()
        self._underway = False

    def share(self, decision: Any, next_in: int) -> tuple[Any, int]:
        """Return rank zero's decision."""
        payload = _to_bytes(decision)
        header = torch.tensor([len(payload), next_in], dtype=torch.int64)
        self._broadcast(header)
        size, next_in = header.tolist()
        if not size:
            return None, next_in
        data = _to_tensor(payload) if self._rank == 0 else torch.empty(size, dtype=torch.uint8)
        self._broadcast(data)
        return json.loads(data.numpy().tobytes()), next_in

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return the outcomes of all ranks in their order."""
        payload = _to_bytes(outcome)
        sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self._world_size)]
        self._all_gather(sizes, torch.tensor([len(payload)]))
        longest = int(max(sizes))
        if not longest:
            return [None] * self._world_size
        mine = torch.zeros(longest, dtype=torch.uint8)
        if payload:
            mine[: len(payload)] = _to_tensor(payload)
        theirs = [torch.empty(longest, dtype=torch.uint8) for _ in range(self._world_size)]
        self._all_gather(theirs, mine)
        texts = [data[: int(size)].numpy().tobytes() for data, size in zip(theirs, sizes, strict=True)]
        return [json.loads(text) if text else None for text in texts]

    def everyones(self, text: str) -> list[str] | None:
        """Return the texts of all ranks."""
        return [str(each) for each in self.gather(text)]

    def _broadcast(self, data: torch.Tensor) -> None:
        self._underway = True
        dist.broadcast(data, src=0, group=self._group)
        self._underway = False

    def _all_gather(self, theirs: list[torch.Tensor], mine: torch.Tensor) -> None:
        self._underway = True
        dist.all_gather(theirs, mine, group=self._group)
        self._underway = False

    def close(self) -> None:
        """Destroy the group; local to each rank.

        Not where an exception came in the middle of a collective: destroying would wait for the other ranks.
        """
        if self._underway or self._group is None or not dist.is_initialized():
            return
        dist.destroy_process_group(self._group)
        self._group = None  # the last reference: its threads end now, not with the interpreter


def agreement_for(trainer: Trainer) -> Agreement:
    """Return how the ranks of this trainer agree. All ranks must call it."""
    if trainer.world_size == 1:
        return Alone()
    if dist.is_available() and dist.is_initialized():
        # The user may have raised the strategy's timeout, for rank zero's slow work between two steps.
        timeout = getattr(trainer.strategy, "_timeout", None) or timedelta(minutes=30)
        return OverGloo(max(timeout, timedelta(minutes=30)))
    return OverStrategy(trainer)


def _to_bytes(value: Any) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


def _to_tensor(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
