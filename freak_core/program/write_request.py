"""A write: a request to change the state or to call an action, before it has a receipt."""

import hashlib
import json
from dataclasses import dataclass
from typing import Unpack

from freak_core.messages.protocol import Data
from freak_core.messages.write_options import WriteOptions
from freak_core.receipts import Kind, Receipt
from freak_core.state.transaction import Operation
from freak_core.text.paths import Path, from_pointer, to_pointer
from freak_core.text.strict_json import JSON

MOST_PENDING = 200
"""How many requests may wait at once. Each new one is validated together with all of them."""


@dataclass(slots=True, init=False)
class Write:
    """A request to change the state or to call an action, before it has a receipt.

    Args:
        kind: what to do.
        path: where in the state, as keys.
        body: the value, or the arguments of the action.
        name: the action to call.
        by: who asks.
        options: what else the request says; see ``WriteOptions``. ``if_match`` is the number of a revision
            here, and the program does not ``wait``.
    """

    kind: Kind
    path: Path
    body: JSON
    name: str | None
    by: str
    options: WriteOptions

    def __init__(
        self,
        kind: Kind,
        path: Path = (),
        body: JSON = None,
        name: str | None = None,
        *,
        by: str = "program",
        **options: Unpack[WriteOptions],
    ) -> None:
        self.kind = kind
        self.path = path
        self.body = body
        self.name = name
        self.by = by
        self.options = options

    @property
    def at_step(self) -> int | None:
        """The step for which the write waits, if any."""
        return self.options.get("at_step")

    @property
    def at_epoch(self) -> int | None:
        """The epoch for which the write waits, if any."""
        return self.options.get("at_epoch")

    @property
    def if_match(self) -> str | int | None:
        """The revision that the state must have, if any."""
        return self.options.get("if_match")

    @property
    def dry_run(self) -> bool:
        """Whether the write shall only be validated."""
        return self.options.get("dry_run", False)

    @property
    def key(self) -> str | None:
        """The Idempotency-Key, if any."""
        return self.options.get("key")

    @property
    def scheduled(self) -> bool:
        """Whether the write waits for a step or an epoch."""
        return self.at_step is not None or self.at_epoch is not None

    def due(self, step: int | None, epoch: int | None) -> bool:
        """Whether a program that has done ``step`` steps, in ``epoch``, shall apply it now."""
        late_enough = self.at_step is None or (step is not None and step >= self.at_step)
        return late_enough and (self.at_epoch is None or (epoch is not None and epoch >= self.at_epoch))

    def operation(self) -> Operation:
        """Return what this write does to the state."""
        if self.kind == "action":
            raise TypeError("an action is no operation on the state")
        return Operation(self.kind, self.path, self.body)

    def receipt(self, revision: int) -> Receipt:
        """Return a first receipt for this write, not yet validated, at a ``revision`` of the state."""
        shown = {name: value for name, value in self.options.items() if name in Receipt.model_fields}
        facts = {"kind": self.kind, "name": self.name, "path": to_pointer(self.path), "by": self.by}
        return Receipt.model_validate({**shown, **facts, "revision": revision})

    def to_json(self) -> dict[str, object]:
        """Return what another rank needs to apply this write."""
        return {"kind": self.kind, "path": self.path, "body": self.body, "name": self.name}

    @classmethod
    def from_receipt(cls, receipt: Data) -> "Write":
        """Return the write that led to a ``receipt``, for a replay."""
        return cls(receipt["kind"], from_pointer(receipt["path"]), receipt["asked"], receipt["name"])

    @classmethod
    def from_json(cls, data: Data) -> "Write":
        """Return the write that rank zero sent as ``data``."""
        return cls(data["kind"], tuple(data["path"]), data["body"], data["name"])

    def fingerprint(self) -> str:
        """Return a digest that is equal for equal requests."""
        text = json.dumps([self.to_json(), self.at_step, self.at_epoch], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """An accepted write on its way to be applied, on this rank and on others."""

    receipt_id: str
    write: Write
