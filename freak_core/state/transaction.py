"""Changes a pydantic model from JSON: validates the change as a whole, then writes it in place.

A change has three stages. Only the last one touches the program's object:

1. ``document``: the model as JSON by field names, secrets included.
2. ``propose``: the operations are applied to the document. The model's class validates what they touch, in
   strict JSON mode. Its validators see a copy of the live state: see ``validator_copy`` and ``next_state``.
3. ``commit``: the values that differ from the copy are written into the ``__dict__`` of the live models.
   No assignment hook runs, so none can fail half way. Every other object keeps its identity.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from freak_core.errors import FieldError, PatchTestFailed
from freak_core.state.diff import Change, changes, hides, listed, shown_changes, view
from freak_core.state.in_place import Plan, planned
from freak_core.state.json_patch import apply_json_patch
from freak_core.state.next_state import next_state
from freak_core.state.patch import Draft, Operation
from freak_core.state.serialization import Reading, document, public, read_only_paths
from freak_core.state.shown_secrets import secret_texts, shown_secrets, uncovered
from freak_core.state.snapshot import Snapshot
from freak_core.state.validation import intruders, reason, rejected
from freak_core.text.strict_json import JSON

__all__ = [
    "Candidate",
    "Change",
    "Committed",
    "Operation",
    "Reading",
    "Snapshot",
    "commit",
    "document",
    "hides",
    "listed",
    "preview",
    "propose",
    "public",
    "read_only_paths",
    "shown_changes",
]


_JUDGED: Final = ("value_error", "assertion_error", "validator_error")
"""The types of errors with which a validator of the program refuses a value."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A validated new state, not yet committed.

    Attributes:
        model: the new state.
        plan: the writes that turn the live state into the new one.
        changes: what the operations change, as readers see it.
        seen: the new state as readers see it.
        reading: the live state as it was read.
    """

    model: BaseModel
    plan: Plan
    changes: list[Change]
    seen: dict[str, JSON]
    reading: Reading

    @property
    def held(self) -> Snapshot:
        """What the live objects held just before they were read."""
        return self.reading.held

    def fits(self, *, read: bool) -> bool:
        """Whether the program has left the values that would be written as they were read.

        With ``read``, the other fields of the same models count too: validators may have read them.
        """
        whole = [
            each if not read or isinstance(each[0], list | dict) else (each[0], None)
            for each in self.plan.touched
        ]
        return all(self.held.holds(live, keys) for live, keys in whole)


@dataclass(frozen=True, slots=True)
class Committed:
    """The live state after a commit.

    Attributes:
        changes: what changed, as readers see it.
        seen: the state as readers see it.
        held: what the live objects hold.
    """

    changes: list[Change]
    seen: dict[str, JSON]
    held: Snapshot


def propose(
    model: BaseModel,
    operations: Sequence[Operation],
    initial: dict[str, JSON],
    reading: Reading | None = None,
    secrets: Iterable[str] = (),
) -> Candidate:
    """Apply ``operations`` in order to a copy of ``model`` and validate the result. Changes nothing.

    Args:
        model: the live state.
        operations: the changes, validated as a whole.
        initial: the ``document`` of the state at the start, which a reset restores.
        reading: the live state as it is, where the caller has read it.
        secrets: the texts of secrets that were in the state at the start.

    Raises:
        Rejected: the result is not a valid state. It has one error per field.
        NotFound: an operation's path does not exist.
    """
    kind = type(model)
    if kind.model_config.get("frozen"):
        raise rejected([reason((), "frozen", "the state is frozen")])
    reading = reading or Reading(model)
    draft, new, errors = _attempt(reading, operations, initial)
    if new is None and reading.document(exact=False) != reading.document():
        again, read, _ = _attempt(reading, operations, initial, exact=False)
        draft, new, errors = (again, read, []) if read is not None else (draft, new, errors)
    if new is None:
        raise rejected(errors)
    plan = planned(model, reading.copy, new, draft.document, draft.origin)
    if plan.refused:
        raise rejected(plan.refused)
    seen = Reading(new, reading, exact=False)
    before = view(reading.copy, reading.public, reading.held)
    after = view(new, seen.public, seen.held)
    made = changes(before, after)
    known = itertools.chain(secrets, secret_texts(reading.copy, reading.held))
    shown = [*shown_secrets(made, [each.body for each in operations], known), *uncovered(made, before, after)]
    if shown:
        raise rejected(shown)
    return Candidate(new, plan, made, seen.public, reading)


def _attempt(
    reading: Reading, operations: Sequence[Operation], initial: dict[str, JSON], *, exact: bool = True
) -> tuple[Draft, BaseModel | None, list[FieldError]]:
    """Apply operations to a document of the state and validate it. Returns the draft, the model, errors."""
    current = reading.document(exact=exact)
    draft, new, errors = _drafted(reading, current, operations, initial)
    judged = any(error["type"] in _JUDGED for error in errors)
    if new is None and draft.ambiguous and not judged:  # fields of the union's old member may be in the way
        fresh, read, _ = _drafted(reading, current, operations, initial, fresh=True)
        if read is not None:
            return fresh, read, []
    return draft, new, errors


def _drafted(
    reading: Reading,
    current: dict[str, JSON],
    operations: Sequence[Operation],
    initial: dict[str, JSON],
    *,
    fresh: bool = False,
) -> tuple[Draft, BaseModel | None, list[FieldError]]:
    kind = type(reading.copy)
    draft = _applied(
        lambda: Draft(kind, current, reading.public, initial, reading.copy, fresh=fresh), operations
    )
    before = draft.origin.arranged(current) if draft.origin.moved else current
    errors = draft.errors or intruders(kind, draft.document, before, initial)
    if errors:
        return draft, None, errors
    new, errors = next_state(reading.for_validators(), current, draft.document, draft.origin)

    def validate(trial: JSON) -> BaseModel | None:
        return next_state(reading.for_validators(), current, trial, draft.origin)[0]

    ignored = draft.without_effect(new, validate)
    return (draft, None, ignored) if ignored else (draft, new, errors)


def _applied(new_draft: Callable[[], Draft], operations: Sequence[Operation]) -> Draft:
    draft = new_draft()
    for number, operation in enumerate(operations, start=1):
        if operation.kind != "json_patch":
            draft.apply(operation)
            continue
        try:
            apply_json_patch(draft, operation)
        except PatchTestFailed:
            if number == len(operations):
                raise
            # A request that waits will fail by its test. It must not stand in the way of later requests.
            return _applied(new_draft, [*operations[: number - 1], *operations[number:]])
    return draft


def commit(model: BaseModel, candidate: Candidate) -> Committed:
    """Write ``candidate`` into ``model`` in place."""
    as_read = candidate.held.unchanged()
    for write in candidate.plan.writes:
        write()
    held = Snapshot(model, candidate.held, exact=False)
    seen = candidate.seen if as_read else Reading(model, candidate.reading).public
    return Committed(candidate.changes, seen, held)


def preview(_: BaseModel, candidate: Candidate) -> list[Change]:
    """Return the changes that a commit of ``candidate`` would make."""
    return candidate.changes
