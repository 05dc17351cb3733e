"""NotYet: an action has begun what ends later."""


class NotYet(Exception):  # noqa: N818 - nothing is wrong
    """Raised by an action that wants to be called again at the next control point where it can end.

    All ranks must raise it alike. The request keeps waiting for its receipt meanwhile.
    """
