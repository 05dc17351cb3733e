"""What changed between two states, as readers see it."""

import dataclasses
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import BaseModel, RootModel

from freak_core.errors import NotFound
from freak_core.interrupts import let_interrupts_through
from freak_core.receipts import ChangedValue
from freak_core.state.fields import has_hidden
from freak_core.state.json_values import ABSENT, DEEPEST, PLAIN, differences, equal, json_key
from freak_core.state.serialization import reveal
from freak_core.state.snapshot import Snapshot
from freak_core.state.type_hints import MASK, SECRETS
from freak_core.text.paths import Path, get, to_pointer
from freak_core.text.strict_json import JSON, dumps

View: TypeAlias = tuple[JSON, dict[Path, JSON]]
"""A state as readers see it, and by path the values they do not see."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that changed. ``path`` is a JSON Pointer. A missing value is None."""

    path: str
    old: JSON
    new: JSON


def view(model: BaseModel, seen: dict[str, JSON], held: Snapshot) -> View:
    """Return the state for ``changes`` to compare: ``seen`` is its public form, ``held`` what it holds."""
    return seen, _hidden(model, held)


def hides(model: BaseModel, held: Snapshot, made: Sequence[Change] = ()) -> bool:
    """Whether a value that readers must not see is in the state, may be put there, or was before ``made``."""
    secret = any(MASK in dumps([change.old, change.new]) for change in made)
    return secret or has_hidden(type(model)) or bool(_hidden(model, held))


def _hidden(value: object, held: Snapshot, way: tuple[int, ...] = ()) -> dict[Path, JSON]:
    """Return secrets and excluded fields by path. Those inside a list are under the list's path."""
    if id(value) in way or len(way) > DEEPEST or held.is_plain(value):
        return {}  # readers see nothing of it, or all
    way = (*way, id(value))
    if isinstance(value, SECRETS):
        return {(): _repr(value.get_secret_value())}
    if isinstance(value, list | tuple | deque | set | frozenset):
        inside = ["{}" if type(each) in PLAIN else repr(_hidden(each, held, way)) for each in value]
        inside = sorted(inside) if isinstance(value, set | frozenset) else inside
        return {(): list(inside)} if any(each != "{}" for each in inside) else {}
    found: dict[Path, JSON] = {}
    excluded: list[str] = []
    children: dict[object, object] = {}
    if isinstance(value, RootModel):
        return _hidden(value.root, held, way)
    if isinstance(value, BaseModel):
        excluded = [name for name, field in type(value).model_fields.items() if field.exclude]
        children = value.__dict__ | (getattr(value, "__pydantic_extra__", None) or {})
    elif isinstance(value, dict):
        children = dict(value)  # the program may be adding keys
    elif dataclasses.is_dataclass(value):
        children = {each.name: getattr(value, each.name, None) for each in dataclasses.fields(value)}
    for key, child in children.items():
        if key in excluded:
            found[(key,)] = repr(reveal(child, ABSENT, exact=True))
        elif type(child) not in PLAIN:
            found |= {(json_key(key), *path): hidden for path, hidden in _hidden(child, held, way).items()}
    return found


def _repr(secret: object) -> str:
    """Return a text that is different for another secret."""
    try:
        return repr(secret)
    except BaseException as error:  # noqa: BLE001  the program's own class
        let_interrupts_through(error)
        return object.__repr__(secret)


def changes(before: View, after: View) -> list[Change]:
    """Return every value that differs. A hidden value is masked."""
    found = {path: (old, new) for path, old, new in differences(before[0], after[0])}
    for path in {**before[1], **after[1]}:
        old, new = before[1].get(path), after[1].get(path)
        covered = any(path[:depth] in found for depth in range(len(path)))
        if equal(old, new) or covered or (path in found and None in (old, new)):
            continue
        found[path] = (_masked(before[0], path), _masked(after[0], path))
    return [Change(to_pointer(path), *values) for path, values in found.items()]


def shown_changes(before: JSON, after: JSON) -> list[Change]:
    """Return every value that differs between two states as readers see them."""
    return [Change(to_pointer(path), old, new) for path, old, new in differences(before, after)]


def listed(changes: Sequence[Change]) -> list[ChangedValue]:
    """Return changes in the form of a receipt."""
    return [ChangedValue(path=change.path, old=change.old, new=change.new) for change in changes]


def _masked(seen: JSON, path: Path) -> JSON:
    try:
        value = get(seen, path)
    except NotFound:
        return MASK
    return value if isinstance(value, list) else MASK
