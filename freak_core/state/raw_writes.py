"""Writes into dicts of the program past the methods of their classes: ``Counter.update``, say, adds."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import TypeVar

_Key = TypeVar("_Key")


def write_keys(live: dict[_Key, object], news: Mapping[_Key, object], gone: Collection[_Key] = ()) -> None:
    """Write and delete single keys: the program may add others meanwhile."""
    kind = OrderedDict if isinstance(live, OrderedDict) else dict  # an OrderedDict keeps its order itself
    if kind is dict:
        dict.update(live, news)
    else:
        for key, value in news.items():
            kind.__setitem__(live, key, value)
    for name in gone:
        if name in live:
            kind.__delitem__(live, name)


def refill(live: dict[_Key, object], held: Mapping[_Key, object]) -> None:
    """Make ``live`` equal to ``held``; a thread that reads a key of both always finds one."""
    write_keys(live, held, [key for key in live if key not in held])
