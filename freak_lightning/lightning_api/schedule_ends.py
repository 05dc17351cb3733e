"""Where a schedule ends: when ``OneCycleLR`` raises, a cosine rises again, a polynomial stays at 0."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
)


@dataclass(frozen=True, slots=True)
class ScheduleEnd:
    """The end of one scheduler, also of one inside another.

    ``left`` is how often the outermost scheduler can be stepped until then. ``then`` says what its rate does
    afterwards; None if it raises.
    """

    scheduler: str
    left: int
    then: str | None


def ends_of(scheduler: object) -> list[ScheduleEnd]:
    """Return the ends of a scheduler and of those in it that are still to come."""
    return [end for end in _ends(scheduler, begun=True) if end.left >= 0]


def steps_left(scheduler: object) -> int | None:
    """Return how often a scheduler can be stepped before an ``OneCycleLR`` in it raises; None without one."""
    return min((end.left for end in ends_of(scheduler) if end.then is None), default=None)


def unforeseeable(scheduler: object) -> list[str]:
    """Return the classes of the schedulers, also of those inside, whose rates only the program knows."""
    inner = _inner(scheduler)
    if inner:
        return [name for each in inner for name in unforeseeable(each)]
    torchs = type(scheduler).__module__.startswith("torch.optim.")
    if (torchs or _end_of(scheduler)) and not isinstance(scheduler, LambdaLR | MultiplicativeLR):
        return []
    return [type(scheduler).__name__]


def _ends(scheduler: object, *, begun: bool) -> Iterator[ScheduleEnd]:
    if isinstance(scheduler, SequentialLR):
        yield from _ends_in_sequence(scheduler, scheduler.last_epoch if begun else 0)
        return
    end = _end_of(scheduler)
    if end is not None:
        done = getattr(scheduler, "last_epoch", 0) if begun else 0
        yield replace(end, left=end.left - done)
    for inner in _inner(scheduler):
        yield from _ends(inner, begun=begun)


def _end_of(scheduler: object) -> ScheduleEnd | None:
    """Return the end of one scheduler that has not begun."""
    name = type(scheduler).__name__
    match scheduler:
        case OneCycleLR():
            return ScheduleEnd(name, int(scheduler.total_steps), None)
        case CosineAnnealingLR():
            return ScheduleEnd(name, int(scheduler.T_max), "its rate rises again")
        case PolynomialLR():
            return ScheduleEnd(name, scheduler.total_iters, "its rate is 0")
        case LinearLR():
            rate = "is 0" if scheduler.end_factor == 0 else "changes no more"
            return ScheduleEnd(name, scheduler.total_iters, f"its rate {rate}")
    return None


def _ends_in_sequence(sequence: SequentialLR, done: int) -> Iterator[ScheduleEnd]:
    """Yield the ends that come before the next scheduler of the sequence takes over.

    Private in torch: a sequence does not say of what it consists.
    """
    milestones, schedulers = vars(sequence)["_milestones"], vars(sequence)["_schedulers"]
    for scheduler, start, end in zip(schedulers, [0, *milestones], [*milestones, None], strict=True):
        if end is not None and end <= done:
            continue
        for each in _ends(scheduler, begun=start <= done and done > 0):
            until = each.left + max(0, int(start) - done)
            if end is None or (each.then is None and until < end - 1 - done):
                yield replace(each, left=until)


def _inner(scheduler: object) -> list[object]:
    """Return the schedulers that another one steps: a sequence, a chain, or a wrapper of any library."""
    values = list(vars(scheduler).values()) if hasattr(scheduler, "__dict__") else []
    flat = [inner for value in values for inner in (value if isinstance(value, list | tuple) else [value])]
    return [inner for inner in flat if isinstance(inner, LRScheduler)]
