"""The store against a model so simple that it is right: a dict, a revision and a list of what waits."""

import contextlib
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import BaseModel, Field

from freak_core import Action, Conflict, NotFound, Receipt, Refused, Rejected, RunOver, Store, Write
from freak_core.program.store import Apply


class Small(BaseModel):
    a: int = Field(1, ge=0, le=9)
    b: int = Field(2, ge=0, le=9)


class Heard:
    """A listener that remembers what it was told."""

    def __init__(self) -> None:
        self.receipts: dict[str, Receipt] = {}
        self.revisions: list[int] = []
        self.value: Any = None

    def receipt(self, receipt: Receipt) -> None:
        before = self.receipts.get(receipt.id)
        assert before is None or (before.status == "accepted" and before.seq == receipt.seq)
        self.receipts[receipt.id] = receipt

    def state(self, revision: int, value: Any) -> None:
        self.revisions.append(revision)
        self.value = value


NUMBERS = st.integers(-2, 11)
NAMES = st.sampled_from("ab")
ANY_NAMES = st.sampled_from("abz")


class StoreNow(RuleBasedStateMachine):
    """Writes are applied as they arrive."""

    apply_when: ClassVar[Apply] = "now"

    @initialize()
    def start(self) -> None:
        self.heard = Heard()
        self.live = Small()
        self.calls = 0
        actions = {"count": Action(self.count, "count"), "fail": Action(self.fail, "fail")}
        self.store = Store(self.live, self.apply_when, actions=actions, listener=self.heard)
        self.value = {"a": 1, "b": 2}
        self.revision = 0
        self.expected_calls = 0
        self.waiting: list[tuple[str, dict[str, Any] | None]] = []
        self.keys: dict[str, tuple[Any, str]] = {}

    def count(self, by: int) -> int:
        self.calls += by
        return self.calls

    def fail(self) -> None:
        raise RuntimeError("on purpose")

    def submit(self, write: Write, change: dict[str, Any] | None, valid: bool) -> Receipt | None:
        """Submit; follow in the model what must come of it. ``change`` is None for an action."""
        try:
            receipt = self.store.submit(write)
        except (Rejected, NotFound, Conflict) as refused:
            self.refused(refused, valid)
            return None
        assert valid
        if self.apply_when == "sync":
            assert receipt.status == "accepted"
            self.waiting.append((receipt.id, change))
        else:
            self.follow(receipt, change)
        return receipt

    def refused(self, refused: Refused, valid: bool) -> None:
        assert not valid
        assert refused.receipt is not None
        assert refused.receipt["status"] == "rejected"

    def follow(self, receipt: Receipt, change: dict[str, Any] | None) -> None:
        if change is None:
            self.expected_calls += receipt.name == "count"
            assert receipt.status == ("failed" if receipt.name == "fail" else "applied")
            assert receipt.changes == []
            return
        changes = {
            f"/{name}": (self.value[name], new) for name, new in change.items() if self.value[name] != new
        }
        self.value |= change
        self.revision += bool(changes)
        assert receipt.status == "applied"
        assert {c.path: (c.old, c.new) for c in receipt.changes} == changes
        assert receipt.revision == self.revision

    @rule(values=st.dictionaries(ANY_NAMES, NUMBERS, max_size=3))
    def patch(self, values: dict[str, int]) -> None:
        valid = "z" not in values and all(0 <= number <= 9 for number in values.values())
        self.submit(Write("patch", (), dict(values)), values, valid)

    @rule(name=ANY_NAMES, number=NUMBERS)
    def put(self, name: str, number: int) -> None:
        self.submit(Write("put", (name,), number), {name: number}, name != "z" and 0 <= number <= 9)

    @rule(name=st.none() | NAMES)
    def reset(self, name: str | None) -> None:
        initial = {"a": 1, "b": 2}
        change = initial if name is None else {name: initial[name]}
        self.submit(Write("reset", () if name is None else (name,)), change, True)

    @rule(values=st.dictionaries(ANY_NAMES, NUMBERS, max_size=3))
    def dry_run(self, values: dict[str, int]) -> None:
        told = len(self.heard.receipts)
        with contextlib.suppress(Refused):
            assert self.store.submit(Write("patch", (), dict(values), dry_run=True)).seq == 0
        assert len(self.heard.receipts) == told

    @rule(behind=st.integers(0, 2), number=st.integers(0, 9))
    def conditional(self, behind: int, number: int) -> None:
        write = Write("patch", (), {"a": number}, if_match=self.revision - behind)
        self.submit(write, {"a": number}, behind == 0 and not self.waiting)

    @rule(key=st.sampled_from("kl"), number=st.integers(0, 10))
    def with_a_key(self, key: str, number: int) -> None:
        write = Write("patch", (), {"b": number}, key=key)
        if key not in self.keys:
            receipt = self.submit(write, {"b": number}, number <= 9)
            made = receipt or list(self.heard.receipts.values())[-1]
            self.keys[key] = (number, made.id)
            return
        first, receipt_id = self.keys[key]
        try:
            assert self.store.submit(write) == self.heard.receipts[receipt_id]
            assert number == first
        except Rejected:
            assert number != first

    @rule(name=st.sampled_from(["count", "fail", "nothing"]), by=st.sampled_from([1, "1"]))
    def action(self, name: str, by: Any) -> None:
        body = {"by": by} if name == "count" else {}
        self.submit(Write("action", (), body, name), None, name != "nothing" and (name != "count" or by == 1))

    @precondition(lambda self: not self.waiting)
    @rule(number=st.integers(0, 9))
    def the_program_changes_it(self, number: int) -> None:
        self.revision += self.value["b"] != number
        self.live.b = self.value["b"] = number
        self.store.refresh()

    @invariant()
    def the_state_is_as_expected(self) -> None:
        assert self.live.model_dump() == self.value == self.store.public()
        assert self.store.revision == self.revision
        assert self.heard.revisions == list(range(1, self.revision + 1))
        assert self.heard.value in (None, self.value)
        assert self.calls == self.expected_calls

    @invariant()
    def receipts_are_numbered_without_gaps(self) -> None:
        assert [receipt.seq for receipt in self.heard.receipts.values()] == [
            *range(1, len(self.heard.receipts) + 1)
        ]
        assert self.store.receipts.since(0) == list(self.heard.receipts.values())

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        self.store.close("over")
        assert all(receipt.settled for receipt in self.heard.receipts.values())
        for receipt_id, _ in self.waiting:
            assert self.heard.receipts[receipt_id].status == "failed"
        before = dict(self.value)
        try:
            self.store.submit(Write("patch", (), {"a": 5}))
        except RunOver:
            assert self.live.model_dump() == before
        else:
            raise AssertionError("a closed store took a write")


class StoreSync(StoreNow):
    """Writes wait until the program takes them."""

    apply_when: ClassVar[Apply] = "sync"

    @rule()
    def sync(self) -> None:
        waiting, self.waiting = self.waiting, []
        taken = self.store.take()
        assert [entry.receipt_id for entry in taken] == [receipt_id for receipt_id, _ in waiting]
        for entry, (_, change) in zip(taken, waiting, strict=True):
            self.follow(self.store.carry_out(entry), change)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(chosen)
        assert self.store.cancel(chosen[0]).status == "cancelled"

    @rule(data=st.data())
    def cancel_what_has_ended(self, data: st.DataObject) -> None:
        ended = [r for r in self.heard.receipts.values() if r.status in ("applied", "failed", "rejected")]
        if not ended:
            return
        try:
            self.store.cancel(data.draw(st.sampled_from(ended)).id)
        except RunOver:
            return
        raise AssertionError("what has ended was cancelled")


class TestStoreNow(StoreNow.TestCase):
    settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


class TestStoreSync(StoreSync.TestCase):
    settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
