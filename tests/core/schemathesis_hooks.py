"""What Schemathesis does before it sends a request to a program of the tests."""

import contextlib
import itertools
from typing import Any

import schemathesis

NUMBERS = itertools.count()


@schemathesis.hook
def before_call(context: Any, case: Any, **kwargs: Any) -> None:
    """Make of a request one that Freak takes if it is what the document says.

    It waits a moment at most: what is waited for may never come. Its key is its own: one that comes again
    with another body is refused. A JSON Patch only tests: no schema says which values fit where it points.
    """
    key, query = (case.headers or {}).get("Idempotency-Key"), case.query or {}
    if key and len(key) <= 200:
        case.headers["Idempotency-Key"] = f"{key[:180]}{next(NUMBERS)}"
    with contextlib.suppress(KeyError, TypeError, ValueError):
        if 0 <= float(query["wait"]) <= 60:
            query["wait"] = min(float(query["wait"]), 0.1)
    if not isinstance(query.get("dry_run", ""), str | int):  # a query cannot carry it
        query["dry_run"] = "neither"
    if case.media_type == "application/json-patch+json" and case.meta.generation.mode.is_positive:
        case.body = [{"value": None, **operation, "op": "test", "path": ""} for operation in case.body]


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Write whole numbers without a point: JSON Schema takes 3.0 for an integer, and Freak does not."""
    if isinstance(body, dict):
        return {key: map_body(context, value) for key, value in body.items()}
    if isinstance(body, list):
        return [map_body(context, item) for item in body]
    return int(body) if isinstance(body, float) and body.is_integer() and abs(body) < 2**53 else body
