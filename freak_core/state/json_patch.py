"""JSON Patch (RFC 6902) on the draft of a state: items that move take along all that is attached to them."""

import copy
from typing import Final

from freak_core.errors import NotFound, PatchTestFailed
from freak_core.messages.json_patch import Step, steps
from freak_core.state.fields import declared, pick
from freak_core.state.json_values import ABSENT, Kept, as_plain_json, equal
from freak_core.state.patch import Draft, Operation, read_only
from freak_core.state.patch_target import Place, Target
from freak_core.state.type_hints import MASK, TypeHint, allows_none, is_secret, item
from freak_core.state.validation import as_json, reason, rejected
from freak_core.state.value_origins import Origin
from freak_core.text.paths import Path, missing, to_pointer
from freak_core.text.strict_json import JSON, MAX_BODY, MAX_DEPTH, dumps

MOST_COPIED: Final = 16 * MAX_BODY
"""How many characters of JSON one patch may copy: a short patch could fill the memory otherwise."""


def apply_json_patch(draft: Draft, operation: Operation) -> None:
    """Apply a JSON Patch to the value at the path of ``operation``.

    Raises:
        Malformed: the body is no JSON Patch.
        NotFound: there is no value at the path of ``operation``.
        Rejected: an operation of the patch cannot be applied.
        PatchTestFailed: a ``test`` found another value.
    """
    todo = steps(as_json(operation.body, operation.path))
    if operation.path:
        draft.locate(operation.path)
    patch = _Patch(draft, operation.path)
    for step in todo:
        path = (*operation.path, *step.path)
        try:
            patch.apply(step, path)
        except NotFound as unknown:
            raise rejected([reason(path, "no_such_path", unknown.detail)]) from None


class _Patch:
    def __init__(self, draft: Draft, base: Path) -> None:
        self.draft = draft
        self.base = base
        self.copied = 0

    def apply(self, step: Step, path: Path) -> None:
        source = (*self.base, *step.source)
        if step.op == "test":
            self.test(path, step.value)
        elif step.op == "add":
            self.add(path, step.value)
        elif step.op == "replace":
            self.replace(path, step.value)
        elif step.op == "merge":
            self.merge(path, step.value)
        elif step.op == "remove":
            self.remove(path)
        elif step.op == "copy":
            self.copy(source, path)
        else:
            self.move(source, path)

    def test(self, path: Path, value: JSON) -> None:
        place = self.existing(path).place if path else self.draft.root()
        there = place.shown()
        if place.seen is ABSENT and place.live is not ABSENT:
            raise rejected(
                [reason(place.path, "hidden", "readers do not see this field, so it cannot be tested")]
            )
        if not _agree(value, there):
            raise PatchTestFailed(
                f"{to_pointer(path) or 'the state'} is {dumps(there)[:200]}, not {dumps(value)[:200]}; "
                "nothing was changed"
            )

    def add(self, path: Path, value: JSON) -> None:
        target = self.draft.locate(path, insert=True) if path else None
        if target is None or not isinstance(target.holder, list):
            self.draft.apply(Operation("put", path, value))
        else:
            _insert(target, self.draft.read_new(target, value), Origin(None))

    def replace(self, path: Path, value: JSON) -> None:
        if path:
            self.existing(path)
        self.draft.apply(Operation("put", path, value))

    def merge(self, path: Path, value: JSON) -> None:
        """Merge ``value`` at ``path``; objects that are missing on the way are made."""
        for depth in range(len(path), -1, -1):
            try:
                place = self.draft.locate(path[:depth]).place if depth else self.draft.root()
            except NotFound:
                continue
            whole = isinstance(place.draft, Kept) and place.draft.form is ABSENT
            if depth < len(path) and (whole or isinstance(place.draft, list)):
                self.draft.locate(path)  # raises: there is no such item, or nothing can be inside
            for key in reversed(path[depth:]):
                value = {key: value}
            self.draft.apply(Operation("patch", path[:depth], value))
            return

    def remove(self, path: Path) -> Target:
        """Remove the value at ``path`` and return where it was."""
        if not path:
            raise rejected([reason(path, "not_removable", "the whole state cannot be removed")])
        target = self.existing(path)
        holder, key = target.holder, target.key
        if holder is None:
            raise rejected([read_only(target.place.path)])
        if isinstance(holder, list):
            del target.above[-1].origin.ordered(len(holder))[int(key)]
            del holder[int(key)]
        elif target.declared:
            if not allows_none(target.hint):
                message = "a field cannot be removed, and this one cannot be null. Replace it, or reset it."
                raise rejected([reason(target.place.path, "not_removable", message)])
            target.mark()
            holder[key] = None
            target.above[-1].origin.put(str(key), Origin(None))
        else:
            holder.pop(key)
            target.above[-1].origin.put(str(key), Origin(None))
        return target

    def move(self, source: Path, path: Path) -> None:
        place, hint = self.source(source)
        if source == path:
            return
        self.remove(source)
        self.settle(place, hint, path, place.draft, place.origin)

    def copy(self, source: Path, path: Path) -> None:
        place, hint = self.source(source)
        value = as_plain_json(place.draft)
        if value is ABSENT:
            message = "this value has no JSON form: it can be moved, and not copied"
            raise rejected([reason(place.path, "no_json_form", message)])
        self.copied += len(dumps(value))
        if self.copied > MOST_COPIED:
            raise rejected([reason(path, "too_large", f"a patch copies at most {MOST_COPIED} characters")])
        # It keeps what it was made of, so that a later operation does not take its secrets for new values.
        origin = Origin(None, place.live, place.seen)
        self.settle(place, hint, path, copy.deepcopy(value), origin)

    def source(self, source: Path) -> tuple[Place, TypeHint]:
        if not source:
            return self.draft.root(), self.draft.kind
        target = self.existing(source)
        if target.place.draft is ABSENT:
            message = "this value is computed or has no JSON form, so it cannot be moved or copied"
            raise rejected([reason(target.place.path, "no_json_form", message)])
        return target.place, target.hint

    def settle(self, was: Place, hint: TypeHint, path: Path, value: JSON, origin: Origin) -> None:
        """Add a value that was at another place."""
        if not path:
            self.draft.apply(Operation("put", path, was.shown()))
            return
        target = self.draft.locate(path, insert=True)
        if target.holder is None:
            raise rejected([read_only(target.place.path)])
        if len(path) + _depth(value) > MAX_DEPTH:
            raise rejected([reason(path, "too_deep", f"values are nested at most {MAX_DEPTH} deep")])
        other = was.path[:-1] != path[:-1] and _is_shown_otherwise(was)
        if other or _leaks(value, was.shown(), hint, target.hint):
            message = "this holds a secret, a hidden field or an object: it can only go to the same type"
            raise rejected([reason(target.place.path, "masked", message)])
        if isinstance(target.holder, list):
            _insert(target, value, origin)
        else:
            target.mark()
            target.holder[target.key] = value
            target.above[-1].origin.put(str(target.key), origin)

    def existing(self, path: Path) -> Target:
        target = self.draft.locate(path)
        if not target.exists:
            raise missing(target.place.path[:-1], path[-1], target.holder)
        return target


