"""The time, as receipts, journals and run files have it."""

from datetime import UTC, datetime


def now() -> str:
    """Return the time as RFC 3339 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
