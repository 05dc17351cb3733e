"""NotYet: an action has begun what ends later."""


class NotYet(Exception):  # noqa: N818 - nothing is wrong
    """Raised by an action that wants to be called again at the next control point where it can end.

    A rank that is done is not called again while others are not yet. The request keeps waiting for its
    receipt meanwhile, and so do the requests after it.
    """
