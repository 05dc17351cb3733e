"""A signal waits until the block is left, and nobody's handler is lost."""

import os
import signal
from threading import Thread
from typing import Any

import pytest

from freak_lightning.ranks.deferred_signal import DeferredSignal

SIGNAL = signal.SIGUSR1


@pytest.fixture
def came() -> Any:
    """A handler that notes what came."""
    came: list[int] = []
    former = signal.signal(SIGNAL, lambda signum, _: came.append(signum))
    yield came
    signal.signal(SIGNAL, former)


def test_the_handler_gets_the_signal_after_the_block(came: list[int]) -> None:
    handler = signal.getsignal(SIGNAL)
    with DeferredSignal(SIGNAL) as deferred:
        os.kill(os.getpid(), SIGNAL)
        assert deferred.came
        assert came == []
    assert came == [SIGNAL]
    assert signal.getsignal(SIGNAL) is handler


def test_without_a_signal_nothing_is_delivered(came: list[int]) -> None:
    with DeferredSignal(SIGNAL) as deferred:
        pass
    assert not deferred.came
    assert came == []


def test_a_signal_nobody_handles_is_left_alone() -> None:
    assert signal.getsignal(SIGNAL) is signal.SIG_DFL
    with DeferredSignal(SIGNAL):
        assert signal.getsignal(SIGNAL) is signal.SIG_DFL


def test_outside_the_main_thread_handlers_stay(came: list[int]) -> None:
    handler = signal.getsignal(SIGNAL)
    seen: list[Any] = []

    def block() -> None:
        with DeferredSignal(SIGNAL):
            seen.append(signal.getsignal(SIGNAL))

    thread = Thread(target=block)
    thread.start()
    thread.join(5)
    assert seen == [handler]


def test_a_signal_can_be_delivered_that_came_to_another_rank_and_later_ones_are_dropped(
    came: list[int],
) -> None:
    with DeferredSignal(SIGNAL) as deferred:
        deferred.deliver()
        assert came == [SIGNAL]
    os.kill(os.getpid(), SIGNAL)
    assert came == [SIGNAL]
