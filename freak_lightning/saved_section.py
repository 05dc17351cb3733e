"""A section as a checkpoint stores it: plain values beside secrets are kept, secrets are not."""

from typing import Any, TypeAlias

from pydantic import BaseModel

from freak_core import Refused, Store, Write

MASK = "**********"
"""What stands in a checkpoint in the place of a secret."""

MOST_ROUNDS = 100
"""How often to leave something out and try again: secrets that nobody knows first, then whole fields."""


Document: TypeAlias = dict[str, Any]
"""A section as JSON, by the names of its fields."""


def saved_section(state: BaseModel) -> Document:
    """Return a section for a checkpoint: what readers see, with numbers to their last digit."""
    store = Store(state)
    saved = _saved(store.public(), store.initial)
    return saved if isinstance(saved, dict) else {}


def restore_section(state: BaseModel, saved: Document) -> list[str]:
    """Set a section in place to what a checkpoint stores; return why some fields stay as they are.

    A secret stays as it is in ``state``. A secret that is not there takes its default.
    """
    store, lost = Store(state), list[str]()
    wanted: Document = {**store.public(), **saved}
    for _ in range(MOST_ROUNDS):
        try:
            store.apply(Write("put", body=wanted))
            return lost
        except Refused as refused:
            places = [_keys(error["path"]) for error in refused.errors if error["path"]]
            masked = [place for place in places if _at(wanted, place) == MASK]
            for place in masked:
                _remove(wanted, place)
            if not masked:
                lost.append(str(refused))
                wanted |= {name: store.public().get(name) for name in {place[0] for place in places} or saved}
    return lost


def _saved(seen: object, exact: object) -> object:
    """Return the value as readers see it, but a number as it is: a serializer may round."""
    if isinstance(seen, dict):
        inner = exact if isinstance(exact, dict) else {}
        pairs = {key: _saved(value, inner.get(key)) for key, value in seen.items()}
        return {key: value for key, value in pairs.items() if not _hides_some(value)}
    if isinstance(seen, list) and isinstance(exact, list) and len(seen) == len(exact):
        return [_saved(*pair) for pair in zip(seen, exact, strict=True)]
    return exact if _is_number(seen) and _is_number(exact) else seen


def _hides_some(value: object) -> bool:
    """Return whether a secret is masked within a text, which cannot be put back together."""
    return isinstance(value, str) and MASK in value and value != MASK


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _keys(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _at(document: object, place: list[str]) -> object:
    for key in place:
        document = _inside(document, key)
    return document


def _inside(value: object, key: str) -> object:
    if isinstance(value, list):
        return value[int(key)] if key.isdecimal() and int(key) < len(value) else None
    return value.get(key) if isinstance(value, dict) else None


def _remove(document: object, place: list[str]) -> None:
    holder = _at(document, place[:-1])
    if isinstance(holder, dict):
        holder.pop(place[-1], None)
