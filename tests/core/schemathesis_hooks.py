"""What Schemathesis does before it sends a request to a program of the tests."""

from typing import Any

import schemathesis


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Write whole numbers without a point: JSON Schema takes 3.0 for an integer, and Freak does not."""
    if isinstance(body, dict):
        return {key: map_body(context, value) for key, value in body.items()}
    if isinstance(body, list):
        return [map_body(context, item) for item in body]
    return int(body) if isinstance(body, float) and body.is_integer() and abs(body) < 2**53 else body


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """Wait a moment at most: what is waited for may never come."""
    if isinstance(query, dict) and isinstance(query.get("wait"), int | float):
        query = {**query, "wait": min(query["wait"], 0.1)}
    return query
