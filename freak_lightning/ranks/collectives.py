"""Collectives: rank zero's decision on every rank, and what all ranks say. All values are JSON."""

import json
from datetime import timedelta
from typing import Protocol, TypeVar

import torch
import torch.distributed as dist

from freak_core import Failed, Refused, refusal
from freak_lightning.ranks.gloo_group import GlooGroup, group_timeout, open_gloo_group
from freak_lightning.ranks.interrupts import Interrupted, KeptInterrupt, failure_of, interrupted_elsewhere
from freak_lightning.ranks.lost_ranks import told_as_lost_ranks

Decision = TypeVar("Decision")
"""A value that JSON can hold; the other ranks get it as ``json.loads`` returns it."""

_BITS = 62
"""Flags in one number of a reduction: a number that is too large would raise on one rank alone."""

_USUAL_TIMEOUT = timedelta(minutes=30)
"""Lightning's timeout of collectives, where the strategy does not say its own."""

NO_GROUP = (
    "Freak could not connect the ranks with each other over gloo ({}). They agree over the training's own "
    "collectives instead, which takes longer. If your machines have several networks, set GLOO_SOCKET_IFNAME "
    "to the interface on which they reach each other."
)


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

    def union(self, flags: int, width: int = 1) -> int:
        """Return the flags (bits) that any rank has set, of the lowest ``width`` bits."""

    def gather(self, text: str | None) -> list[str | None]:
        """Return the text of every rank, in rank order. Expensive with many ranks: ask ``union`` before."""

    def close(self) -> None:
        """Free the process group, if there is one."""


class SingleProcess:
    """One process: every method returns its own values."""

    def broadcast(self, decision: Decision, next_in: int) -> tuple[Decision, int]:
        """Return the arguments."""
        return decision, next_in

    def union(self, flags: int, width: int = 1) -> int:
        """Return the flags."""
        return flags

    def gather(self, text: str | None) -> list[str | None]:
        """Return this process's text."""
        return [text]

    def close(self) -> None:
        """Do nothing."""


class StrategyCollectives:
    """Collectives of the training strategy, for ranks that have no gloo group."""

    def __init__(self, strategy: Strategy, world_size: int) -> None:
        self._strategy = strategy
        self._world_size = world_size

    def broadcast(self, decision: Decision, next_in: int) -> tuple[Decision, int]:
        """Return rank zero's arguments."""
        decision, next_in = json.loads(self._sent(json.dumps([decision, next_in]), 0))
        return decision, next_in

    def union(self, flags: int, width: int = 1) -> int:
        """Return the flags that any rank has set; one reduction for each flag, or one if none is set."""
        if width > 1 and not self._any(flags != 0):
            return 0
        return sum(1 << bit for bit in range(width) if self._any(bool(flags >> bit & 1)))

    def _any(self, decision: bool) -> bool:
        with told_as_lost_ranks():
            return bool(self._strategy.reduce_boolean_decision(decision, all=False))

    def gather(self, text: str | None) -> list[str | None]:
        """Return the text of every rank: one broadcast from each."""
        mine = json.dumps(text)
        return [json.loads(self._sent(mine, rank)) for rank in range(self._world_size)]

    def _sent(self, text: str, source: int) -> str:
        with told_as_lost_ranks():
            return self._strategy.broadcast(text, src=source)

    def close(self) -> None:
        """Do nothing."""