def _insert(target: Target, value: JSON, origin: Origin) -> None:
    holder, index = target.holder, int(target.key)
    target.above[-1].origin.ordered(len(holder)).insert(index, origin)
    holder.insert(index, value)


def _agree(one: JSON, other: JSON) -> bool:
    """Whether two values are equal as RFC 6902 says: numbers by what they are worth, 1 and 1.0 alike."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_agree(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_agree, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _is_shown_otherwise(was: Place) -> bool:
    """Whether readers see nothing of the value at a place, or another one that is not a mask."""
    if was.live is ABSENT or was.seen == MASK or isinstance(was.live, dict | list | Kept):
        return was.live is not ABSENT and was.seen is ABSENT
    return not equal(was.live, was.seen)


def _leaks(value: JSON, shown: JSON, was: TypeHint, hint: TypeHint) -> bool:
    """Whether readers would see a secret or an excluded field of ``value`` at a place of type ``hint``.

    An object without a JSON form may not go there either: nothing could validate it.
    ``shown`` is what they see of it at its own place, of type ``was``.
    """
    if shown == MASK:
        return not is_secret(hint)
    if isinstance(value, Kept):
        return bool(was != hint)
    if isinstance(value, dict) and isinstance(shown, dict):
        old, new = pick(was, value), pick(hint, value)
        if (old is None or old is not new) and value.keys() - shown.keys():
            return True
        return any(
            _leaks(each, shown.get(key, ABSENT), declared(old, was, key), declared(new, hint, key))
            for key, each in value.items()
        )
    if isinstance(value, list) and isinstance(shown, list):
        pairs = enumerate(zip(value, shown, strict=False))
        return any(_leaks(*each, item(was, i), item(hint, i)) for i, each in pairs)
    return False


def _depth(value: JSON) -> int:
    """Return how deep a value is nested; without recursion, since it may be deep."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        deepest = max(deepest, depth)
        inside = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        waiting += [(inner, depth + 1) for inner in inside]
    return deepest
