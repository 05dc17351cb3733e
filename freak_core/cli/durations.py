"""Durations for people, such as ``12m``."""

from datetime import UTC, datetime


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


def short(seconds: float) -> str:
    """Return a duration as ``45s``, ``12m``, ``3h`` or ``2d``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"