class GlooCollectives:
    """Collectives over a gloo process group of Freak's own.

    A separate group, so that no message waits behind a gradient; gloo runs on CPU, so that none waits for
    the GPU. ``broadcast`` sends a header of two integers, and a payload only if there is a decision.
    Messages are JSON, never pickle.

    Only ``broadcast`` from rank zero and ``allreduce`` are used: both have been tried when the group was
    made, so every connection that they need exists.
    """

    def __init__(self, group: GlooGroup) -> None:
        self._group = group

    def broadcast(self, decision: Decision, next_in: int) -> tuple[Decision, int]:
        """Return rank zero's arguments."""
        payload = _to_bytes(decision)
        header = torch.tensor([len(payload), next_in], dtype=torch.int64)
        self._group.broadcast(header)
        size, next_in = header.tolist()
        if not size:
            return json.loads("null"), next_in
        data = _to_tensor(payload) if self._group.rank == 0 else torch.empty(size, dtype=torch.uint8)
        self._group.broadcast(data)
        return json.loads(data.numpy().tobytes()), next_in

    def union(self, flags: int, width: int = 1) -> int:
        """Return the flags that any rank has set, in one reduction."""
        shifts = range(0, width, _BITS)
        united = torch.tensor([flags >> shift & (1 << _BITS) - 1 for shift in shifts], dtype=torch.int64)
        self._group.union(united)
        return sum(int(word) << shift for word, shift in zip(united, shifts, strict=True))

    def gather(self, text: str | None) -> list[str | None]:
        """Return the text of every rank, in rank order."""
        payload = _to_bytes(text)
        sizes = torch.zeros(self._group.world_size, dtype=torch.int64)
        sizes[self._group.rank] = len(payload)
        self._group.union(sizes)
        ends = sizes.cumsum(0).tolist()
        if not ends[-1]:
            return [None] * self._group.world_size
        data = torch.zeros(ends[-1], dtype=torch.uint8)
        if payload:
            data[ends[self._group.rank] - len(payload) : ends[self._group.rank]] = _to_tensor(payload)
        self._group.union(data)
        spans = zip([0, *ends], ends, strict=False)
        texts = [data[start:end].numpy().tobytes() for start, end in spans]
        return [json.loads(text) if text else None for text in texts]

    def close(self) -> None:
        """Free the group on this rank; no collective, and a second call does nothing."""
        self._group.close()


def collectives_for(
    world_size: int, strategy: Strategy, timeout: timedelta | None
) -> tuple[Collectives, str]:
    """Return the collectives for a training of ``world_size`` ranks. All ranks must call it.

    Also returns why there is no gloo group, for a warning, if there is none where there could be one.

    Args:
        world_size: number of ranks.
        strategy: whose collectives to use if there can be no gloo group.
        timeout: that of the strategy's own collectives, if it says one. Ours is never longer, so a rank that
            is gone or stands still is noticed no later than without us.
    """
    if world_size == 1:
        return SingleProcess(), ""
    by_strategy = StrategyCollectives(strategy, world_size)
    if not (dist.is_available() and dist.is_initialized()):
        return by_strategy, ""
    known = [each for each in (timeout, group_timeout()) if each is not None]
    group, failure = open_gloo_group(by_strategy, min(known, default=_USUAL_TIMEOUT))
    return (by_strategy, failure) if group is None else (GlooCollectives(group), "")


def agreed_failure(collectives: Collectives, failure: Refused | None) -> Refused | None:
    """Return the failure that all ranks agree on, or None if no rank failed. All ranks must call it.

    It is that of the lowest rank that was interrupted or, if none was, that failed; its detail says which
    ranks failed, unless all failed alike. If a rank was interrupted, it is ``Interrupted`` on all ranks.
    """
    if not collectives.union(int(failure is not None)):
        return None
    outcomes = collectives.gather(None if failure is None else json.dumps(failure.problem()))
    failed = {rank: _problem(outcome) for rank, outcome in enumerate(outcomes) if outcome is not None}
    interrupted = [problem for problem in failed.values() if problem.get("interrupted")]
    agreed = refusal((interrupted or list(failed.values()))[0])
    if len(set(outcomes)) > 1:
        agreed.detail += f" (on {_named(list(failed), len(outcomes))} of {len(outcomes)})"
    if isinstance(failure, Interrupted):
        return Interrupted(agreed.detail, failure.error)
    return interrupted_elsewhere(agreed.detail) if interrupted else agreed


def end_if_interrupted(collectives: Collectives, kept: KeptInterrupt) -> None:
    """Raise on all ranks if one of them has kept an interrupt. All ranks must call it.

    Raises:
        BaseException: the interrupt, on the rank that has kept it.
        RankFailed: on the others; the message has the rank and its interrupt.
    """
    error, kept.error = kept.error, None
    agreed = agreed_failure(collectives, None if error is None else failure_of(error))
    if isinstance(agreed, Interrupted):
        raise agreed.error


def on_any(collectives: Collectives, here: bool) -> bool:
    """Return whether ``here`` is True on any rank. All ranks must call it."""
    return bool(collectives.union(int(here)))


def _named(failed: list[int], world_size: int) -> str:
    if len(failed) == world_size:
        return "all ranks"
    more = f" and {len(failed) - 8} more" if len(failed) > 8 else ""
    return f"rank {', '.join(map(str, failed[:8]))}{more}"


def _problem(text: str) -> dict[str, object]:
    try:
        problem: dict[str, object] = json.loads(text)
    except ValueError:
        return Failed(text).problem()
    return problem


def _to_bytes(value: object) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


def _to_tensor(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
