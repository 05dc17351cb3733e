"""The script: the program's own code, from its first line, and how it ended."""

import atexit
import builtins
import contextlib
import dis
import functools
import sys
import threading
from collections.abc import Callable
from types import FrameType

from freak_core.interrupts import signal_underway
from freak_core.phases import Ending, exit_with, interrupted_by
from freak_core.program.store import Store
from freak_core.receipts import Receipt

_RETURNS = ("RETURN_VALUE", "RETURN_CONST")

_EXITS: tuple[tuple[object, str], ...] = ((sys, "exit"), (builtins, "exit"), (builtins, "quit"))
"""The functions that end a program with an exit code."""


class Script:
    """Tells how the program ended, once its main thread has left its first frame.

    Python does not say so: functions of ``atexit`` are called alike after the last line, after an exception
    and after ``sys.exit(3)``. The first frame says it: where it stands in the end, it returned or was left.
    """

    def __init__(self) -> None:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        while frame is not None and frame.f_back is not None:
            frame = frame.f_back
        self._first = frame
        self._handled = _identity(sys.exception())
        processes = sys.modules.get("multiprocessing.process")
        self._is_child = processes is not None and processes.parent_process() is not None

    def call_at_end(self, function: Callable[[], None]) -> None:
        """Call ``function`` as the program ends."""
        _note_exits()
        atexit.register(function)
        if self._is_child:  # it may end without atexit
            from multiprocessing.util import Finalize

            Finalize(None, function, exitpriority=0)

    def ending(self) -> Ending:
        """Return how the program ended."""
        if self._is_child:  # multiprocessing calls its finalizers before it handles what the child has raised
            return Ending.of(sys.exception())
        if self._first is None or _has_returned(self._first):
            return Ending("finished")
        traceback = getattr(sys, "last_traceback", None)
        if traceback is not None and traceback.tb_frame is self._first:  # else it is of a prompt's line
            return Ending.of(sys.last_value)
        if _noted:
            exit_ = _noted[-1]
            signal = exit_.signal
            return exit_with(exit_.code) if signal is None else interrupted_by(signal, SystemExit(exit_.code))
        return Ending("exited", "the program raised SystemExit; its exit code is not known")

    def ending_here(self, store: Store, caller: FrameType) -> Ending:
        """Return how a run ends whose program calls ``stop()`` in the frame ``caller``, and says no more.

        It says so by its place: in the handler of a signal, while an exception is handled, in an action.
        """
        signal = signal_underway()
        if signal is not None:
            return interrupted_by(signal)
        error = sys.exception()
        # One that was handled before the run began has not ended it.
        if error is not None and _identity(error) != self._handled and _is_handled_above(error, caller):
            return Ending.of(error)
        if store.context.receipt is not None:
            return _stopped(store.context.receipt)
        return finished_or_stopped(store)


def ending_said(error: BaseException | Ending | None, by: str | None, reason: str | None) -> Ending | None:
    """Return the ending that the arguments of ``stop()`` say; None if they say nothing."""
    if error is not None:
        return error if isinstance(error, Ending) else Ending.of(error)
    stopped = by is not None or reason is not None
    return Ending("stopped", stopped_by=by or "program", reason=reason) if stopped else None


def finished_or_stopped(store: Store) -> Ending:
    """Return how a run ended whose program has come to its end: by itself, or since it was asked to stop."""
    store.wait_for_begun()  # the program may see the change before the request has its receipt
    if store.lock.acquire(timeout=0.1):  # which the last one may just be writing
        store.lock.release()
    asked = store.receipts.stop_asked()
    return Ending("finished") if asked is None else _stopped(asked)


def _stopped(asked: Receipt) -> Ending:
    return Ending("stopped", stopped_by=asked.by, reason=asked.note)


def _has_returned(frame: FrameType) -> bool:
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] in _RETURNS


def _identity(error: BaseException | None) -> tuple[int, int] | None:
    traceback = error.__traceback__ if error is not None else None
    return None if traceback is None else (id(error), traceback.tb_lineno)


def _is_handled_above(error: BaseException, caller: FrameType) -> bool:
    """Whether ``caller`` handles ``error``, or a ``finally`` or ``with`` block above it passes it on."""
    frame: FrameType | None = caller
    while frame is not None:
        if error.__traceback__ is not None and error.__traceback__.tb_frame is frame:
            return frame is caller or _passes_on(frame)
        frame = frame.f_back
    return False


def _passes_on(frame: FrameType) -> bool:
    """Whether a frame that handles an exception is in no ``except`` block: the exception goes on."""
    names = [each.opname for each in dis.get_instructions(frame.f_code) if each.offset <= frame.f_lasti]
    while "PUSH_EXC_INFO" in names:  # begins a block that handles an exception
        names = names[names.index("PUSH_EXC_INFO") + 1 :]
    return names[:1] != ["POP_TOP"] and not {"CHECK_EXC_MATCH", "CHECK_EG_MATCH"} & set(names)


class _Exit:
    """A call of ``sys.exit`` on the main thread.

    Attributes:
        code: the exit code.
        signal: the signal whose handler has called it.
    """

    def __init__(self, code: object) -> None:
        self.code = code
        self.signal = signal_underway()


class _Witness:
    """Forgets a call of ``sys.exit`` whose exception has ended while the program went on."""

    def __init__(self, exit_: _Exit) -> None:
        self._at_exit = exit_

    def __del__(self) -> None:
        if sys._getframe().f_back is not None and self._at_exit in _noted:  # else the program has been left
            _noted.clear()


_noted: list[_Exit] = []
"""The last call of ``sys.exit`` on the main thread, unless the program has caught its exception."""


def _note_exits() -> None:
    """Note the codes with which the program exits: a SystemExit that has ended a program leaves no trace."""
    for owner, name in _EXITS:
        function = getattr(owner, name, None)
        if function is not None and not hasattr(function, "noted_by_freak"):
            with contextlib.suppress(AttributeError, TypeError):
                setattr(owner, name, _noting(function))


def _noting(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function, updated=())
    def noting(code: object = None, /) -> object:
        if threading.current_thread() is threading.main_thread():
            _noted[:] = [_Exit(code)]
            witness = _Witness(_noted[0])  # noqa: F841  the traceback of the exception keeps this frame
        return function(code)

    noting.noted_by_freak = True  # type: ignore[attr-defined]
    return noting
