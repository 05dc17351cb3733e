"""The time, as receipts, journals and run files have it."""

from datetime import UTC, datetime


def now() -> str:
    """Return the time as RFC 3339 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_of(text: object) -> datetime | None:
    """Return a time in RFC 3339; None if the text is not one, as in a journal that somebody has edited."""
    try:
        when = datetime.fromisoformat(str(text))
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def age(since: object) -> float | None:
    """Return the seconds since a time in RFC 3339; None if it is not one.

    A time that is ahead of the clock of this machine is 0 seconds ago.
    """
    when = time_of(since)
    return None if when is None else max(0.0, (datetime.now(UTC) - when).total_seconds())
