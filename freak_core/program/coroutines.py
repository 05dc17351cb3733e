"""Coroutines of the program: async actions and ``on_change`` functions, awaited from Freak's threads."""

import asyncio
import concurrent.futures
import functools
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable

from freak_core.errors import ConfigurationError, described
from freak_core.interrupts import let_interrupts_through

logger: logging.Logger = logging.getLogger("freak")

_LOOK = 0.2
"""How often a thread that waits for a coroutine looks whether its event loop still runs, in seconds."""


_starting = threading.Lock()


class Loop:
    """Awaits coroutines of the program, whatever thread asks.

    They run on the event loop in which ``notice`` was called last. They run on a loop of Freak's own, in a
    thread of its own, if there is none, if it has ended, or if the thread that asks is the one that runs it:
    that thread would wait for itself.
    """

    def __init__(self) -> None:
        self._programs: asyncio.AbstractEventLoop | None = None
        self._own: asyncio.AbstractEventLoop | None = None

    def __reduce__(self) -> "tuple[type[Loop], tuple[()]]":
        """Let a Freak be pickled before it is started, as some launchers of ranks do: a lock cannot be."""
        return Loop, ()

    def notice(self) -> None:
        """Remember the event loop that runs in this thread, if one does."""
        self._programs = _running() or self._programs

    def awaited(self, value: object) -> object:
        """Return ``value``, or its result if it must be awaited."""
        if not inspect.isawaitable(value):
            return value
        loop = self._loop()
        future = asyncio.run_coroutine_threadsafe(_result(value), loop)
        while True:
            try:
                return future.result(_LOOK)
            except concurrent.futures.TimeoutError:
                if future.done():  # its own TimeoutError
                    raise
                if not loop.is_running():
                    future.cancel()
                    raise RuntimeError("the event loop ended before the coroutine did") from None

    def begin(self, value: object, patience: float) -> None:
        """Await ``value`` if it must be awaited. Go on after ``patience`` seconds all the same.

        What it raises is logged.
        """
        if not inspect.isawaitable(value):
            return
        if _running() is not None and _running() is self._programs:  # it runs as soon as this thread lets it
            loop, patience = _running(), 0.0
        else:
            loop = self._loop()
        future = asyncio.run_coroutine_threadsafe(_result(value), loop)  # type: ignore[arg-type]
        future.add_done_callback(_log)
        if patience:
            concurrent.futures.wait([future], patience)

    def _loop(self) -> asyncio.AbstractEventLoop:
        programs = self._programs
        if programs is not None and programs.is_running() and programs is not _running():
            return programs
        with _starting:
            if self._own is None:
                self._own = asyncio.new_event_loop()
                run = functools.partial(_run, self._own)
                threading.Thread(target=run, name="freak-coroutines", daemon=True).start()
            return self._own

    def close(self) -> None:
        """End the loop of Freak's own, with what still runs on it; nobody waits for that."""
        with _starting:
            own, self._own = self._own, None
        if own is not None:
            own.call_soon_threadsafe(own.stop)


def checked_callable(function: Callable[..., object], what: str) -> Callable[..., object]:
    """Return ``function`` if a call runs it.

    Raises:
        ConfigurationError: it cannot be called, or a call would only make a generator.
    """
    if not callable(function):
        raise ConfigurationError(f"{what} must be a function, not {type(function).__name__}: {function!r}")
    inner: object = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    called = inner if inspect.isroutine(inner) or inspect.isclass(inner) else type(inner).__call__
    if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
        raise ConfigurationError(f"{what} cannot be a generator, which a call does not run: {function!r}")
    return function


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.close()


async def _result(value: Awaitable[object]) -> object:
    try:
        return await value
    except (SystemExit, KeyboardInterrupt) as error:  # either would end the event loop
        let_interrupts_through(error)
        raise RuntimeError(described(error)) from error


def _log(future: "concurrent.futures.Future[object]") -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.error("an on_change function of the program failed; the change stays", exc_info=error)
