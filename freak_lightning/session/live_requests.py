"""Live requests: what clients ask rank zero for, in the order that rank zero decides."""

import json
from collections.abc import Callable
from math import ceil

from freak_core import Entry, Store, Write
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.loops import trained_batches
from freak_lightning.lightning_api.namespace import Trainer
from freak_lightning.ranks.cadence import Cadence, Sync
from freak_lightning.ranks.collectives import Collectives


class LiveRequests:
    """Takes requests from rank zero's store and brings them to every rank.

    All ranks must call every method at the same points.
    """

    live = True
    """Whether more may come while training stands still."""

    def __init__(self, trainer: Trainer, store: Store, collectives: Collectives, sync: Sync) -> None:
        self._trainer = trainer
        self._store = store
        self._collectives = collectives
        self._cadence = Cadence(sync)

    def wake_with(self, wake: Callable[[], None]) -> bool:
        """Say whether no step has to be counted, since ``wake`` is called as soon as a request waits."""
        if self._trainer.world_size == 1:
            self._store.on_pending = lambda _: wake()
        return self._trainer.world_size == 1

    @property
    def waiting(self) -> bool:
        """Whether a request waits here, on rank zero."""
        return self._store.pending

    def skip(self) -> bool:
        """Count one optimizer step and say so, if the next point is far; equal on all ranks."""
        return self._trainer.world_size > 1 and self._cadence.skip()

    def due(self, *, last_batch: bool) -> bool:
        """Count one optimizer step and say whether to look for requests after it."""
        if self._trainer.world_size == 1:
            return self._store.pending
        return self._cadence.due(last_batch)

    def at(self, point: Point) -> list[Entry]:
        """Return what to do at this point."""
        return _entries(self._cadence.exchange(self._collectives, self._offer(), self._scheduled_in(point)))

    def at_epoch_end(self, point: Point) -> list[Entry]:
        """Return what to do at the end of an epoch, by the collective that every strategy has."""
        text: str = self._trainer.strategy.broadcast(json.dumps(self._offer()), src=0)
        return _entries(json.loads(text))

    def at_train_end(self, point: Point) -> list[Entry]:
        """Return nothing: what comes now is too late."""
        return []

    def at_beat(self) -> list[Entry]:
        """Return what to do while training stands still; the next step looks again."""
        shared, _ = self._collectives.broadcast(self._offer(), 1)
        self._cadence.agreed(1)
        return _entries(shared)

    def cost(self) -> dict[str, float] | None:
        """Return what agreeing costs, as ``Cadence.cost``; any thread may call it."""
        return self._cadence.cost()

    def left_over(self) -> int:
        """Return how many requests were never reached; those of clients fail with the end of the run."""
        return 0

    def _scheduled_in(self, point: Point) -> int | None:
        """Return, on rank zero, after how many batches a scheduled request is due; None if there is none."""
        scheduled = self._store.steps_until_due(point.step, point.epoch + 1 if point.last_batch else None)
        if scheduled is None:
            return None
        # Several optimizers, or manual optimization, count several steps a batch.
        batches = max(1, trained_batches(self._trainer))
        a_batch = max(1, ceil(point.step / batches))
        return max(1, scheduled // a_batch)

    def _offer(self) -> list[dict[str, object]] | None:
        """Return what rank zero decides to do now, for all."""
        if not self._trainer.is_global_zero:
            return None
        due = self._store.take(self._trainer.global_step, self._trainer.current_epoch)
        return [{"id": entry.receipt_id, **entry.write.to_json()} for entry in due] or None


def _entries(shared: list[dict[str, object]] | None) -> list[Entry]:
    return [Entry(str(one["id"]), Write.from_json(one)) for one in shared or ()]
