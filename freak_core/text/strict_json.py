"""JSON as this program takes it: one meaning for every byte, or a refusal that says why.

Python's ``json`` accepts NaN, overflows ``1e999`` to infinity, keeps the last of two equal keys and lets
lone surrogates through. None of these survives a round trip, so none is accepted here.
"""

import functools
import json
import math
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from pydantic_core import to_jsonable_python

from freak_core.errors import Malformed, TooLarge
from freak_core.interrupts import let_interrupts_through

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

MAX_BODY = 64 * 1024
"""The largest body in bytes."""

MAX_DEPTH = 64
"""How deep arrays and objects may be nested."""

MOST_DIGITS = sys.int_info.default_max_str_digits
"""The most digits of an integer. The server reads no more, whatever the program has set for itself."""

_PLAIN = frozenset([type(None), bool, int, float, str])
_DIGITS_PER_BIT = math.log10(2)
_FEWEST_BITS = 2000  # Python always reads and writes 640 digits

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL
)  # also a string that never ends: once is enough


def parse(body: bytes | str) -> JSON:
    """Return the value that ``body`` (UTF-8) spells.

    Raises:
        TooLarge: the body is over ``MAX_BODY`` bytes.
        Malformed: it is not JSON, or JSON that has no single meaning (duplicate keys, NaN, lone surrogates).
    """
    text = _text(body)
    _check_depth(text)
    try:
        value: JSON = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Malformed(f"The body is not JSON: {error.msg} at {where}.") from None
    except ValueError:  # Python refuses to convert very long integers
        raise Malformed("The body has an integer with too many digits.") from None
    if not _encodable(value):
        raise Malformed("The body has a lone surrogate, which is no character.")
    return value


def dumps(value: object, *, ascii_only: bool = True) -> str:
    """Return ``value`` as compact JSON; numbers that JSON cannot hold are replaced as ``writable`` does."""
    as_text = functools.partial(json.dumps, separators=(",", ":"), allow_nan=False, ensure_ascii=ascii_only)
    try:
        if 0 < sys.get_int_max_str_digits() <= MOST_DIGITS:
            return as_text(value)
    except ValueError:
        pass
    return as_text(writable(value))


def writable(value: object) -> Any:
    """Return a copy of ``value`` as JSON in UTF-8 can have it.

    NaN and the infinities become None, and a lone surrogate, as in the name of a file, its escape. An integer
    with more digits than Python reads becomes a text that says how many it has.
    """
    if isinstance(value, dict):
        return {writable(key) if isinstance(key, str) else key: writable(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [writable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int) and too_long(value):
        return f"<integer of about {int(value.bit_length() * _DIGITS_PER_BIT) + 1} digits>"
    return value


def are_writable(values: list[Any]) -> bool:
    """Whether ``values`` are numbers, texts, booleans and None that ``writable`` would not change."""
    kinds = set(map(type, values))
    if not kinds <= _PLAIN:
        return False
    texts = "".join([each for each in values if type(each) is str]) if str in kinds else ""
    numbers = (
        values if kinds <= {int, float, bool} else [each for each in values if type(each) in (int, float)]
    )
    try:
        if not math.isfinite(math.fsum(numbers)):
            return False
    except (OverflowError, ValueError):  # infinities, or a sum too large for a float
        return False
    short = int not in kinds or not any(too_long(int(each)) for each in (min(numbers), max(numbers)))
    return short and texts.isascii() and "\0" not in texts


def too_long(number: int) -> bool:
    """Return True if Python may refuse to read or write the digits of an integer."""
    bits = number.bit_length()
    if bits < _FEWEST_BITS:
        return False
    return bits * _DIGITS_PER_BIT >= min(sys.get_int_max_str_digits() or MOST_DIGITS, MOST_DIGITS)


def plain(value: object, *, text: Callable[[object], str] = repr) -> JSON:
    """Return what JSON can hold in place of any value. Never raises.

    A NumPy scalar or a tensor with one element becomes a number; what JSON cannot hold becomes a text.

    Args:
        value: anything.
        text: writes what JSON cannot hold.
    """
    number_or_text = functools.partial(_number_or_text, text=text)
    try:
        shown: JSON = to_jsonable_python(
            writable(value), fallback=number_or_text, inf_nan_mode="null", serialize_unknown=True
        )
        return shown
    except BaseException as error:  # noqa: BLE001  a value of the program may do anything
        let_interrupts_through(error)
        return f"<{type(value).__name__}>"


def _number_or_text(value: Any, text: Callable[[object], str]) -> float | str:
    try:
        number = float(value)
        if "bool" in str(getattr(value, "dtype", "")):
            return bool(number)
        return int(number) if number.is_integer() and "int" in str(getattr(value, "dtype", "")) else number
    except (TypeError, ValueError, RuntimeError, OverflowError):  # as of tensors with more than one element
        return text(value)


def _text(body: bytes | str) -> str:
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    if len(data) > MAX_BODY:
        raise TooLarge(f"The body has {len(data)} bytes; the limit is {MAX_BODY}.")
    if not data.strip():
        raise Malformed("The body is empty; JSON is needed.")
    try:
        return body if isinstance(body, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: bad byte at position {error.start}.") from None


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the recursive parser sees it."""
    depth = 0
    for match in _TOKEN.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
        elif bracket in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise Malformed(f"The body is nested more than {MAX_DEPTH} deep.")


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON; numbers must be finite.")


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise Malformed("The body has a number too large for a float; numbers must be finite.")
    return number


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    result: dict[str, JSON] = {}
    for key, value in pairs:
        if key in result:
            raise Malformed(f"The key {json.dumps(key)[:80]} is there twice in one object.")
        result[key] = value
    return result


def _encodable(value: JSON) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
