"""The description of the routes, and what a server says about methods it does not know."""

import json
import re
from enum import Enum
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel, Field

from freak_core import ConfigurationError, Freak
from tests.core.conftest import Connect, Serve
from tests.core.schema_zoo import zoo
from tests.waiting import eventually


class Tree(BaseModel):
    size: int = 1
    left: "Tree | None" = None


class Colour(Enum):
    RED = "red"


class Odd(BaseModel):
    """Names that a URL or OpenAPI would not take as they are."""

    ünïcode: float = Field(0.5, gt=0, description="half")  # noqa: PLC2401
    tree: Tree = Tree()
    colour: Colour = Colour.RED


def described(http: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = http.get("openapi.json").json()
    validate(_without_defaults(document))
    text = json.dumps(document)
    for ref in set(re.findall(r'"#/components/([^"]+)"', text)):
        kind, _, name = ref.partition("/")
        assert name in document["components"][kind], ref
    assert "$defs" not in text
    return document


def _without_defaults(document: Any) -> Any:
    """Leave out what pydantic calls a default and JSON schema no valid one: naive times, infinity as null."""
    if isinstance(document, dict):
        schema = "title" in document
        return {k: _without_defaults(v) for k, v in document.items() if not (schema and k == "default")}
    return [_without_defaults(v) for v in document] if isinstance(document, list) else document


def test_there_is_a_typed_route_for_each_field(shared: httpx.Client) -> None:
    document = described(shared)
    assert {"/state", "/state/{path}", "/run", "/metrics", "/state/head", "/state/head/lr"} <= set(
        document["paths"]
    )
    lr = document["paths"]["/state/head/lr"]
    assert set(lr) == {"get", "patch", "put", "delete"}
    schema = lr["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert (schema["type"], schema["exclusiveMinimum"], schema["maximum"]) == ("number", 0, 10)
    asked = {parameter["name"] for parameter in lr["put"]["parameters"]}
    assert {"wait", "dry_run", "note", "If-Match", "Idempotency-Key"} <= asked
    assert not {"at_step", "at_epoch"} & asked, "this program applies writes at once"


def test_a_program_that_applies_writes_in_steps_takes_a_step(served: Serve, connect: Connect) -> None:
    document = described(connect(served(apply="sync")))
    for path in ("/state", "/state/{path}", "/state/head/lr"):
        asked = {parameter["name"] for parameter in document["paths"][path]["delete"]["parameters"]}
        assert {"at_step", "at_epoch"} <= asked


def test_what_is_described_is_what_is_there(shared: httpx.Client) -> None:
    """Every field's route answers to its methods, and takes the default that its schema names."""
    for path, methods in described(shared)["paths"].items():
        if "state" not in methods["get" if "get" in methods else next(iter(methods))]["tags"]:
            continue
        value = shared.get(path.removeprefix("/")).content
        route, options = path.removeprefix("/"), {"dry_run": "true"}
        headers = {"Content-Type": "application/json"}
        assert shared.put(route, content=value, headers=headers, params=options).status_code == 200, path
        assert shared.delete(route, params=options).status_code == 200, path


@pytest.mark.parametrize("make", [zoo, Odd], ids=["zoo", "odd"])
def test_any_state_has_a_valid_description(served: Serve, connect: Connect, make: Any) -> None:
    freak = served(make())

    @freak.action
    def plant(tree: Tree, colour: Colour = Colour.RED) -> None:
        """Plants a tree."""

    @freak.action(name="odd/name? é")
    def odd() -> None:
        pass

    http = connect(freak)
    eventually(lambda: "odd/name? é" in http.get("actions").json())
    document = described(http)
    plant_it = document["paths"]["/actions/plant"]["post"]
    assert plant_it["description"] == "Plants a tree."
    assert "/actions/odd%2Fname%3F%20%C3%A9" in document["paths"]
    assert http.post("actions/odd%2Fname%3F%20%C3%A9").status_code == 200
    if make is Odd:
        assert "/state/%C3%BCn%C3%AFcode" in document["paths"]
        assert "/state/tree/size" in document["paths"]
        assert http.get("state/%C3%BCn%C3%AFcode").json() == 0.5


def test_the_docs_are_where_they_were_asked_for(served: Serve, connect: Connect) -> None:
    for docs_url, prefix in (("/docs", ""), ("/help/api", "/x"), (None, "")):
        http = connect(served(docs_url=docs_url, prefix=prefix))
        assert http.get("docs").status_code == (200 if docs_url == "/docs" else 404)
        if docs_url is not None:
            page = http.get(docs_url.removeprefix("/"))
            assert page.headers["Content-Type"].startswith("text/html")
            here = page.url
            for asset in re.findall(r'(?:src|href)="([^d][^"]+|docs/[^"]+)"', page.text):
                assert http.get(here.join(asset)).status_code == 200, asset
            root = re.search(r'data-root="([^"]*)"', page.text)
            assert root is not None
            assert http.get(here.join(root[1] or ".").join("openapi.json")).status_code == 200
            assert http.get(f"{docs_url.removeprefix('/')}/nothing.js").status_code == 404


def test_a_docs_url_that_is_no_path_is_refused() -> None:
    for docs_url in ("docs", "/a b", "/{x}", "//host", "https://x"):
        with pytest.raises(ConfigurationError, match="docs_url"):
            Freak(docs_url=docs_url)


@pytest.mark.parametrize(
    ("method", "route", "allowed"),
    [
        ("POST", "state", "GET, HEAD, PATCH, DELETE"),
        ("POST", "state/head/lr", "GET, HEAD, PATCH, PUT, DELETE"),
        ("PATCH", "run", "GET, HEAD"),
        ("OPTIONS", "actions/x", "POST"),
        ("HEAD", "events", "GET"),
        ("PUT", "receipts/x", "GET, HEAD, DELETE"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    shared: httpx.Client, method: str, route: str, allowed: str
) -> None:
    answer = shared.request(method, route)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.headers["Content-Type"] == "application/problem+json"
    if method != "HEAD":
        assert allowed in answer.json()["detail"]


def test_every_route_parameter_status_and_header_is_described(shared: httpx.Client) -> None:
    document = described(shared)
    shared_answers = document["components"]["responses"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            for parameter in operation.get("parameters", []):
                assert parameter["description"], (where, parameter["name"])
            assert {"200", "401", "403"} <= set(operation["responses"]), where
            for status, given in operation["responses"].items():
                answer = shared_answers.get(given.get("$ref", "").rpartition("/")[2], given)
                assert answer["description"] not in ("", "Successful Response"), (where, status)
                for name, header in answer.get("headers", {}).items():
                    assert header["description"], (where, name)


def test_a_path_stands_in_the_route_and_not_in_the_query(shared: httpx.Client) -> None:
    assert shared.get("state", params={"path": "/head/lr"}).json() == shared.get("state").json()
    assert shared.get("state/head/lr").json() == 0.1


@pytest.mark.parametrize(
    ("method", "route", "detail"),
    [
        ("GET", "/series?max_pionts=5", "there is no option 'max_pionts'; did you mean 'max_points'?"),
        ("GET", "/run?wait=0&epoc=1", "there is no option 'epoc'; did you mean 'epoch'?"),
        ("GET", "/receipts?last=1&last=2", "the option 'last' is given 2 times"),
        ("PATCH", "/state?dry_run=1&dry_run=0", "the option 'dry_run' is given 2 times"),
    ],
)
def test_an_option_that_there_is_not_or_that_comes_twice_is_refused(
    shared: httpx.Client, method: str, route: str, detail: str
) -> None:
    answer = shared.request(method, route, json={} if method == "PATCH" else None)
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)
    stranger = httpx.request(method, shared.base_url.join(route), verify=False)
    assert stranger.status_code == 401


def test_each_field_says_what_a_patch_of_it_may_be(shared: httpx.Client) -> None:
    described = shared.get("/openapi.json").json()["paths"]
    for route, methods in described.items():
        if route.startswith("/state/"):
            assert methods.keys() == {"get", "patch", "put", "delete"}, route
            assert len(methods["patch"]["requestBody"]["content"]) == 3
