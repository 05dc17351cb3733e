"""What all ranks agree on when one of them could not do what was asked, or not yet."""

import json

from freak_core import Failed, Refused, refusal
from freak_lightning.ranks.collectives import Agreement


def agreed_failure(agreement: Agreement, failure: Refused | None) -> Refused | None:
    """Return this rank's failure or, where it has none, the first other rank's; None if all went well.

    Every rank must call it.
    """
    outcomes = agreement.gather(None if failure is None else json.dumps(failure.problem()))
    failed = [rank for rank, outcome in enumerate(outcomes) if outcome is not None]
    if not failed:
        return None
    refused = _failure(str(outcomes[failed[0]]))
    if len(set(outcomes)) > 1:
        which = "all ranks" if len(failed) == len(outcomes) else f"rank {', '.join(map(str, failed))}"
        refused.detail += f" (on {which} of {len(outcomes)})"
    return refused


def on_any(agreement: Agreement, here: bool) -> bool:
    """Return whether something is so on any rank. Every rank must call it."""
    return any(outcome is not None for outcome in agreement.gather("yes" if here else None))


def _failure(text: str) -> Refused:
    try:
        return refusal(json.loads(text))
    except ValueError:
        return Failed(text)
