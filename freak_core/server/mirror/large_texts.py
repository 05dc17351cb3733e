"""The JSON of large values. What a state shares with the one before it is not written again."""

import threading
from collections import OrderedDict
from collections.abc import Iterator

from freak_core.text.strict_json import dumps

LARGE = 2000
"""A value with more items than this, at any depth, is large. Ten characters of a text count as one item."""

PIECE = 500
"""Items that are written at once: meanwhile the interpreter runs nothing else."""

KEEP = 32_000_000
"""Characters to keep."""


def is_large(value: object) -> bool:
    """Return True if writing ``value`` as JSON takes long enough to keep others waiting."""
    items, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            each = list(each.values())
        if isinstance(each, list):
            items += len(each)
            if items <= LARGE:
                waiting += [child for child in each if isinstance(child, dict | list | str)]
        elif isinstance(each, str):
            items += len(each) // 10
        if items > LARGE:
            return True
    return False


class LargeTexts:
    """Writes JSON and remembers that of large values, by their identity: nobody may change them in place."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[object, str]] = OrderedDict()
        self._length = 0
        self._lock = threading.RLock()

    def dumps(self, value: object) -> str:
        """Return ``value`` as compact JSON."""
        if not is_large(value):
            return dumps(value)
        with self._lock:
            known = self._known.get(id(value))
            if known is not None:
                self._known.move_to_end(id(value))
                return known[1]
            text = "".join(self._parts(value)) if isinstance(value, dict | list) else dumps(value)
            self._remember(value, text)
            return text

    def _parts(self, value: dict[str, object] | list[object]) -> Iterator[str]:
        """Yield the text of a container: many small items at once, each large one by itself."""
        named = isinstance(value, dict)
        between, small = "{" if named else "[", list[tuple[object, object]]()
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            large = isinstance(item, dict | list | str) and is_large(item)
            if small and (large or len(small) >= PIECE):
                yield between + self._together(small, named)
                between, small = ",", []
            if large:
                yield between + (f"{dumps(key)}:" if named else "") + self.dumps(item)
                between = ","
            else:
                small.append((key, item))
        yield (between + self._together(small, named) if small else "") + ("}" if named else "]")

    @staticmethod
    def _together(items: list[tuple[object, object]], named: bool) -> str:
        return dumps(dict(items) if named else [item for _, item in items])[1:-1]

    def _remember(self, value: object, text: str) -> None:
        self._known[id(value)] = value, text
        self._length += len(text)
        while self._length > KEEP and self._known:
            _, (_, oldest) = self._known.popitem(last=False)
            self._length -= len(oldest)
