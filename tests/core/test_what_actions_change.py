"""What an action changed is in its receipt, and in the state that is read after it."""

import threading
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from freak_core import Action, Client, Failed, Store, Write
from tests.core.conftest import Serve


class Layer(BaseModel):
    size: int = 1


class State(BaseModel):
    lr: float = 1.0
    items: list[int] = []
    layer: Layer = Layer()
    password: SecretStr = SecretStr("hush")


@pytest.mark.parametrize("apply", ["now", "sync"])
def test_readers_get_the_state_that_an_action_left(served: Serve, apply: Any) -> None:
    state = State()
    freak = served(state, apply=apply)

    @freak.action
    async def double() -> float:
        state.lr *= 2
        state.items.append(5)
        state.layer.size += 1
        return state.lr

    with Client(freak.link) as run:
        for turn in range(1, 4):
            receipt = run.call("double", wait=0 if apply == "sync" else 10)
            freak.sync(step=turn)
            receipt = run.wait(receipt.id, 10)
            assert run.get() == {
                **run.get(),
                "lr": 2.0**turn,
                "items": [5] * turn,
                "layer": {"size": 1 + turn},
            }
            assert [change.path for change in receipt.changes] == ["/lr", "/items", "/layer/size"]
            assert (receipt.result, receipt.revision) == (2.0**turn, turn)


def test_an_action_that_fails_after_it_changed_something_says_so(served: Serve) -> None:
    state = State()
    freak = served(state)

    @freak.action
    def half() -> None:
        state.lr = 7.0
        raise RuntimeError("half way")

    with Client(freak.link) as run, pytest.raises(Failed, match="half way") as caught:
        run.call("half", wait=10)
    changes = (caught.value.receipt or {})["changes"]
    assert [(each["path"], each["old"], each["new"]) for each in changes] == [("/lr", 1.0, 7.0)]
    assert freak.store.public()["lr"] == 7.0


def test_what_the_program_changed_before_and_secrets_are_not_in_the_receipt_of_an_action() -> None:
    state = State()
    store = Store(state)

    def rename() -> None:
        state.password = SecretStr("other")
        state.items = [1]

    store.actions["rename"] = Action(rename)
    state.lr = 3.0
    receipt = store.submit(Write("action", name="rename"))
    assert [(each.path, each.new) for each in receipt.changes] == [("/items", [1])]
    assert store.public()["lr"] == 3.0


def test_an_action_that_changes_nothing_leaves_the_revision() -> None:
    store = Store(State(), actions={"look": Action(threading.active_count, "look")})
    receipt = store.submit(Write("action", name="look"))
    assert (receipt.changes, receipt.revision, store.revision) == ([], 0, 0)
