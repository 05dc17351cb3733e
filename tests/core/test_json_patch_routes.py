"""JSON Patch over HTTP and with clients: answers, options, receipts, the journal and pending requests."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, PrivateAttr

from freak_core import Freak, Malformed, PatchTestFailed, Receipt, Rejected, Store, Write, read_journal
from tests.core.conftest import Connect, Serve
from tests.core.twins import Twin

JSON_PATCH = {"Content-Type": "application/json-patch+json"}


class Layer(BaseModel):
    wd: float = 0.1
    size: int = 8
    _place: str = PrivateAttr("")


class Net(BaseModel):
    layers: list[Layer] = [Layer(), Layer(size=16)]
    by_step: dict[int, Layer] = {}
    free: dict[str, Any] = {"list": [1, {"a": 1}]}
    rate: float = 1.0


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def http(served: Serve, connect: Connect, net: Net) -> httpx.Client:
    return connect(served(net))


@pytest.fixture
def client(served: Serve, twin: Twin, net: Net) -> Iterator[Any]:
    with twin(served(net).link) as client:
        yield client


def patch(http: httpx.Client, *operations: Any, to: str = "state", **options: Any) -> httpx.Response:
    """Send a JSON Patch."""
    headers = {**JSON_PATCH, **options.pop("headers", {})}
    return http.patch(to, content=json.dumps(operations), headers=headers, **options)


def test_items_are_added_moved_and_removed(http: httpx.Client, net: Net) -> None:
    first, second = net.layers
    answer = patch(
        http,
        {"op": "add", "path": "/layers/-", "value": {"size": 32}},
        {"op": "move", "from": "/layers/0", "path": "/layers/1"},
        {"op": "replace", "path": "/rate", "value": 0.5},
        {"op": "remove", "path": "/layers/2"},
    )
    receipt = answer.json()
    assert (answer.status_code, receipt["kind"], receipt["status"]) == (200, "json_patch", "applied")
    assert [each["path"] for each in receipt["changes"]] == ["/layers", "/rate"]
    assert net.layers[0] is second
    assert net.layers[1] is first
    assert http.get("state").json()["layers"] == [{"wd": 0.1, "size": 16}, {"wd": 0.1, "size": 8}]
    assert answer.headers["ETag"] == http.get("state").headers["ETag"]


def test_paths_begin_at_the_path_of_the_url(http: httpx.Client, net: Net) -> None:
    assert patch(http, {"op": "replace", "path": "/0/wd", "value": 0.7}, to="state/layers").status_code == 200
    assert net.layers[0].wd == 0.7
    answer = patch(http, {"op": "remove", "path": ""}, to="state/layers/0")
    assert (answer.status_code, len(net.layers)) == (200, 1)
    assert patch(http, {"op": "remove", "path": ""}, to="state/layers/7").status_code == 404


REFUSED: list[tuple[Any, int]] = [
    ([{"op": "test", "path": "/rate", "value": 2}], 409),
    ([{"op": "remove", "path": "/layers/2"}], 422),
    ([{"op": "add", "path": "/layers/3", "value": {}}], 422),
    ([{"op": "remove", "path": "/nothing"}], 422),
    ([{"op": "replace", "path": "/layers/0/size", "value": "x"}], 422),
    ([{"op": "add", "path": "/layers/0", "value": {"sise": 1}}], 422),
    ([{"op": "delete", "path": "/rate"}], 400),
    ([{"op": "remove"}], 400),
    ({"op": "remove", "path": "/rate"}, 400),
]


def test_a_refused_patch_changes_nothing(http: httpx.Client, net: Net) -> None:
    for operations, status in REFUSED:
        before = http.get("state")
        body = (
            [{"op": "replace", "path": "/rate", "value": 1.5}, *operations] if status != 400 else operations
        )
        answer = http.patch("state", content=json.dumps(body), headers=JSON_PATCH)
        assert (answer.status_code, answer.json()["status"]) == (status, status), operations
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert net == Net(), operations
        after = http.get("state")
        assert (after.json(), after.headers["ETag"]) == (before.json(), before.headers["ETag"])


def test_only_a_patch_may_be_a_json_patch(http: httpx.Client) -> None:
    body = json.dumps([{"op": "remove", "path": "/layers/0"}])
    assert http.put("state/layers", content=body, headers=JSON_PATCH).status_code == 415
    refused = http.patch("state", content=body, headers={"Content-Type": "text/plain"})
    assert (refused.status_code, "application/json-patch+json" in refused.json()["detail"]) == (415, True)


def test_options_of_a_write_work(http: httpx.Client, net: Net) -> None:
    remove = {"op": "remove", "path": "/layers/0"}
    dry = patch(http, remove, params={"dry_run": "true"}).json()
    assert (dry["status"], dry["changes"][0]["new"], len(net.layers)) == (
        "valid",
        [{"wd": 0.1, "size": 16}],
        2,
    )
    assert patch(http, remove, headers={"If-Match": "7"}).status_code == 412
    keyed = {"If-Match": "0", "Idempotency-Key": "once", "Freak-Note": "thinner"}
    first, again = patch(http, remove, headers=keyed), patch(http, remove, headers=keyed)
    assert first.json()["note"] == "thinner"
    assert (first.json()["id"], len(net.layers)) == (again.json()["id"], 1)


def test_the_journal_can_repeat_a_patch(served: Serve, connect: Connect) -> None:
    net = Net()
    freak = served(net)
    operations = [
        {"op": "add", "path": "/layers/0", "value": {"size": 4}},
        {"op": "remove", "path": "/layers/1"},
    ]
    patch(connect(freak), *operations)
    patch(connect(freak), {"op": "merge", "path": "/layers/1/wd", "value": 0.5})
    lines = [line for line in read_journal(freak.journal_path) if line.get("status") == "applied"]
    assert lines[0]["asked"] == operations
    again = Store(Net())
    for line in lines:
        again.submit(Write.from_receipt(line))
    assert again.model == net


def test_a_patch_waits_for_its_step_and_is_tested_there(served: Serve) -> None:
    net = Net()
    freak = served(net, Freak(port=0, apply="sync"))
    first, second = net.layers
    test = {"op": "test", "path": "/layers/0/size", "value": 8}
    remove = {"op": "remove", "path": "/layers/0"}
    waiting = freak.store.submit(Write("json_patch", body=[test, remove], at_step=5))
    other = freak.store.submit(Write("json_patch", body=[remove]))
    freak.sync(step=1)
    assert net.layers == [second]
    freak.sync(step=5)
    ended = freak.store.receipts.get(waiting.id)
    assert ended is not None
    assert (ended.status, (ended.error or {})["status"]) == ("failed", 409)
    assert isinstance(ended.refused(), PatchTestFailed)
    assert net.layers == [second]
    assert freak.store.receipts.get(other.id) is not None
    assert first.size == 8


def test_a_waiting_patch_whose_test_fails_by_now_stands_in_nobodys_way(served: Serve) -> None:
    net = Net()
    freak = served(net, Freak(port=0, apply="sync"))
    test = {"op": "test", "path": "/rate", "value": 1.0}
    freak.store.submit(Write("json_patch", body=[test, {"op": "remove", "path": "/layers/0"}]))
    net.rate = 3.0  # by the program itself
    receipt = freak.store.submit(Write("patch", body={"free": {"new": 1}}))
    freak.sync(step=1)
    ended = freak.store.receipts.get(receipt.id)
    assert ended is not None
    assert (ended.status, net.free["new"], len(net.layers)) == ("applied", 1, 2)


def test_clients_patch_lists(client: Any, net: Net) -> None:
    first, second = net.layers
    receipt = client.patch(
        [
            {"op": "move", "from": "/layers/1", "path": "/layers/0"},
            {"op": "test", "path": "/rate", "value": 1},
        ],
        wait=5,
        note="why",
    )
    assert isinstance(receipt, Receipt)
    assert (receipt.status, receipt.note) == ("applied", "why")
    assert net.layers[0] is second
    assert net.layers[1] is first
    with pytest.raises(PatchTestFailed, match="/rate"):
        client.patch([{"op": "test", "path": "/rate", "value": 2}])
    with pytest.raises(Rejected, match="0 to 1"):
        client.patch([{"op": "remove", "path": "/layers/2"}])
    with pytest.raises(Malformed):
        client.patch([{"op": "drop", "path": "/layers/2"}])


def test_clients_set_items_of_lists_by_their_index(client: Any, net: Net) -> None:
    first, second = net.layers
    client.set({"layers.0.wd": 0.7}, wait=5)
    client.set({"layers.1.wd": 0.8, "layers.0": {"size": 4}, "rate": 2.0, "/free/list/1/a": 2}, wait=5)
    assert net.layers[0] is first
    assert net.layers[1] is second
    assert [(each.wd, each.size) for each in net.layers] == [(0.7, 4), (0.8, 16)]
    assert (net.rate, net.free) == (2.0, {"list": [1, {"a": 2}]})
    with pytest.raises(Rejected, match="0 to 1"):
        client.set({"layers.0.wd": 0.9, "layers.2.wd": 0.9})
    with pytest.raises(Rejected, match="dw"):
        client.set({"layers.0.dw": 0.9})
    with pytest.raises(Malformed):
        client.set({"layers.0.wd": 0.9, "layers.0": {}})
    assert net.layers[0].wd == 0.7


def test_numbers_that_are_keys_stay_keys(client: Any, net: Net) -> None:
    client.set({"by_step.100.wd": 0.5, "free.7": "x", "free.new.8.y": 1}, wait=5)
    assert (net.by_step, net.free["7"], net.free["new"]) == ({100: Layer(wd=0.5)}, "x", {"8": {"y": 1}})
    client.set({"by_step.100": None, "free.7": None})
    assert (net.by_step, "7" in net.free) == ({}, False)
