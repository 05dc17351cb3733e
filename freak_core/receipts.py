"""Receipts: what became of a request."""

import secrets
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from freak_core.errors import Problem, Refused, RunOver, refusal
from freak_core.text.paths import from_pointer, leaves, to_dots
from freak_core.text.strict_json import dumps
from freak_core.text.timestamps import now

Kind = Literal["patch", "put", "reset", "action", "json_patch"]
Status = Literal["accepted", "applied", "failed", "rejected", "cancelled", "valid"]
"""``valid`` is the answer to a dry run, which has no receipt in the history."""
SETTLED: frozenset[Status] = frozenset({"applied", "failed", "rejected", "cancelled", "valid"})


class ChangedValue(BaseModel):
    """One value that a request changed.

    Attributes:
        path: the place of the value in the state, as a JSON Pointer such as ``/lr/hold``.
        old, new: the value before and after the request, as JSON.
    """

    path: str
    old: Any = None
    new: Any = None


class Applied(BaseModel):
    """Where and when a request was applied.

    Attributes:
        step: the global step of the program; ``None`` if the program publishes no steps.
        logged_step: the step that loggers use, where it differs from ``step``: with several optimizers a
            trainer counts several steps a batch, and loggers one. Charts place the receipt here.
        epoch: the epoch of the program; ``None`` if the program publishes no epochs.
        batch: the number of batches trained, for a training with manual optimization.
        point: where in a training: at a ``step``, at the ``epoch_end``, or ``between`` epochs.
        ranks: the number of processes that applied the request.
        weights: a fingerprint of a training's weights at this point; a replay compares it.
        at: the time, as in RFC 3339.
    """

    step: int | None = None
    logged_step: int | None = None
    epoch: int | None = None
    batch: int | None = None
    point: str | None = None
    ranks: int = 1
    weights: str | None = None
    at: str = Field(default_factory=now)

    @property
    def place(self) -> str:
        """The step in words, such as ``step 40 (logged as step 20)``; empty where there is none."""
        if self.step is None:
            return ""
        return f"step {self.step}" + (
            "" if self.logged_step is None else f" (logged as step {self.logged_step})"
        )


class Receipt(BaseModel):
    """What became of one request, from ``accepted`` to its end.

    Attributes:
        id: the id of the request, for ``Client.receipt``, ``Client.wait`` and ``Client.cancel``.
        seq: the number of the request; the receipts of a run count from 1.
        kind: what was requested: ``patch`` changes values, ``json_patch`` also moves items of lists, ``put``
            replaces one value, ``reset`` sets it back, ``action`` calls an action.
        name: the name of the action; ``None`` for other requests.
        path: the place in the state that the request is about, as a JSON Pointer; empty for the whole state.
        status: ``accepted`` while the request waits; ``valid`` answers a dry run; the others are ends.
        revision: the revision of the state after the request. While the request is accepted, the revision
            that it was validated against.
        by: who sent the request: ``owner`` for a client, ``program``, ``replay``, or ``freak`` itself.
        note: the reason that the client gave.
        requested_at: when the request arrived, as in RFC 3339.
        asked: the body of the request; ``"**********"`` where the state may have secrets.
        at_step, at_epoch: the request waits until the program has reached this step or epoch.
        changes: the values that the request changed.
        applied: where and when the request was applied; ``None`` until then.
        result: what the action returned, or what controls report about the change.
        error: why the request failed or was rejected, as a problem document (RFC 9457).
        journal: ``"degraded"`` if the receipt could not be written to disk.
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
    error: Problem | None = None
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
        from freak_core.text.html_tables import receipt_page

        rows = [(change.path, change.old, change.new) for change in self.changes]
        return receipt_page(self.line(changes=False), rows)

    def line(self, *, changes: bool = True) -> str:
        """Return the receipt as one readable line.

        Args:
            changes: list the changed values, too.
        """
        what = " ".join(filter(None, [self.kind, self.name or _dotted(self.path)]))
        parts = [f"#{self.seq} {what}: {self.status}"]
        if self.due and not self.applied:
            parts.append(f"due at {self.due}")
        if self.applied and self.applied.place:
            parts.append(f"at {self.applied.place}")
        if self.applied:
            parts.append(f"ranks: {self.applied.ranks}")
        if changes:
            parts += [f"{_dotted(c.path)} {dumps(c.old)} → {dumps(c.new)}" for c in self.changes]
        if (self.status != "applied" or self.kind == "action") and self.asked not in (None, {}):
            parts.append(f"asked {_words(self.asked)[:200]}")
        if self.result is not None:
            parts.append(f"result {_words(self.result)}")
        if self.error:
            errors = self.error.get("errors", [])
            reasons = [": ".join(filter(None, [_dotted(e["path"]), e["message"]])) for e in errors]
            parts.append("; ".join(reasons) or str(self.error.get("detail", "")))
        return ", ".join(parts)


def _dotted(pointer: str) -> str:
    return to_dots(from_pointer(pointer))


def _words(value: object) -> str:
    """Return the names and values in a JSON object; other JSON as it is."""
    if not isinstance(value, dict):
        return dumps(value)
    return ", ".join(f"{name} {dumps(leaf)}" for name, leaf in leaves(value) if name) or "nothing"
