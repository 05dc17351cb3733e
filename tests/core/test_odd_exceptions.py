"""Whatever the program's own code raises, the request has an answer and the next ones are answered, too."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Any, Literal, NoReturn

import pytest
from pydantic import BaseModel, field_serializer, field_validator

from freak_core import Client, ConfigurationError, Failed, Freak, Receipt, Refused
from tests.core.conftest import Serve
from tests.waiting import eventually


class Own(BaseException):
    """As of a library that wants no ``except Exception`` to catch it."""


class Silent(Exception):  # noqa: N818
    """It cannot even say what is wrong."""

    def __str__(self) -> str:
        raise GeneratorExit


def deeper(depth: int = 0) -> int:
    return deeper(depth + 1)


RAISED: dict[str, Callable[[], BaseException]] = {
    "CancelledError": asyncio.CancelledError,
    "GeneratorExit": GeneratorExit,
    "SystemExit": lambda: SystemExit(3),
    "Own": Own,
    "Silent": Silent,
    "RecursionError": lambda: RecursionError("too deep"),
}


class Tuned(BaseModel):
    lr: float = 0.1


def use(freak: Freak) -> Client:
    return Client(freak.link, timeout=15)


def raising(name: str) -> NoReturn:
    if name == "RecursionError":
        deeper()
    raise RAISED[name]()


def test_what_an_action_raises_is_told_and_the_next_action_runs(served: Serve) -> None:
    freak = Freak(port=0)
    freak.action(name="give_up")(raising)
    freak.action(name="count")(lambda: 1)
    served(Tuned(), freak=freak)
    with use(freak) as run:
        for at, name in enumerate(RAISED, 1):
            with pytest.raises(Failed, match=name) as caught:
                run.call("give_up", name=name, wait=10)
            assert "othing was changed" not in str(caught.value)
            assert run.receipts()[-1].status == "failed"
            assert run.call("count", wait=10).result == 1
            assert run.set({"lr": at / 10}).status == "applied"


def test_what_a_coroutine_raises_leaves_the_event_loop_to_the_next_one(served: Serve) -> None:
    freak = Freak(port=0)

    @freak.action
    async def give_up(name: str) -> None:
        await asyncio.sleep(0)
        raise {**RAISED, "KeyboardInterrupt": KeyboardInterrupt}[name]()

    @freak.action
    async def count() -> int:
        return 1

    served(Tuned(), freak=freak)
    with use(freak) as run:
        for name in ("CancelledError", "SystemExit", "KeyboardInterrupt", "Own"):
            with pytest.raises(Failed, match=name):
                run.call("give_up", name=name, wait=10)
            assert run.call("count", wait=10).result == 1


def test_what_an_action_raises_inside_sync_does_not_reach_the_program(served: Serve) -> None:
    freak = Freak(port=0, apply="sync")
    freak.action(name="give_up")(raising)
    served(Tuned(), freak=freak)
    with use(freak) as run:
        for step, name in enumerate(RAISED, 1):
            asked = run.call("give_up", name=name)
            eventually(lambda: freak.store.pending)
            (receipt,) = freak.sync(step=step)
            assert (receipt.id, receipt.status) == (asked.id, "failed")
            run.set({"lr": step / 10})
            assert [each.status for each in freak.sync(step=step)] == ["applied"]


def test_ctrl_c_in_an_action_reaches_the_program_and_the_request_has_its_end(served: Serve) -> None:
    freak = Freak(port=0, apply="sync")

    @freak.action
    def interrupted() -> None:
        raise KeyboardInterrupt

    served(Tuned(), freak=freak)
    with use(freak) as run:
        asked = run.call("interrupted")
        with pytest.raises(KeyboardInterrupt):
            freak.sync(step=1)
        ended = run.wait(asked, timeout=10)
        assert (ended.status, "KeyboardInterrupt" in str(ended)) == ("failed", True)


@pytest.mark.parametrize("apply", ["now", "sync"])
def test_what_on_change_raises_leaves_the_change_and_its_receipt(
    served: Serve, caplog: pytest.LogCaptureFixture, apply: Literal["now", "sync"]
) -> None:
    state, heard = Tuned(), []
    freak = Freak(port=0, apply=apply)

    @freak.on_change
    def told(receipt: Receipt) -> None:
        raising(str(receipt.note))

    @freak.on_change
    def told_too(receipt: Receipt) -> None:
        heard.append(receipt.id)

    served(state, freak=freak)
    with use(freak) as run:
        for step, name in enumerate(RAISED, 1):
            asked = run.set({"lr": step / 10 + 1}, note=name)
            freak.sync(step=step)
            assert run.wait(asked, timeout=10).status == "applied"
            assert state.lr == step / 10 + 1
            assert heard.pop() == asked.id
            assert caplog.text.count("an on_change function of the program failed") == step
            assert "othing was changed" not in caplog.text


class Judged(BaseModel):
    lr: float = 0.1
    other: int = 0
    how: str = ""

    @field_validator("lr")
    @classmethod
    def _judge(cls, value: float) -> float:
        if value > 1:
            raising(list(RAISED)[int(value) - 2])
        return value


def test_what_a_validator_raises_refuses_the_request_and_changes_nothing(served: Serve) -> None:
    state = Judged()
    freak = served(state)
    with use(freak) as run:
        for at, name in enumerate(RAISED):
            with pytest.raises(Refused, match=name):
                run.set({"lr": at + 2.0, "other": -1})
            assert run.receipts()[-1].status == "rejected"
            assert (state.lr, state.other) == (0.1, at)
            assert run.set({"other": at + 1}).status == "applied"


class Shy:
    def __repr__(self) -> str:
        raise SystemExit(3)


class Hidden(BaseModel):
    lr: float = 0.1
    odd: Any = None

    @field_serializer("odd")
    def _serialize(self, value: Any) -> Any:
        raise GeneratorExit


def test_a_value_that_cannot_be_shown_ends_nothing(served: Serve) -> None:
    freak = Freak(port=0)
    freak.action(name="shy")(lambda: [Shy()])
    served(Hidden(odd=Shy()), freak=freak)
    with use(freak) as run:
        assert run.call("shy", wait=10).status == "applied"
        freak.publish(step=1, loss=Shy(), fine=0.5)  # type: ignore[arg-type]
        freak.phase("odd", shy=Shy())
        freak.observe(lambda: (1, {"step": Shy()}))
        assert run.set({"lr": 0.2}).status == "applied"
        freak.observe(lambda: raising("GeneratorExit"))
        freak.publish(step=2, loss=1.0)
        assert run.wait_for(step=2, timeout=10)["step"] == 2


# -- numbers -------------------------------------------------------------------------------------

LONG = 10**5000


class Wide(BaseModel):
    lr: float = 0.1
    big: int = 0
    many: list[int] = []


@pytest.fixture(params=[sys.int_info.default_max_str_digits, 0, 640], ids=["limit", "no limit", "low limit"])
def digits(request: pytest.FixtureRequest) -> Any:
    """What the program has set as the longest integer that it reads and writes."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(request.param)
    yield request.param
    sys.set_int_max_str_digits(before)


