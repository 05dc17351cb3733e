"""Collectives: rank zero's decision on every rank, and the outcomes of all ranks. All values are JSON."""

import json
from datetime import timedelta
from typing import Protocol, TypeVar

import torch
import torch.distributed as dist

from freak_core import Failed, Refused, refusal

Decision = TypeVar("Decision")
"""A value that JSON can hold; the other ranks get it as ``json.loads`` returns it."""

_SHORTEST_TIMEOUT = timedelta(minutes=30)


class Strategy(Protocol):
    """The two collectives on primitives that every Lightning strategy has."""

    def broadcast(self, obj: Decision, src: int = 0) -> Decision:
        """Return rank ``src``'s object."""

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:  # noqa: A002 - Lightning's name
        """Return whether all ranks decided True, or any of them."""


class Collectives(Protocol):
    """What the ranks can exchange. All ranks must call the same methods in the same order."""

    def broadcast(self, decision: Decision, next_in: int) -> tuple[Decision, int]:
        """Return rank zero's decision and rank zero's ``next_in``, the optimizer steps to the next point."""

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return the outcome of every rank, in rank order; some strategies know only that another failed."""

    def all_gather(self, text: str) -> list[str] | None:
        """Return the text of every rank, in rank order, or None if the strategy cannot exchange texts."""

    def close(self) -> None:
        """Free the process group, if there is one."""


class SingleProcess:
    """One process: every method returns its own values."""

    def broadcast(self, decision: Decision, next_in: int) -> tuple[Decision, int]:
        """Return the arguments."""
        return decision, next_in

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return this process's outcome."""
        return [outcome]

    def all_gather(self, text: str) -> list[str] | None:
        """Return this process's text."""
        return [text]

    def close(self) -> None:
        """Do nothing."""


class StrategyCollectives:
    """Collectives of the training strategy, for ranks without torch.distributed."""

    def __init__(self, strategy: Strategy, world_size: int) -> None:
        self._strategy = strategy
        self._world_size = world_size

    def broadcast(self, decision: Decision, next_in: int) -> tuple[Decision, int]:
        """Return rank zero's arguments."""
        decision, next_in = json.loads(self._strategy.broadcast(json.dumps([decision, next_in]), src=0))
        return decision, next_in

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return this rank's outcome for every rank, or the note that another rank failed."""
        no_rank_failed = self._strategy.reduce_boolean_decision(outcome is None, all=True)
        if outcome is None and not no_rank_failed:
            outcome = "another rank failed; see that rank's log"
        return [outcome] * self._world_size

    def all_gather(self, text: str) -> list[str] | None:
        """Return None: a strategy's collectives carry texts from rank zero only."""
        return None

    def close(self) -> None:
        """Do nothing."""


class GlooCollectives:
    """Collectives over a gloo process group of Freak's own.

    A separate group, so that no message waits behind a gradient; gloo runs on CPU, so that none waits for
    the GPU. ``broadcast`` sends a header of two integers, and a payload only if there is a decision.
    Messages are JSON, never pickle.
    """

    def __init__(self, timeout: timedelta) -> None:
        self._group: dist.ProcessGroup | None = dist.new_group(backend="gloo", timeout=timeout)
        self._rank = dist.get_rank()
        self._world_size = dist.get_world_size()
        self._in_collective = False

    def broadcast(self, decision: Decision, next_in: int) -> tuple[Decision, int]:
        """Return rank zero's arguments."""
        payload = _to_bytes(decision)
        header = torch.tensor([len(payload), next_in], dtype=torch.int64)
        self._broadcast(header)
        size, next_in = header.tolist()
        if not size:
            return json.loads("null"), next_in
        data = _to_tensor(payload) if self._rank == 0 else torch.empty(size, dtype=torch.uint8)
        self._broadcast(data)
        return json.loads(data.numpy().tobytes()), next_in

    def gather(self, outcome: str | None) -> list[str | None]:
        """Return the outcome of every rank, in rank order."""
        payload = _to_bytes(outcome)
        sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self._world_size)]
        self._all_gather(sizes, torch.tensor([len(payload)]))
        longest = int(max(sizes))
        if not longest:
            return [None] * self._world_size
        mine = torch.zeros(longest, dtype=torch.uint8)
        if payload:
            mine[: len(payload)] = _to_tensor(payload)
        received = [torch.empty(longest, dtype=torch.uint8) for _ in range(self._world_size)]
        self._all_gather(received, mine)
        texts = [data[: int(size)].numpy().tobytes() for data, size in zip(received, sizes, strict=True)]
        return [json.loads(text) if text else None for text in texts]

    def all_gather(self, text: str) -> list[str] | None:
        """Return the text of every rank, in rank order."""
        return [str(each) for each in self.gather(text)]

    def _broadcast(self, data: torch.Tensor) -> None:
        self._in_collective = True
        dist.broadcast(data, src=0, group=self._group)
        self._in_collective = False

    def _all_gather(self, received: list[torch.Tensor], mine: torch.Tensor) -> None:
        self._in_collective = True
        dist.all_gather(received, mine, group=self._group)
        self._in_collective = False

    def close(self) -> None:
        """Destroy the process group on this rank; no collective, and a second call does nothing.

        The group stays if a collective was interrupted by an exception: destroying it would wait for the
        other ranks.
        """
        if self._in_collective or self._group is None or not dist.is_initialized():
            return
        dist.destroy_process_group(self._group)
        self._group = None  # drop the last reference: the group's threads end now, not with the interpreter


def collectives_for(world_size: int, strategy: Strategy, timeout: timedelta | None) -> Collectives:
    """Return the collectives for a training of ``world_size`` ranks. All ranks must call it.

    Args:
        world_size: number of ranks.
        strategy: whose collectives to use if torch.distributed is not initialized.
        timeout: that of the strategy's own collectives. Ours is never shorter, nor shorter than 30 minutes:
            rank zero may do slow work between two steps, and the other ranks wait for it here.
    """
    if world_size == 1:
        return SingleProcess()
    if dist.is_available() and dist.is_initialized():
        return GlooCollectives(max(timeout or _SHORTEST_TIMEOUT, _SHORTEST_TIMEOUT))
    return StrategyCollectives(strategy, world_size)


def agreed_failure(collectives: Collectives, failure: Refused | None) -> Refused | None:
    """Return the failure that all ranks agree on, or None if no rank failed. All ranks must call it.

    It is that of the lowest rank that failed; its detail says which ranks failed, unless all failed alike.
    """
    outcomes = collectives.gather(None if failure is None else json.dumps(failure.problem()))
    failed = [rank for rank, outcome in enumerate(outcomes) if outcome is not None]
    if not failed:
        return None
    agreed = _to_refusal(str(outcomes[failed[0]]))
    if len(set(outcomes)) > 1:
        ranks = "all ranks" if len(failed) == len(outcomes) else f"rank {', '.join(map(str, failed))}"
        agreed.detail += f" (on {ranks} of {len(outcomes)})"
    return agreed


def on_any(collectives: Collectives, here: bool) -> bool:
    """Return whether ``here`` is True on any rank. All ranks must call it."""
    return any(outcome is not None for outcome in collectives.gather("yes" if here else None))


def _to_refusal(text: str) -> Refused:
    try:
        return refusal(json.loads(text))
    except ValueError:
        return Failed(text)


def _to_bytes(value: object) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


def _to_tensor(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
