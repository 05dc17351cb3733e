"""Forks: what a forked child must let go of, since threads, locks and the server stay with its parent."""

import os
import weakref
from typing import Protocol


class Forgetful(Protocol):
    """Something that a forked child must not go on with."""

    def forget(self) -> None:
        """Let go, without taking any lock that another thread may have held."""


_kept: "weakref.WeakSet[Forgetful]" = weakref.WeakSet()


def forget_in_children(thing: Forgetful) -> None:
    """Have ``thing.forget()`` called in every child that is forked from now on."""
    _kept.add(thing)


def keep_in_children(thing: Forgetful) -> None:
    """Undo ``forget_in_children``."""
    _kept.discard(thing)


def _after_fork_in_child() -> None:
    for thing in list(_kept):
        thing.forget()
    _kept.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
