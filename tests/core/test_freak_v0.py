"""The interface of Freak 0.0.2."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ConfigDict

from freak_core import Freak, control
from tests.core.conftest import Connect, Serve, connection
from tests.waiting import eventually


class Bar(BaseModel):
    baz: int = 1
    deep: dict[str, float] = {"x": 1.0}


class State(BaseModel):
    model_config = ConfigDict(validate_assignment=True)

    foo: str = "foo"
    bar: Bar = Bar()
    rate: float = 0.5
    on: bool = False
    sizes: list[int] = [1, 2]
    maybe: float | None = 0.5
    label: str | None = None


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[State, Freak]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_HOME", str(tmp_path_factory.mktemp("home")))
        state = State(bar=Bar())
        with control(state, port=0) as freak:
            yield state, freak


@pytest.fixture
def http(steered: tuple[State, Freak]) -> Iterator[httpx.Client]:
    with connection(steered[1]) as http:
        http.delete("reset")
        yield http


@pytest.fixture
def state(steered: tuple[State, Freak], http: httpx.Client) -> State:
    return steered[0]


def test_the_whole_state_and_values_are_read(http: httpx.Client, state: State) -> None:
    assert http.get("get").json() == state.model_dump()
    assert http.get("get/foo").json() == "foo"
    assert http.get("get/bar").json() == {"baz": 1, "deep": {"x": 1.0}}
    assert http.get("get/bar/baz").json() == 1
    assert http.get("get_from_path?path=bar.baz").json() == 1
    assert http.get("get_from_path").status_code == 422
    assert http.get("get/bar/nothing").status_code == 404
    assert http.get("get_from_path?path=bar.nothing").status_code == 404


def test_changes_are_answered_with_success(http: httpx.Client, state: State) -> None:
    bar = state.bar
    for answer in (
        http.put("set/foo?value=baz"),
        http.put("set/bar/baz", params={"value": 7}),
        http.patch("set/bar", json={"deep": {"y": 2.0}}),
        http.patch("set", json={"rate": 0.25}),
    ):
        assert (answer.status_code, answer.json()) == (200, "success")
    assert (state.foo, state.rate) == ("baz", 0.25)
    assert state.bar is bar
    assert (bar.baz, bar.deep) == (7, {"x": 1.0, "y": 2.0})
    assert http.delete("reset").json() == "success"
    assert state == State()
    assert state.bar is bar


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("foo", "123", "123"),
        ("foo", "true", "true"),
        ("foo", "null", "null"),
        ("foo", '"quoted"', '"quoted"'),
        ("foo", "", ""),
        ("foo", "a b/ü", "a b/ü"),
        ("label", "null", "null"),
        ("bar/baz", "-3", -3),
        ("rate", "1e-3", 1e-3),
        ("rate", "2", 2.0),
        ("on", "true", True),
        ("sizes", "[3,4,5]", [3, 4, 5]),
        ("sizes/1", "9", 9),
        ("maybe", "null", None),
        ("maybe", "0.25", 0.25),
        ("bar", '{"baz": 9}', {"baz": 9, "deep": {"x": 1.0}}),
        ("bar/deep/z", "4", 4.0),
    ],
)
def test_a_value_in_the_query_has_the_type_of_the_field(
    http: httpx.Client, path: str, text: str, value: Any
) -> None:
    answer = http.put(f"set/{path}", params={"value": text})
    assert (answer.status_code, answer.json()) == (200, "success")
    found = http.get(f"get/{path}").json()
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("bar/baz", "x"),
        ("bar/baz", "1.5"),
        ("rate", "NaN"),
        ("rate", "1e999"),
        ("on", "1"),
        ("sizes", "[1,"),
        ("sizes", "3"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(http: httpx.Client, state: State, path: str, text: str) -> None:
    answer = http.put(f"set/{path}", params={"value": text})
    assert answer.status_code == 422
    assert [error["path"].split("/")[1] for error in answer.json()["errors"]] == [path.partition("/")[0]]
    assert state == State()


def test_a_body_may_hold_the_value_instead(http: httpx.Client, state: State) -> None:
    assert http.put("set/sizes", json=[7]).json() == "success"
    assert http.put("set/foo", json=7).status_code == 422
    assert http.patch("set/bar", json={"nothing": 1}).status_code == 422
    assert (state.sizes, state.foo) == ([7], "foo")


@pytest.mark.parametrize(
    ("method", "route", "options"),
    [
        ("PUT", "set/foo?value=baz", {}),
        ("PUT", "set/rate?value=0.25", {}),
        ("PUT", "set/foo", {"json": "baz"}),
        ("PATCH", "set", {"json": {"foo": "baz"}}),
        ("PATCH", "set/bar", {"json": {"baz": 7}}),
    ],
)
def test_a_dry_run_changes_nothing_and_foresees_the_change(
    http: httpx.Client, state: State, method: str, route: str, options: dict[str, Any]
) -> None:
    answer = http.request(method, route, **options, params={**httpx.URL(route).params, "dry_run": "true"})
    assert (answer.status_code, answer.json()["status"]) == (200, "valid")
    assert len(answer.json()["changes"]) == 1
    assert answer.json()["dry_run"]
    assert state == State()


def test_a_dry_run_of_a_reset_resets_nothing(http: httpx.Client, state: State) -> None:
    http.put("set/foo?value=baz")
    assert http.delete("reset?dry_run=true").json()["status"] == "valid"
    assert state.foo == "baz"


@pytest.mark.parametrize(
    ("method", "route"),
    [("PATCH", "set"), ("PATCH", "state"), ("PUT", "state/foo"), ("DELETE", "reset"), ("DELETE", "state")],
)
def test_a_value_in_the_query_is_refused_where_none_is_taken(
    http: httpx.Client, state: State, method: str, route: str
) -> None:
    body = None if method == "DELETE" else {} if method == "PATCH" else "x"
    assert http.request(method, f"{route}?value=3", json=body).status_code == 400
    assert state == State()


def test_arguments_are_taken_by_position_as_in_0_0_2(home: object) -> None:
    state = State()
    freak = Freak(None, "/f", "localhost", 0, "/docs", "error")
    assert not freak.running
    assert freak.control(state, False) is freak
    assert not freak.running
    freak.serve()
    with freak:
        assert freak.running
        with httpx.Client(base_url=freak.url, trust_env=False, timeout=60) as http:
            headers = {"Authorization": f"Bearer {freak.token}"}
            assert http.put("set/foo?value=x", headers=headers).json() == "success"
    assert not freak.running
    assert state.foo == "x"

    with control(state, None, False, "/p", "localhost", 0, "/docs", "error") as freak:
        assert (freak.prefix, freak.host, freak.running) == ("/p", "localhost", False)


def test_a_request_that_waits_for_sync_is_answered_when_it_is_applied(
    served: Serve, connect: Connect
) -> None:
    state = State()
    freak = served(state, apply="sync")
    http = connect(freak)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(http.put, "set/foo?value=baz")
        eventually(freak.sync)
        assert answer.result(60).json() == "success"
    assert state.foo == "baz"


def test_whoever_will_not_wait_is_answered_at_once(served: Serve, connect: Connect) -> None:
    freak = served(State(), apply="sync")
    http = connect(freak)
    answer = http.patch("set?wait=0", json={"foo": "baz"})
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert http.patch("set?wait=x", json={"foo": "baz"}).status_code == 400
