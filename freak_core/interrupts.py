"""Interrupts: exceptions that a signal raised, and that must reach the program."""

import inspect
import signal
import threading
from collections.abc import Iterator
from types import CodeType, FrameType, TracebackType


def signal_of(error: BaseException) -> str | None:
    """Return the name of the signal whose handler raised ``error``, such as ``SIGTERM``; None if none did."""
    if type(error).__name__ == "SIGTERMException":  # Lightning's, raised after its handler has returned
        return "SIGTERM"
    ctrl_c = "SIGINT" if isinstance(error, KeyboardInterrupt) else None
    return _handled_in(_raised_in(error.__traceback__)) or ctrl_c


def let_interrupts_through(error: BaseException) -> None:
    """Raise ``error`` again if it is an interrupt; the program's own code may have raised any other."""
    if is_interrupt(error):
        raise error


def signal_underway() -> str | None:
    """Return the name of the signal whose handler has called this code; None if none has."""
    return _handled_in(_called_by(inspect.currentframe()))


def is_interrupt(error: BaseException) -> bool:
    """Return True for an exception that must go on to the program: a signal raised it in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return signal_of(error) is not None


def _handled_in(codes: Iterator[CodeType]) -> str | None:
    """Return the name of the signal whose handler has one of these code objects."""
    numbers = [each for each in signal.valid_signals() if isinstance(each, signal.Signals)]
    names = {_code(signal.getsignal(number)): number.name for number in numbers}
    return next((names[code] for code in codes if code in names), None)


def _code(handler: object) -> CodeType | None:
    """Return the code of a handler: a function, a method, a ``partial``, or an object that can be called."""
    while (inner := getattr(handler, "func", None) or getattr(handler, "__func__", None)) is not None:
        handler = inner
    code = getattr(handler, "__code__", None)
    if code is None and callable(handler):  # an object, whose class says how it is called
        code = getattr(type(handler).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _raised_in(traceback: TracebackType | None) -> Iterator[CodeType]:
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next


def _called_by(frame: FrameType | None) -> Iterator[CodeType]:
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back
