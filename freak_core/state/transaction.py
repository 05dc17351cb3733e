"""Changes a pydantic model from JSON: validates the change as a whole, then writes it in place.

A change has three stages. Only the last one touches the program's object:

1. ``document``: the model as JSON by field names, secrets included.
2. ``propose``: the operations are applied to the document. The model's class validates the result in strict
   JSON mode, and the document without the operations too.
3. ``commit``: the values that differ between the two are written into the ``__dict__`` of the live models.
   No assignment hook runs, so none can fail half way. Every other object keeps its identity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import BaseModel

from freak_core.state.diff import Change, changes, hides, listed, shown_changes, view
from freak_core.state.in_place import Plan, planned
from freak_core.state.json_values import as_plain_json
from freak_core.state.patch import Draft, Operation
from freak_core.state.serialization import Reading, document, public, read_only_paths
from freak_core.state.snapshot import Snapshot
from freak_core.state.validation import reason, rejected
from freak_core.strict_json import JSON

__all__ = [
    "Candidate",
    "Change",
    "Committed",
    "Operation",
    "Reading",
    "Snapshot",
    "as_plain_json",
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A validated new state, not yet committed.

    Attributes:
        model: the new state.
        baseline: the state validated without the operations; None where it is not valid.
        plan: the writes that turn the live state into the new one.
        seen: the live state as readers see it.
        held: what the live objects held just before they were read.
    """

    model: BaseModel
    baseline: BaseModel | None
    plan: Plan
    seen: dict[str, JSON]
    held: Snapshot


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
) -> Candidate:
    """Apply ``operations`` in order to a copy of ``model`` and validate the result. Changes nothing.

    Args:
        model: the live state.
        operations: the changes, validated as a whole.
        initial: the ``document`` of the state at the start, which a reset restores.
        reading: the live state as it is, where the caller has read it.

    Raises:
        Rejected: the result is not a valid state. It has one error per field.
        NotFound: an operation's path does not exist.
    """
    kind = type(model)
    if kind.model_config.get("frozen"):
        raise rejected([reason((), "frozen", "the state is frozen")])
    reading = reading or Reading(model)
    seen = reading.public
    current, baseline, old_errors = reading.document_and_outcome()
    draft = Draft(kind, current, seen, initial).applied(operations)
    new, errors = draft.outcome()
    if new is None and draft.ambiguous:  # fields of the union's old member may be in the way
        fresh = Draft(kind, current, seen, initial, fresh=True).applied(operations)
        new, fresh_errors = fresh.outcome()
        if not fresh_errors:
            draft = fresh
    if new is None:
        raise rejected(errors, stale=all(error in old_errors for error in errors))
    plan = planned(model, baseline, new, tuple(draft.paths))
    if plan.frozen:
        raise rejected([reason(path, "frozen", "this field is frozen") for path in plan.frozen])
    return Candidate(new, baseline, plan, seen, reading.held)


def commit(model: BaseModel, candidate: Candidate) -> Committed:
    """Write ``candidate`` into ``model`` in place."""
    # The program may have changed its state since: that is no change of this request.
    before = view(model, candidate.seen if candidate.held.unchanged() else None)
    for write in candidate.plan.writes:
        write()
    after = view(model)
    return Committed(changes(before, after), cast(dict[str, JSON], after[0]), Snapshot(model))


def preview(model: BaseModel, candidate: Candidate) -> list[Change]:
    """Return the changes that a commit of ``candidate`` would make."""
    return changes(view(candidate.baseline or model), view(candidate.model))
