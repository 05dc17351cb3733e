"""Durations for people, such as ``12m``."""


def short(seconds: float) -> str:
    """Return a duration as ``45s``, ``12m``, ``3h`` or ``2d``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"
