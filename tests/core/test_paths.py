"""Paths in pointers and dots, and what a wrong one is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freak_core.errors import Malformed, NotFound
from freak_core.state.json_values import differences
from freak_core.text.paths import from_dots, from_pointer, get, to_dots, to_pointer

KEYS = st.text(alphabet=r"ab01.\/~ é") | st.text()
PATHS = st.lists(KEYS, max_size=5).map(tuple)
DOCUMENT = {"lr": 0.1, "model": {"hidden": [1, {"a/b": 2}], "": 3}}


@given(PATHS)
def test_a_path_survives_the_round_trip_through_a_pointer(path: tuple[str, ...]) -> None:
    assert from_pointer(to_pointer(path)) == path


@given(PATHS)
def test_a_path_survives_the_round_trip_through_dots(path: tuple[str, ...]) -> None:
    assert from_dots(to_dots(path)) == path


@given(st.text())
def test_any_text_is_a_dotted_path(text: str) -> None:
    assert from_dots(to_dots(from_dots(text))) == from_dots(text)


def test_a_pointer_from_a_url_needs_no_leading_slash() -> None:
    assert from_pointer("model/hidden/0") == from_pointer("/model/hidden/0") == ("model", "hidden", "0")
    assert from_pointer("") == ()
    assert from_pointer("/") == ("",)
    assert from_pointer("/a~1b/~01") == ("a/b", "~1")


def test_a_bad_escape_in_a_pointer_is_malformed() -> None:
    for pointer in ("/a~2", "~"):
        with pytest.raises(Malformed):
            from_pointer(pointer)


def test_a_dot_in_a_key_is_escaped_with_a_backslash() -> None:
    assert from_dots(r"a\.b.c") == ("a.b", "c")
    assert to_dots(("a.b", "c")) == r"a\.b.c"


def test_get_returns_the_value_at_the_path() -> None:
    assert get(DOCUMENT, ()) == DOCUMENT
    assert get(DOCUMENT, ("model", "hidden", "1", "a/b")) == 2
    assert get(DOCUMENT, ("model", "")) == 3


@pytest.mark.parametrize(
    ("pointer", "detail"),
    [
        ("/lrr", "no 'lrr' in the state; did you mean 'lr'?"),
        ("/model/hiden/0", "no 'hiden' in /model; did you mean 'hidden'?"),
        ("/model/hidden/2", "no index '2' in /model/hidden; its indices are 0 to 1"),
        ("/model/hidden/-", "no index '-' in /model/hidden; its indices are 0 to 1"),
        ("/model/hidden/00", "no index '00' in /model/hidden; its indices are 0 to 1"),
        ("/lr/x", "no 'x' in /lr, which is a single value"),
        ("/zzzz", "no 'zzzz' in the state"),
    ],
)
def test_a_wrong_path_is_told_where_it_left_the_state(pointer: str, detail: str) -> None:
    with pytest.raises(NotFound) as caught:
        get(DOCUMENT, from_pointer(pointer))
    assert caught.value.detail == detail


def test_differences_are_leaves_of_objects_and_whole_lists() -> None:
    before = {"a": {"b": 1, "c": 2}, "l": [1, 2], "t": 1}
    after = {"a": {"b": 1, "c": 3, "d": {"e": 1}}, "l": [1], "t": True}
    assert list(differences(before, after)) == [
        (("a", "c"), 2, 3),
        (("a", "d"), None, {"e": 1}),
        (("l",), [1, 2], [1]),
        (("t",), 1, True),
    ]
