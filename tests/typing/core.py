"""A program as a user writes it: mypy --strict and pyright must know every type. It is checked, never run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import assert_type

from pydantic import BaseModel, Field

from freak_core import Applied, Client, Freak, Receipt, Store, Write, control


class Settings(BaseModel):
    """What may be steered."""

    lr: float = Field(default=1e-3, gt=0)
    epochs: int = 10


def one_line() -> None:
    """Control a state in one line."""
    freak = control(Settings(), port=0, name="typed")
    assert_type(freak, Freak[Settings])
    assert_type(freak.snapshot(), Settings)
    assert_type(freak.store, Store[Settings])
    assert_type(freak.store.model.lr, float)
    assert_type(freak.locked(), AbstractContextManager[Settings])
    with freak.locked() as settings:
        assert_type(settings.epochs, int)
    takes_any(freak)
    freak.stop()


def two_steps() -> None:
    """Make a Freak first, and give it the state later."""
    freak = Freak(port=0, apply="sync", allowed_hosts=["node1"])
    assert_type(freak, Freak[BaseModel])

    @freak.action
    def save(name: str, keep: int = 3) -> str:
        return f"{name}-{keep}"

    @freak.action(name="forget", confirm=True)
    def drop() -> None: ...

    assert_type(save("best"), str)
    assert_type(drop, Callable[[], None])

    @freak.on_change
    def tell(receipt: Receipt) -> None:
        applied: Applied | None = receipt.applied
        print(receipt.line(), applied.step if applied else None)

    with freak.control(Settings()) as typed:
        assert_type(typed, Freak[Settings])
        for step in range(3):
            assert_type(typed.sync(step=step), list[Receipt])
            typed.publish(step=step, loss=0.5)
        typed.store.submit(Write("patch", body={"lr": 0.1}, at_step=3, note="warm up"))
    tell(Receipt(kind="patch"))


def takes_any(freak: Freak) -> str:
    """Take a Freak of any state."""
    return freak.url


def from_outside() -> None:
    """Steer a run."""
    client = Client("http://127.0.0.1:4444", token="a-token-of-some-length")
    receipt = client.set({"lr": 3e-4}, wait=30, note="spike", if_match=client.revision(), at_step=100)
    assert_type(receipt, Receipt)
    assert_type(client.receipts(last=5), list[Receipt])
