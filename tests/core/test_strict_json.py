"""JSON is taken only where it has one meaning."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freak_core.errors import Malformed, TooLarge
from freak_core.text.strict_json import MAX_BODY, dumps, parse

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff", "UTF-8"),
        (b"{", "line 1, column"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"-Infinity", "-Infinity"),
        (b"1e999", "finite"),
        (b"-1e999", "finite"),
        (b"9" * 5000, "digits"),
        (b'{"a": 1, "a": 2}', '"a"'),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        ("'\ud800'", "not JSON"),
        ('"\ud800"', "surrogate"),
        (b"[" * 65 + b"]" * 65, "64 deep"),
        (b"[" * 60_000, "64 deep"),
        ('{"a":' * 10_000, "64 deep"),
        (b"\xef\xbb\xbf{}", "not JSON"),
    ],
)
def test_a_body_without_one_meaning_is_malformed_and_says_why(body: bytes | str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason.replace("[", r"\[")):
        parse(body)


def test_a_body_over_the_limit_is_too_large() -> None:
    assert parse(b'"' + b"a" * (MAX_BODY - 2) + b'"')
    with pytest.raises(TooLarge):
        parse(b'"' + b"a" * (MAX_BODY - 1) + b'"')
    with pytest.raises(TooLarge):
        parse("[" * 100_000)


def test_nesting_up_to_the_limit_and_brackets_in_strings_are_fine() -> None:
    assert parse(b"[" * 64 + b"]" * 64)
    assert parse('"' + "[" * 100 + '\\"["') == "[" * 100 + '"['


def test_a_string_that_never_ends_is_looked_at_once() -> None:
    """Looked at again from each quote in it, 64 KiB would take a minute."""
    began = time.thread_time()
    with pytest.raises(Malformed, match="not JSON"):
        parse('["' + '\\"' * 30_000)
    assert time.thread_time() - began < 5


@given(JSONS)
def test_every_json_value_survives_a_round_trip(value: object) -> None:
    assert parse(dumps(value)) == value


@given(st.binary() | st.text())
def test_any_bytes_give_a_value_or_a_refusal(body: bytes | str) -> None:
    with contextlib.suppress(Malformed, TooLarge):
        parse(body)


def test_output_is_compact_and_writes_non_finite_floats_as_null() -> None:
    value = {"a": [float("nan"), float("inf")], "b": {"c": -float("inf")}, "d": "\ud800", "\ud800": "ü"}
    assert json.loads(dumps(value)) == {
        "a": [None, None],
        "b": {"c": None},
        "d": "\\ud800",
        "\\ud800": "ü",
    }
    assert dumps({"a": [1, 2]}) == '{"a":[1,2]}'
