"""Receipts: what became of a request."""

import secrets
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from freak_core.errors import Refused, RunOver, refusal
from freak_core.paths import from_pointer, to_dots
from freak_core.strict_json import dumps
from freak_core.timestamps import now

Kind = Literal["patch", "put", "reset", "action"]
Status = Literal["accepted", "applied", "failed", "rejected", "cancelled", "valid"]
"""``valid`` is the answer to a dry run, which has no receipt in the history."""
SETTLED: frozenset[Status] = frozenset({"applied", "failed", "rejected", "cancelled", "valid"})


class ChangedValue(BaseModel):
    """One value that a request changed. ``path`` is a JSON Pointer into the state."""

    path: str
    old: Any = None
    new: Any = None


class Applied(BaseModel):
    """Where a request took effect.

    ``step`` is the program's global step and ``epoch`` its epoch, both ``None`` for a program that
    names none; ``point`` says at which kind of point of that step, and ``batch`` after how many batches,
    where there are several; ``ranks`` is the number of processes that applied it; ``at`` is RFC 3339.
    """

    step: int | None = None
    epoch: int | None = None
    batch: int | None = None
    point: str | None = None
    ranks: int = 1
    at: str = Field(default_factory=now)


class Receipt(BaseModel):
    """What became of one request, from ``accepted`` to its end.

    ``seq`` counts the receipts of a run from 1; ``revision`` is the revision of the state after the
    request, or the one it was validated against while it is only accepted; ``asked`` is the body of the
    request, ``"**********"`` where the state may have secrets; ``at_step`` and ``at_epoch`` are what it waits
    for; ``error`` is a problem document (RFC 9457); ``journal`` is ``"degraded"`` where the receipt could
    not be written to disk.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore")

    id: str = Field(default_factory=lambda: secrets.token_hex(8))
    seq: int = 0
    kind: Kind
    name: str | None = None
    path: str = ""
    status: Status = "accepted"
    revision: int = 0
    by: str = "program"
    note: str | None = None
    requested_at: str = Field(default_factory=now)
    asked: Any = None
    at_step: int | None = None
    at_epoch: int | None = None
    changes: list[ChangedValue] = []
    applied: Applied | None = None
    result: Any = None
    error: dict[str, Any] | None = None
    journal: Literal["ok", "degraded"] | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to the request."""
        return self.status in SETTLED

    @property
    def due(self) -> str:
        """Until when the request is kept back, in words; empty where it is not."""
        wanted = (("step", self.at_step), ("epoch", self.at_epoch))
        return " and ".join(f"{name} {at}" for name, at in wanted if at is not None)

    def refused(self) -> Refused | None:
        """Return the error of a request that failed, was rejected or was cancelled; None for any other."""
        told = self.model_dump(mode="json")
        if self.status in ("failed", "rejected") and self.error is not None:
            return refusal({**self.error, "receipt": told})
        if self.status == "cancelled":
            return RunOver("the request was cancelled before it was applied", receipt=told)
        return None

    def __str__(self) -> str:
        return self.line()

    def _repr_html_(self) -> str:
        from freak_core.html_tables import receipt_page

        rows = [(change.path, change.old, change.new) for change in self.changes]
        return receipt_page(self.line(changes=False), rows)

    def line(self, *, changes: bool = True) -> str:
        """Return the receipt as one readable line."""
        what = " ".join(filter(None, [self.kind, self.name or _dotted(self.path)]))
        parts = [f"#{self.seq} {what}: {self.status}"]
        if self.due and not self.applied:
            parts.append(f"due at {self.due}")
        if self.applied and self.applied.step is not None:
            parts.append(f"at step {self.applied.step}")
        if self.applied:
            parts.append(f"ranks: {self.applied.ranks}")
        if changes:
            parts += [f"{_dotted(c.path)} {dumps(c.old)} → {dumps(c.new)}" for c in self.changes]
        if (self.status != "applied" or self.kind == "action") and self.asked not in (None, {}):
            parts.append(f"asked {dumps(self.asked)[:200]}")
        if self.result is not None:
            parts.append(f"result {dumps(self.result)}")
        if self.error:
            errors = self.error.get("errors", [])
            reasons = [": ".join(filter(None, [_dotted(e["path"]), e["message"]])) for e in errors]
            parts.append("; ".join(reasons) or str(self.error.get("detail", "")))
        return ", ".join(parts)


def _dotted(pointer: str) -> str:
    return to_dots(from_pointer(pointer))
