"""A signal waits until the block is left, and its handler gets it once."""

import os
import signal
from threading import Thread
from typing import Any

import pytest

from freak_lightning.ranks.deferred_signal import deferred

SIGNAL = signal.SIGUSR1


@pytest.fixture
def came() -> Any:
    """A handler that notes what came."""
    came: list[int] = []
    former = signal.signal(SIGNAL, lambda signum, _: came.append(signum))
    yield came
    signal.signal(SIGNAL, former)


def test_the_handler_gets_the_signal_after_the_block_and_none_that_follows(came: list[int]) -> None:
    with deferred(SIGNAL) as noted:
        os.kill(os.getpid(), SIGNAL)
        os.kill(os.getpid(), SIGNAL)
        assert noted
        assert came == []
    assert came == [SIGNAL]
    os.kill(os.getpid(), SIGNAL)
    assert came == [SIGNAL]


def test_a_block_that_raises_delivers_the_signal_too(came: list[int]) -> None:
    def block() -> None:
        with deferred(SIGNAL):
            os.kill(os.getpid(), SIGNAL)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert came == [SIGNAL]


def test_without_a_signal_the_handler_is_not_called_and_is_back(came: list[int]) -> None:
    handler = signal.getsignal(SIGNAL)
    with deferred(SIGNAL) as noted:
        pass
    assert not noted
    assert came == []
    assert signal.getsignal(SIGNAL) is handler


def test_a_signal_nobody_handles_is_left_alone() -> None:
    assert signal.getsignal(SIGNAL) is signal.SIG_DFL
    with deferred(SIGNAL):
        assert signal.getsignal(SIGNAL) is signal.SIG_DFL


def test_outside_the_main_thread_handlers_stay(came: list[int]) -> None:
    handler = signal.getsignal(SIGNAL)
    seen: list[Any] = []

    def block() -> None:
        with deferred(SIGNAL):
            seen.append(signal.getsignal(SIGNAL))

    thread = Thread(target=block)
    thread.start()
    thread.join(5)
    assert seen == [handler]


def test_the_handler_is_called_for_a_signal_that_came_to_another_rank(came: list[int]) -> None:
    with deferred(SIGNAL) as noted:
        noted.append(SIGNAL)
    assert came == [SIGNAL]
