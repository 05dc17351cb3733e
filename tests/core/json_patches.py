"""Makes and applies JSON Patches without a server."""

from typing import Any

from pydantic import BaseModel

from freak_core.state.transaction import Change, Operation, commit, document, propose
from freak_core.text.paths import from_pointer

MASK = "**********"


def patch(model: BaseModel, *operations: Any, at: str = "") -> list[Change]:
    """Apply a JSON Patch and return what changed."""
    candidate = propose(model, [Operation("json_patch", from_pointer(at), list(operations))], document(model))
    return commit(model, candidate).changes


def op(name: str, path: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """Return one operation; a move or a copy has ``from_``."""
    given = {"from": more["from_"]} if "from_" in more else {"value": value}
    return {"op": name, "path": path, **given}
