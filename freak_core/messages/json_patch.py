"""JSON Patch (RFC 6902): what a patch looks like. ``freak_core.state`` applies it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from freak_core.errors import Malformed
from freak_core.text.paths import Path, did_you_mean, from_pointer
from freak_core.text.strict_json import JSON

CONTENT_TYPE: Final = "application/json-patch+json"

Op: TypeAlias = Literal["add", "remove", "replace", "move", "copy", "test", "merge"]
"""The operations of RFC 6902, and ``merge``: a JSON merge patch (RFC 7396) of the value at a path."""

MEMBERS: Final[dict[str, str | None]] = {
    "add": "value",
    "remove": None,
    "replace": "value",
    "move": "from",
    "copy": "from",
    "test": "value",
    "merge": "value",
}
"""The operations, each with the member that it needs besides ``path``."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a patch. ``source`` is the ``from`` of a move or a copy."""

    op: Op
    path: Path
    value: JSON = None
    source: Path = ()


def steps(body: object) -> list[Step]:
    """Return the operations of a patch.

    Raises:
        Malformed: the body is no JSON Patch.
    """
    if not isinstance(body, Sequence) or isinstance(body, str):
        raise Malformed('A JSON Patch is a list of operations, such as [{"op": "remove", "path": "/a/0"}].')
    return [_step(number, each) for number, each in enumerate(body)]


def _step(number: int, given: object) -> Step:
    where = f"Operation {number} of the patch"
    if not isinstance(given, dict):
        raise Malformed(f"{where} is not an object.")
    op = given.get("op")
    if not isinstance(op, str) or op not in MEMBERS:
        meant = did_you_mean(op, MEMBERS) if isinstance(op, str) else ""
        raise Malformed(f"{where} has no valid 'op'{meant}. There are: {', '.join(MEMBERS)}.")
    path, needed = _path(where, given, "path"), MEMBERS[op]
    if needed is not None and needed not in given:
        raise Malformed(f"{where} is a {op!r} without {needed!r}.")
    source = _path(where, given, "from") if needed == "from" else ()
    if op == "move" and path != source and path[: len(source)] == source:
        raise Malformed(f"{where} moves a value into itself: 'from' contains 'path'.")
    return Step(cast(Op, op), path, given.get("value"), source)


def _path(where: str, given: dict[str, object], member: str) -> Path:
    pointer = given.get(member)
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise Malformed(f"{where} needs {member!r}: a JSON Pointer such as '/layers/0', or ''.")
    return from_pointer(pointer)
