"""A run that is stopped while a request is carried out: what was done is not called failed."""

from pydantic import BaseModel

from freak_core import Action, Freak, Receipt, Store, Write
from freak_core.program.write_request import Entry


class State(BaseModel):
    rate: float = 1.0


def test_an_action_that_stops_the_run_was_applied(home: object) -> None:
    calls = []
    freak = Freak(port=0, apply="sync")

    @freak.action
    def leave() -> str:
        freak.stop()
        calls.append("leave")
        return "gone"

    freak.control(State())
    waiting = [freak.store.submit(Write("action", name=name, body={})) for name in ("leave", "leave")]
    receipts = freak.sync()
    assert [(each.status, each.result) for each in receipts] == [("applied", "gone"), ("failed", None)]
    assert calls == ["leave"]
    assert [freak.store.receipts.get(each.id) for each in waiting] == receipts


def test_only_what_was_not_begun_fails_at_the_end() -> None:
    store = Store(State(), "sync")
    store.actions["end"] = Action(lambda: store.close("over"), "end")
    taken = [
        store.submit(write)
        for write in (Write("action", name="end", body={}), Write("patch", body={"rate": 2}))
    ]
    entries = store.take()
    waits = store.submit(Write("patch", body={"rate": 3.0}))
    assert store.carry_out(entries[0]).status == "applied"
    found = [store.receipts.get(each.id) for each in (*taken, waits)]
    assert [each.status for each in found if each] == ["applied", "failed", "failed"]
    assert store.carry_out(Entry(taken[1].id, entries[1].write)).status == "failed"


def test_a_change_is_applied_though_the_run_stops_before_it_is_told() -> None:
    class Stopping(Store):
        def complete(self, *args: object, **options: object) -> Receipt | None:
            self.close("over")
            return super().complete(*args, **options)  # type: ignore[arg-type]

    store = Stopping(State())
    assert store.submit(Write("patch", body={"rate": 2.0})).status == "applied"
