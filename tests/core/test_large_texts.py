"""The JSON of large values: the same as of small ones, and what was written before is not written again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import BaseModel

from freak_core.messages.state_changes import with_changes
from freak_core.server.mirror import large_texts
from freak_core.server.mirror.large_texts import LARGE, LargeTexts, is_large
from freak_core.text.strict_json import dumps
from tests.core.conftest import Connect, Serve

LEAVES = some.none() | some.booleans() | some.integers() | some.floats() | some.text()
VALUES = some.recursive(
    LEAVES, lambda inside: some.lists(inside) | some.dictionaries(some.text(), inside), max_leaves=30
)


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_texts, "LARGE", 3)
    monkeypatch.setattr(large_texts, "PIECE", 2)


@pytest.mark.usefixtures("small_is_large")
def test_the_text_of_a_large_value_is_that_of_any_other() -> None:
    @given(VALUES)
    def same(value: Any) -> None:
        texts = LargeTexts()
        assert texts.dumps(value) == dumps(value)
        assert texts.dumps([value, value]) == dumps([value, value])

    same()


@pytest.mark.parametrize(
    "value",
    [
        [0.5] * (LARGE + 1),
        {str(n): n for n in range(LARGE + 1)},
        {"a": {"b": [[n, n] for n in range(LARGE)]}},
        "x" * (10 * LARGE + 10),
    ],
    ids=["list", "dict", "nested", "text"],
)
def test_what_a_state_shares_with_the_one_before_is_written_once(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []

    def noted(value: object) -> str:
        written.append(value)
        return dumps(value)

    monkeypatch.setattr(large_texts, "dumps", noted)
    texts, state = LargeTexts(), {"large": value, "lr": 0.1}
    assert texts.dumps(state) == dumps(state)
    written.clear()
    changed = with_changes(state, [(["lr"], 0.2)])
    assert texts.dumps({"revision": 2, "value": changed}) == dumps({"revision": 2, "value": changed})
    assert not any(is_large(each) for each in written)
    assert len("".join(map(dumps, written))) < 200


def test_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_texts, "KEEP", 50_000)
    texts = LargeTexts()
    values = [[n] * (LARGE + 1) for n in range(30)]
    for value in values:
        assert texts.dumps(value) == dumps(value)
    monkeypatch.setattr(large_texts, "dumps", lambda value: "new")
    assert texts.dumps(values[-1]) == dumps(values[-1])
    assert "e" in texts.dumps(values[0])


def test_a_large_value_is_read_as_it_is(served: Serve, connect: Connect) -> None:
    class Large(BaseModel):
        weights: list[float] = [n / 7 for n in range(LARGE * 10)]
        names: dict[str, str] = {f"ü{n}\u2028": "é" for n in range(LARGE)}

    http = connect(served(Large()))
    expected = Large().model_dump()
    for _ in range(2):
        answer = http.get("state")
        assert answer.json() == expected
        assert answer.headers["ETag"]
        assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert http.get("state/weights").json() == expected["weights"]
    assert http.get("get/names").json() == http.get("get_from_path?path=names").json() == expected["names"]
    assert http.head("state").headers["Content-Length"] == str(len(http.get("state").content))
    http.put("state/weights/3", json=-1.0)
    assert http.get("state/weights").json()[:5] == [*expected["weights"][:3], -1.0, expected["weights"][4]]
    with http.stream("GET", "events?types=state", headers={"Last-Event-ID": "x-0"}) as events:
        seen = next(line for line in events.iter_lines() if line.startswith("data:"))
    assert json.loads(seen.removeprefix("data:"))["value"]["names"] == expected["names"]
