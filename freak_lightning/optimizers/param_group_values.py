"""Which values of param groups are numbers, and which can be read without waiting for a device."""

from torch import Tensor


def is_at_hand(value: object) -> bool:
    """Return whether a value can be read without waiting for a device."""
    if isinstance(value, tuple):
        return all(map(is_at_hand, value))
    return not isinstance(value, Tensor) or value.device.type == "cpu"


def is_number(value: object) -> bool:
    """Return whether a value is a number, or a tensor with one."""
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.is_floating_point()
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_number_or_numbers(value: object) -> bool:
    """Return whether a value is a number, or a tuple of numbers such as ``betas``."""
    return all(map(is_number, value)) and bool(value) if isinstance(value, tuple) else is_number(value)


def in_json(value: object) -> object:
    """Return a value that is at hand as JSON; None for any other."""
    if not is_at_hand(value):
        return None
    if isinstance(value, tuple):
        return [in_json(each) for each in value]
    return float(value) if isinstance(value, Tensor | float) else value
