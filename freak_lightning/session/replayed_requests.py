"""Replayed requests: those of a journal, at the control points at which they were applied."""

from collections.abc import Callable, Mapping, Sequence

from freak_core import Entry, Store, Write
from freak_lightning.control import JournalLine
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.namespace import Trainer, rank_zero_info, rank_zero_warn
from freak_lightning.session.setup_facts import facts_of

BY = "replay"
"""Who asked, in the receipts of a replay."""


class ReplayedRequests:
    """Requests from a journal; every rank has them all, so there is nothing to agree on.

    Args:
        trainer: the fit that repeats.
        store: where rank zero writes receipts.
        journal: the journal's lines of one run.
    """

    live = False
    """Whether more may come while training stands still."""

    def __init__(self, trainer: Trainer, store: Store, journal: Sequence[JournalLine]) -> None:
        self._trainer = trainer
        self._store = store
        self._journal = journal
        self._entries = [line for line in journal if is_replayed(line)]
        self._weights = {
            _place(line): line["applied"]["weights"]
            for line in reversed(journal)
            if line.get("applied") and line["applied"].get("weights")
        }
        """The fingerprint of the weights at each point that has a receipt; the first receipt's."""
        self._recorded_steps = {step for step, _, _ in self._weights}
        self._same_until: int | None = None
        self._diverged = False
        store.closed = "this run replays a journal and takes no live requests"
        self._known: list[str] = []
        starting = next((line for line in journal if line.get("phase") == "starting"), {})
        self._warn_of(facts_of(trainer), starting)

    def begin(self, setup: dict[str, object]) -> None:
        """Compare what is known when training begins; leave out what a resumed checkpoint contains."""
        setups = [line["setup"] for line in self._journal if isinstance(line.get("setup"), dict)]
        self._warn_of(setup, setups[0] if setups else {})
        before = [entry for entry in self._entries if self._is_in_checkpoint(entry)]
        if before:
            self._entries = [entry for entry in self._entries if entry not in before]
            rank_zero_info(
                f"Freak: {len(before)} requests of the journal came before the checkpoint that this replay "
                "resumes"
            )

    def _is_in_checkpoint(self, line: JournalLine) -> bool:
        """Return whether a request was applied before the point at which this run begins."""
        applied, step = line["applied"], self._trainer.global_step
        return step > 0 and (
            applied["step"] < step or (applied["step"] == step and applied["point"] == "step")
        )

    def _warn_of(self, now: dict[str, object], then: Mapping[str, object]) -> None:
        differing = [name for name in now if name in then and then[name] != now[name]]
        for name in differing:
            difference = f"{name}: {then[name]} then, {now[name]} now"
            self._known.append(difference)
            rank_zero_warn(f"this replay differs from the journal's run in {difference}")

    def compare(self, point: Point) -> None:
        """Compare the weights on rank zero with those of the journal's run; warn where they first differ."""
        if not self._trainer.is_global_zero:
            return  # of sharded weights it has another part
        recorded = self._weights.get((point.step, point.kind, point.batch))
        if self._diverged or recorded is None or point.weights is None:
            return
        if recorded == point.weights:
            self._same_until = point.step
            return
        self._diverged = True
        since = "" if self._same_until is None else f"; at step {self._same_until} they were the same"
        why = "; ".join(self._known) or "nothing that the journal records of both runs: compare data and code"
        rank_zero_warn(
            f"this replay diverged at step {point.step}: the weights differ from those of the journal's run"
            f"{since}. What differs: {why}"
        )
        applied = point.applied(self._trainer.world_size)
        self._store.record("replay", applied, {"diverged_at_step": point.step, "differs": self._known})

    def wake_with(self, wake: Callable[[], None]) -> bool:
        """Return False: every step must be looked at."""
        return False

    @property
    def waiting(self) -> bool:
        """False: each request has its step."""
        return False

    def skip(self) -> bool:
        """Skip no step."""
        return False

    def due(self, *, last_batch: bool) -> bool:
        """Return whether the journal has requests for this step."""
        step = self._trainer.global_step
        return step in self._recorded_steps or any(
            entry["applied"]["step"] == step for entry in self._entries
        )

    def at(self, point: Point) -> list[Entry]:
        """Return the requests that were applied at this point."""
        here = [entry for entry in self._entries if _was_at(entry, point)]
        self._entries = [entry for entry in self._entries if entry not in here]
        writes = [Write.from_receipt(entry) for entry in here]
        return [Entry(self._store.admit(write, by=BY), write) for write in writes]

    def at_epoch_end(self, point: Point) -> list[Entry]:
        """Return the requests that were applied at the end of the epoch."""
        return self.at(point)

    def at_train_end(self, point: Point) -> list[Entry]:
        """Return the requests that were applied when training was over."""
        return self.at(point)

    def at_beat(self) -> list[Entry]:
        """Return nothing: a replay does not pause."""
        return []

    def left_over(self) -> int:
        """Return how many requests were never reached."""
        return len(self._entries)


def is_replayed(line: JournalLine) -> bool:
    """Return whether a journal's line is a request to repeat: one that was applied and was not our own."""
    return line.get("status") == "applied" and line.get("by") != "freak" and bool(line.get("applied"))


def _was_at(entry: JournalLine, point: Point) -> bool:
    return _place(entry) == (point.step, point.kind, point.batch)


def _place(line: JournalLine) -> tuple[int, str, int | None]:
    applied = line["applied"]
    return applied["step"], applied["point"], applied.get("batch")
