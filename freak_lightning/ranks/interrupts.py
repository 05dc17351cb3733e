"""Interrupts: what a signal raises on one rank. All ranks learn of it, and end together."""

import threading
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager

from freak_core import Ending, Failed
from freak_lightning.ranks.first_failure import RankFailed


class Interrupted(Failed):
    """A signal has interrupted a rank while all ranks did something together. All ranks raise it.

    Args:
        detail: the error, and on which rank.
        error: what ends this rank.
    """

    def __init__(self, detail: str, error: BaseException) -> None:
        super().__init__(detail)
        self.error = error

    def problem(self) -> dict[str, object]:
        """Return the problem document; ``interrupted`` says that the training ends."""
        return {**super().problem(), "interrupted": True}


def failure_of(error: BaseException, told: str = "{}") -> Failed:
    """Return the failure of a request that has raised ``error``; ``told`` is the text around the error's."""
    text = told.format(f"{type(error).__name__}: {error}")
    return Interrupted(text, error) if is_interrupt(error) else Failed(text)


def interrupted_elsewhere(detail: str) -> Interrupted:
    """Return how this rank ends that another rank's interrupt ends; ``detail`` says which."""
    return Interrupted(detail, RankFailed(f"all ranks end, since a signal has interrupted one: {detail}"))


def is_interrupt(error: BaseException) -> bool:
    """Return whether a signal has raised the error in the main thread, such as Ctrl-C: it must end the run.

    The errors that a program raises with a timer of its own are none: they are Exceptions.
    """
    if isinstance(error, Exception | GeneratorExit | CancelledError):
        return False
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and Ending.of(error).phase == "interrupted"


class KeptInterrupt:
    """An interrupt in what this rank does by itself, kept until the ranks agree the next time."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def keep(self, error: BaseException) -> None:
        """Keep an error, if it is an interrupt and the first one."""
        if self.error is None and is_interrupt(error):
            self.error = error

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep an interrupt that the block raises, and go on after the block."""
        try:
            yield
        except BaseException as error:
            if not is_interrupt(error):
                raise
            self.keep(error)

    def end_here(self) -> None:
        """Raise what was kept, if anything, on this rank alone: the ranks do not agree at this point."""
        error, self.error = self.error, None
        if error is not None:
            raise error
