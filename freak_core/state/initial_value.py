"""What a reset restores: the value at the start, with the objects of now that have no JSON form."""

from freak_core.errors import FieldError
from freak_core.state.json_values import ABSENT, Kept, as_plain_json, copied, equal, holds_kept
from freak_core.state.list_items import matched
from freak_core.state.patch_target import Place
from freak_core.state.validation import reason, rejected
from freak_core.text.paths import Path
from freak_core.text.strict_json import JSON


def start_of(document: JSON) -> JSON:
    """Return what a reset goes back to: the document without live objects, which a reset lets be."""
    if isinstance(document, dict):
        plain = {key: start_of(each) for key, each in document.items()}
        return {key: each for key, each in plain.items() if each is not ABSENT}
    return as_plain_json(document)


def restored(start: JSON, place: Place) -> JSON:
    """Return a copy of ``start`` with the objects at ``place`` without a JSON form, or with the same one."""
    now = place.draft
    if isinstance(now, Kept):
        if now.form is ABSENT or equal(as_plain_json(now), start):
            return now
        if now.partial:
            raise rejected([would_lose(place.path)])
        return copied(start)
    if isinstance(now, dict) and isinstance(start, dict):
        found = {key: restored(value, place.inside(key)) for key, value in start.items()}
        return found | {key: value for key, value in now.items() if key not in start and holds_kept(value)}
    if isinstance(now, list) and isinstance(start, list):
        return _restored_items(start, now, place)
    if holds_kept(now):
        raise rejected([would_lose(place.path)])
    return copied(start)


def _restored_items(start: list[JSON], now: list[JSON], place: Place) -> list[JSON]:
    places = matched(start, [as_plain_json(each) for each in now])
    if any(holds_kept(each) for j, each in enumerate(now) if j not in places):
        raise rejected([would_lose(place.path)])
    place.origin.reorder(places, len(now))
    return [
        restored(value, place.added(i) if was is None else place.made_of(i, place.origin.child(i), now[was]))
        for i, (value, was) in enumerate(zip(start, places, strict=True))
    ]


def would_lose(path: Path) -> FieldError:
    """Return the error for a reset of an object that the start of the program cannot give back."""
    return reason(path, "read_only", "a reset would lose an object of the program here that has no JSON form")