def test_integers_without_end_are_dropped_and_remote_control_goes_on(served: Serve, digits: int) -> None:
    freak = Freak(port=0)
    freak.action(name="long")(lambda: {"result": [LONG, 7]})
    state = Wide()
    served(state, freak=freak)
    with use(freak) as run:
        freak.publish(step=1, loss=LONG, fine=0.5)
        freak.log({"other": LONG})
        freak.publish(step=LONG, epoch=LONG)
        freak.phase("long", number=LONG, total_steps=LONG)
        receipt = run.call("long", wait=10)
        assert receipt.result["result"][1] == 7
        assert "5001 digits" in receipt.result["result"][0]
        state.big, state.many = LONG, [1, LONG]
        assert "5001 digits" in eventually(lambda: run.get("big"))
        assert run.get("many")[0] == 1
        freak.publish(step=7, loss=0.5)
        assert run.wait_for(step=7, timeout=10)["step"] == 7
        assert eventually(lambda: run.series("fine"))["fine"][0][2] == 0.5
        state.big, state.many = 0, []
        assert run.set({"lr": 0.2}).status == "applied"
    assert "5001 digits" in freak.journal_path.read_text()


@pytest.mark.parametrize(
    "step",
    ["x", "7", [3], {"a": 1}, object(), float("nan"), LONG],
    ids=["letter", "digit", "list", "dict", "object", "nan", "long"],
)
def test_a_step_that_is_no_number_is_left_out(
    served: Serve, caplog: pytest.LogCaptureFixture, step: Any
) -> None:
    freak = served(Tuned())
    with use(freak) as run:
        freak.publish(step=3, epoch=1, loss=0.25)
        run.wait_for(step=3, timeout=10)
        freak.publish(step=step, epoch=step, loss=0.5)
        freak.log({"other": 1.0}, step=step)
        freak.phase("odd", step=step)
        run.wait_for(phase="odd", timeout=10)
        freak.publish(step=9, loss=0.125)
        assert run.wait_for(step=9, timeout=10)["step"] == 9
        told = eventually(lambda: len(points := run.series("loss")["loss"]) == 3 and points)
        assert [value for _, _, value in told] == [0.25, 0.5, 0.125]
        assert run.set({"lr": 0.2}).status == "applied"
    if not isinstance(step, float):
        assert "no number" in caplog.text


# -- circles -------------------------------------------------------------------------------------


class Node(BaseModel):
    lr: float = 0.1
    next: Any = None
    items: list[Any] = []


def circle() -> Node:
    node = Node()
    node.next = node
    return node


def ring() -> Node:
    node = Node(items=[])
    node.items.append(node.items)
    return node


@pytest.mark.parametrize("make", [circle, ring])
def test_a_state_that_comes_to_contain_itself_answers_each_request(
    served: Serve, make: Callable[[], Node]
) -> None:
    state = Node()
    freak = served(state)
    made = make()
    state.next, state.items = made.next, made.items
    with use(freak) as run:
        try:
            run.set({"lr": 0.2})
        except Refused:
            assert state.lr == 0.1
            assert run.receipts()[-1].status in ("rejected", "failed")
        else:
            assert state.lr == 0.2
        assert isinstance(run.get("lr"), float)
        state.next, state.items = None, []
        assert run.set({"lr": 0.3}).status == "applied"


def test_a_state_that_contains_itself_from_the_start_is_read_or_refused(served: Serve) -> None:
    for make in (circle, ring):
        with contextlib.suppress(ConfigurationError), use(served(make())) as run:
            assert run.get("lr") == 0.1


def test_an_action_may_return_a_circle(served: Serve) -> None:
    freak = Freak(port=0)

    @freak.action
    def around() -> Any:
        found: list[Any] = []
        found.append(found)
        return {"found": found, "node": circle()}

    served(Tuned(), freak=freak)
    with use(freak) as run:
        assert run.call("around", wait=10).status == "applied"
        assert run.set({"lr": 0.2}).status == "applied"
