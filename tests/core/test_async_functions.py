"""Async actions and on_change functions are awaited: on the program's event loop, or on one of Freak's."""

import asyncio
import functools
import logging
import threading
from typing import Any

import pytest
from pydantic import BaseModel

from freak_core import Client, Failed, Freak, Receipt, Store, Write
from tests.waiting import eventually


class State(BaseModel):
    lr: float = 0.1


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("FREAK_HOME", str(tmp_path))


class Flusher:
    """An object whose call is a coroutine."""

    async def __call__(self, times: int) -> int:
        await asyncio.sleep(0)
        return 7 * times


async def flush(times: int) -> int:
    await asyncio.sleep(0)
    return 7 * times


def flush_later(times: int) -> Any:
    """Return a coroutine, without being ``async``."""
    return flush(times)


@pytest.mark.parametrize("apply", ["now", "sync"])
def test_an_async_action_runs_to_its_end_and_its_result_is_in_the_receipt(apply: Any) -> None:
    freak = Freak(port=0, apply=apply)
    functions = [flush, flush_later, Flusher(), functools.partial(flush), Flusher().__call__]
    for at, function in enumerate(functions):
        freak.action(name=f"flush-{at}")(function)
    with freak.control(State()), Client(freak.link) as run:
        for at in range(len(functions)):
            receipt = run.call(f"flush-{at}", times=2)
            if apply == "sync":
                (receipt,) = freak.sync(step=3)
            else:
                receipt = run.wait(receipt.id, 10)
            assert (receipt.status, receipt.result) == ("applied", 14), functions[at]


def test_an_async_action_that_raises_has_failed_and_says_why() -> None:
    freak = Freak(port=0)

    @freak.action
    async def flush() -> None:
        await asyncio.sleep(0)
        raise TimeoutError("the disk is slow")

    with freak.control(State()), Client(freak.link) as run:
        with pytest.raises(Failed, match="flush failed: TimeoutError: the disk is slow"):
            run.call("flush", wait=10)
        run.set({"lr": 0.2}, wait=10)


def test_in_an_async_program_an_action_runs_on_its_event_loop() -> None:
    ran_in: list[Any] = []

    async def program() -> Any:
        lock = asyncio.Lock()
        freak = Freak(port=0)

        @freak.action
        async def flush() -> str:
            async with lock:
                ran_in.append(asyncio.get_running_loop())
            return threading.current_thread().name

        with freak.control(State()), Client(freak.link) as run:
            receipt = await asyncio.to_thread(run.call, "flush", wait=10)
        return receipt.result, asyncio.get_running_loop()

    thread, loop = asyncio.run(asyncio.wait_for(program(), 30))
    assert ran_in == [loop]
    assert thread == threading.current_thread().name


def test_the_loop_in_which_control_is_called_counts_for_actions_registered_before() -> None:
    freak = Freak(port=0)

    @freak.action
    async def where() -> int:
        return id(asyncio.get_running_loop())

    async def program() -> bool:
        with freak.control(State()), Client(freak.link) as run:
            receipt = await asyncio.to_thread(run.call, "where", wait=10)
        return bool(receipt.result == id(asyncio.get_running_loop()))

    assert asyncio.run(asyncio.wait_for(program(), 30))


def test_sync_on_the_event_loop_itself_does_not_wait_for_itself() -> None:
    async def program() -> list[Receipt]:
        freak = Freak(port=0, apply="sync")
        freak.action(flush)
        with freak.control(State()), Client(freak.link) as run:
            await asyncio.to_thread(run.call, "flush", times=1)
            return freak.sync(step=1)

    (receipt,) = asyncio.run(asyncio.wait_for(program(), 30))
    assert (receipt.status, receipt.result) == ("applied", 7)


def test_an_action_whose_event_loop_ends_fails() -> None:
    freak = Freak(port=0)
    begun, loop = threading.Event(), asyncio.new_event_loop()

    async def register() -> None:
        @freak.action
        async def hang() -> None:
            begun.set()
            await asyncio.sleep(600)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(register(), loop).result(10)
    with freak.control(State()), Client(freak.link) as run:
        receipt = run.call("hang")
        assert begun.wait(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        ended = run.wait(receipt.id, 10)
        assert "the event loop ended before the coroutine did" in str(ended)
        assert ended.status == "failed"
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_an_async_on_change_function_is_awaited(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[float] = []
    freak = Freak(port=0)

    @freak.on_change
    async def note(receipt: Receipt) -> None:
        await asyncio.sleep(0)
        heard.append(receipt.changes[0].new)
        if receipt.changes[0].new == 0.3:
            raise ValueError("not this one")

    with freak.control(State()), Client(freak.link) as run:
        for rate in (0.2, 0.3, 0.4):
            run.set({"lr": rate}, wait=10)
        eventually(lambda: heard == [0.2, 0.3, 0.4])
    assert "not this one" in caplog.text


def test_an_async_on_change_function_on_the_programs_loop_does_not_stop_sync() -> None:
    async def program() -> list[str]:
        heard: list[str] = []
        freak = Freak(port=0, apply="sync")

        @freak.on_change
        async def note(receipt: Receipt) -> None:
            await asyncio.sleep(0)
            heard.append(receipt.status)

        with freak.control(State()), Client(freak.link) as run:
            await asyncio.to_thread(run.set, {"lr": 0.2})
            freak.sync(step=1)
            for _ in range(1000):
                await asyncio.sleep(0 if heard else 0.01)
        return heard

    assert asyncio.run(asyncio.wait_for(program(), 30)) == ["applied"]


def test_an_on_change_function_that_hangs_holds_up_the_next_request_for_a_second_only() -> None:
    freak = Freak(port=0)
    end = threading.Event()

    @freak.on_change
    async def hang(_: Receipt) -> None:
        await asyncio.to_thread(end.wait, 60)

    with freak.control(State()), Client(freak.link) as run:
        assert run.set({"lr": 0.2}, wait=10).status == "applied"
        assert run.set({"lr": 0.3}, wait=10).status == "applied"
        end.set()


def test_a_store_without_a_program_awaits_too(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    async def note(receipt: Receipt) -> None:
        heard.append(receipt.status)

    store = Store(State(), on_change=[note])
    with caplog.at_level(logging.ERROR):
        store.submit(Write("patch", body={"lr": 0.2}))
    eventually(lambda: heard == ["applied"])
    assert not caplog.records
