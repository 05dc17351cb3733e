"""Changes of a pydantic model from JSON: proposed and validated as a whole, then committed in place.

A change goes through three stages, and only the last one touches the program's object:

1. ``document``: the model as JSON by field names, secrets included.
2. ``propose``: the operations are applied to it as a ``Draft``, and the result is validated by the model's
   own class in strict JSON mode; so is the document without them. Where the two agree, nothing was asked for.
3. ``commit``: where they differ, the new values are written straight into the ``__dict__`` of the live
   models, so no assignment hook can fail half way. Everything else keeps its Python object.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from freak_core.state.diff import Change, changes, hides, listed, view
from freak_core.state.in_place import Plan, planned
from freak_core.state.patch import Draft, Operation
from freak_core.state.serialization import document, document_and_outcome, public
from freak_core.state.validation import reason, rejected
from freak_core.strict_json import JSON

__all__ = [
    "Candidate",
    "Change",
    "Operation",
    "commit",
    "document",
    "hides",
    "listed",
    "preview",
    "propose",
    "public",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A validated new state, not yet committed.

    Attributes:
        model: the new state.
        baseline: the state validated without the operations; None where it is not valid.
        plan: the writes that turn the one into the other.
    """

    model: BaseModel
    baseline: BaseModel | None
    plan: Plan


def propose(model: BaseModel, operations: Sequence[Operation], initial: dict[str, JSON]) -> Candidate:
    """Validate ``operations``, one after the other, on a copy of ``model``; nothing is changed.

    Args:
        model: the live state.
        operations: what is asked for, validated as a whole.
        initial: a ``document`` of the state taken at the start, to which a reset goes back.

    Raises:
        Rejected: the result is not a valid state; has one error per field.
        NotFound: an operation's path leads nowhere.
    """
    kind = type(model)
    if kind.model_config.get("frozen"):
        raise rejected([reason((), "frozen", "the state is frozen")])
    current, baseline, old_errors = document_and_outcome(model)
    seen = public(model)
    draft = Draft(kind, current, seen, initial).applied(operations)
    new, errors = draft.outcome()
    if new is None and draft.ambiguous:  # a union: leftovers of the old variant may be in the way
        fresh = Draft(kind, current, seen, initial, fresh=True).applied(operations)
        new, fresh_errors = fresh.outcome()
        if not fresh_errors:
            draft = fresh
    if new is None:
        raise rejected(errors, stale=all(error in old_errors for error in errors))
    plan = planned(model, baseline, new, tuple(draft.paths))
    if plan.frozen:
        raise rejected([reason(path, "frozen", "this field is frozen") for path in plan.frozen])
    return Candidate(new, baseline, plan)


def commit(model: BaseModel, candidate: Candidate) -> list[Change]:
    """Write ``candidate`` into ``model`` in place and return what changed, as readers see it."""
    before = view(model)
    for write in candidate.plan.writes:
        write()
    return changes(before, view(model))


def preview(model: BaseModel, candidate: Candidate) -> list[Change]:
    """Return what a commit of ``candidate`` would change, without changing anything."""
    return changes(view(candidate.baseline or model), view(candidate.model))
