"""Reading and changing the state over HTTP."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from freak_core import Freak
from tests.core.conftest import Connect, Serve


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["detail"]
    return document


def test_the_state_is_readable_as_a_whole_and_by_path(shared: httpx.Client) -> None:
    whole = shared.get("state").json()
    assert whole["head"] == {"lr": 0.1, "hidden": [32, 16], "dropout": None}
    assert shared.get("state/head/hidden/1").json() == 16
    assert shared.get("state/weights/a~1b").json() == 1.0
    assert shared.get("state/weights/c.d").json() == 2.0
    assert shared.get("state/weights/" + quote("ü")).json() == 3.0
    assert shared.get("state/").json() == whole


@pytest.mark.parametrize("key", ["a\n", "\na", "a\nb", "a\r\n", "a\u2028", "a\u0085", "\n"])
@pytest.mark.parametrize("route", ["state", "set"])
def test_a_key_with_a_line_break_is_another_key_than_the_one_without(
    shared_freak: Freak, shared: httpx.Client, key: str, route: str
) -> None:
    shared.patch("state", json={"weights": {"a": 1.0, "": 1.0, key: 2.0}})
    where = f"weights/{quote(key, safe='')}"
    changed = shared.put(f"{route}/{where}?value=3" if route == "set" else f"state/{where}", json=3.0)
    assert changed.status_code == 200
    read = shared.get(f"{'get' if route == 'set' else 'state'}/{where}")
    assert (read.json(), shared.get("state/weights/a").json()) == (3.0, 1.0)
    weights = shared_freak.store.model.weights  # type: ignore[attr-defined]
    assert (weights[""], weights[key]) == (1.0, 3.0)


def test_secrets_are_masked_for_readers(shared: httpx.Client) -> None:
    for route in ("state", "state/password", "schema", "receipts", "run"):
        assert "hush" not in shared.get(route).text
    answer = shared.patch("state", json={"password": "louder"})
    assert "louder" not in answer.text
    assert "louder" not in shared.get("receipts").text


def test_a_patch_changes_the_object_in_place_and_says_what_it_did(freak: Freak, http: httpx.Client) -> None:
    head: Any = freak.store.model.head  # type: ignore[attr-defined]
    answer = http.patch("state", json={"head": {"lr": 0.5, "hidden": [1]}, "epochs": 20})
    assert answer.status_code == 200
    receipt = answer.json()
    assert receipt["status"] == "applied"
    assert receipt["revision"] == 1
    assert receipt["by"] == "owner"
    assert receipt["journal"] == "ok"
    assert {c["path"]: (c["old"], c["new"]) for c in receipt["changes"]} == {
        "/head/lr": (0.1, 0.5),
        "/head/hidden": ([32, 16], [1]),
        "/epochs": (10, 20),
    }
    assert (head.lr, head.hidden) == (0.5, [1])
    assert answer.headers["ETag"] == http.get("state").headers["ETag"]


def test_a_path_patches_and_puts_and_resets_only_what_is_below_it(shared: httpx.Client) -> None:
    assert shared.patch("state/head", json={"lr": 2}).status_code == 200
    assert shared.put("state/head/hidden/0", json=64).status_code == 200
    assert shared.put("state/weights/" + quote("x~1y ü%", safe="~"), json=4.5).status_code == 200
    assert shared.patch("state", json={"epochs": 99}).status_code == 200
    assert shared.get("state/head").json() == {"lr": 2.0, "hidden": [64, 16], "dropout": None}
    assert shared.get("state/weights").json()["x/y ü%"] == 4.5

    assert shared.delete("state/head").status_code == 200
    assert shared.get("state/head/lr").json() == 0.1
    assert shared.get("state/epochs").json() == 99
    assert shared.delete("state").json()["status"] == "applied"
    assert shared.get("state/epochs").json() == 10
    assert "x/y ü%" not in shared.get("state/weights").json()


def test_null_clears_what_may_be_none_and_removes_keys_of_a_dict(shared: httpx.Client) -> None:
    shared.patch("state", json={"head": {"dropout": 0.5}})
    assert shared.patch("state", json={"head": {"dropout": None}, "weights": {"ü": None}}).status_code == 200
    assert shared.get("state/head/dropout").json() is None
    assert shared.get("state/weights").json() == {"a/b": 1.0, "c.d": 2.0}
    problem(shared.patch("state", json={"epochs": None}), 422)


def test_an_unchanged_state_is_304_for_who_has_it(shared: httpx.Client) -> None:
    tag = shared.get("state").headers["ETag"]
    assert shared.get("state", headers={"If-None-Match": tag}).status_code == 304
    assert shared.get("state", headers={"If-None-Match": "*"}).status_code == 304
    shared.patch("state", json={"epochs": 11})
    assert shared.get("state", headers={"If-None-Match": tag}).json()["epochs"] == 11


def test_if_match_refuses_a_change_to_what_has_moved_on(shared: httpx.Client) -> None:
    tag = shared.get("state").headers["ETag"]
    assert shared.patch("state", json={"epochs": 11}, headers={"If-Match": tag}).status_code == 200
    document = problem(shared.patch("state", json={"epochs": 12}, headers={"If-Match": tag}), 412)
    assert document["receipt"]["status"] == "rejected"
    assert shared.get("state/epochs").json() == 11
    assert shared.put("state/epochs", json=12, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("tag", ["{}", '"{}"'])
def test_if_match_takes_the_number_of_a_revision(shared: httpx.Client, tag: str) -> None:
    number = shared.get("run").json()["revision"]
    headers = {"If-Match": tag.format(number)}
    assert shared.patch("state", json={"epochs": 11}, headers=headers).status_code == 200
    problem(shared.patch("state", json={"epochs": 12}, headers=headers), 412)


@pytest.mark.parametrize("tag", ['"another-0"'])
def test_if_match_of_another_start_of_the_program_is_refused(shared: httpx.Client, tag: str) -> None:
    problem(shared.patch("state", json={"epochs": 11}, headers={"If-Match": tag}), 412)


@pytest.mark.parametrize("tag", ["x", '""', '"boot-"', '"boot-one"', f'"boot-{"9" * 5000}"'])
def test_if_match_that_is_no_etag_is_refused(shared: httpx.Client, tag: str) -> None:
    problem(shared.patch("state", json={"epochs": 11}, headers={"If-Match": tag}), 400)


def test_a_dry_run_foresees_the_changes_and_makes_none(freak: Freak, http: httpx.Client) -> None:
    before = http.get("state")
    for flag in ("true", "1", "True", ""):
        foreseen = http.patch("state", params={"dry_run": flag}, json={"epochs": 20, "password": "x"}).json()
        assert foreseen["dry_run"] is True
        assert {c["path"] for c in foreseen["changes"]} == {"/epochs", "/password"}
        assert foreseen["changes"][0] == {"path": "/epochs", "old": 10, "new": 20}
    problem(http.patch("state?dry_run=true", json={"epochs": 0}), 422)
    problem(http.patch("state?dry_run=maybe", json={"epochs": 1}), 400)
    assert http.get("state").headers["ETag"] == before.headers["ETag"]
    assert http.get("receipts").json() == []
    assert http.patch("state?dry_run=false", json={"epochs": 20}).json()["status"] == "applied"


def test_a_dry_run_takes_no_idempotency_key(http: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k"}
    http.patch("state?dry_run=true", json={"epochs": 20}, headers=headers)
    assert http.patch("state", json={"epochs": 20}, headers=headers).json()["status"] == "applied"


@pytest.mark.parametrize("wait", ["nan", "inf", "-1", "61", "1e400", "soon", "0x1"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(shared: httpx.Client, wait: str) -> None:
    problem(shared.patch("state", params={"wait": wait}, json={"epochs": 20}), 400)
    assert shared.get("state/epochs").json() == 10


def test_the_same_idempotency_key_gives_the_same_receipt(freak: Freak, http: httpx.Client) -> None:
    headers = {"Idempotency-Key": "once"}
    first = http.patch("state", json={"epochs": 20}, headers=headers)
    http.patch("state", json={"epochs": 30})
    again = http.patch("state", json={"epochs": 20}, headers=headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert http.get("state/epochs").json() == 30
    problem(http.patch("state", json={"epochs": 21}, headers=headers), 422)
    problem(http.delete("state", headers=headers), 422)
    assert http.get("state/epochs").json() == 30


def test_a_refused_request_is_refused_again_under_its_key(http: httpx.Client) -> None:
    headers = {"Idempotency-Key": "bad"}
    first = problem(http.patch("state", json={"epochs": 0}, headers=headers), 422)
    again = problem(http.patch("state", json={"epochs": 0}, headers=headers), 422)
    assert first["receipt"]["id"] == again["receipt"]["id"]
    problem(http.patch("state", json={"epochs": 1}, headers={"Idempotency-Key": "k" * 201}), 400)


@pytest.mark.parametrize("text", ["loss spiked at 1180", "naïve 学習率 ½", "a%b"])
def test_a_note_says_why_in_any_script(shared: httpx.Client, text: str) -> None:
    for request in ({"headers": {"Freak-Note": quote(text)}}, {"params": {"note": text}}):
        receipt = shared.patch("state", json={"epochs": 11}, **request).json()
        assert receipt["note"] == text
        assert shared.get(f"receipts/{receipt['id']}").json()["note"] == text


def test_a_note_may_be_sent_as_plain_utf8_and_is_cut_at_1000_characters(shared: httpx.Client) -> None:
    raw = {"Freak-Note": "größer".encode()}
    assert shared.patch("state", json={}, headers=raw).json()["note"] == "größer"
    assert shared.patch("state", json={}, headers={"Freak-Note": "x" * 3000}).json()["note"] == "x" * 1000


@pytest.mark.parametrize(
    "path", ["hed", "head/lr/deeper", "head/hidden/2", "head/hidden/-1", "head/hidden/01"]
)
def test_a_path_that_leads_nowhere_is_404(shared: httpx.Client, path: str) -> None:
    problem(shared.get(f"state/{path}"), 404)
    problem(shared.put(f"state/{path}", json=1), 404)
    problem(shared.delete(f"state/{path}"), 404)
    problem(shared.patch(f"state/{path}", json={}), 404)


def test_a_close_name_is_suggested(shared: httpx.Client) -> None:
    assert "'head'" in problem(shared.get("state/hed"), 404)["detail"]
    problem(shared.get("state/a~2b"), 400)


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"epochs": "20"}, "/epochs"),
        ({"epochs": True}, "/epochs"),
        ({"epochs": 1.5}, "/epochs"),
        ({"epochs": 0}, "/epochs"),
        ({"epochs": 20, "head": {"lr": 11}}, "/head/lr"),
        ({"head": {"hidden": [1, "2"]}}, "/head/hidden/1"),
        ({"mode": "medium"}, "/mode"),
        ({"epochs": 500, "mode": "fast"}, ""),
        ({"epochs": 20, "hed": {"lr": 1}}, "/hed"),
        ({"weights": {"a/b": "x"}}, "/weights/a~1b"),
    ],
)
def test_a_rejected_patch_names_the_place_and_changes_nothing(
    shared_freak: Freak, shared: httpx.Client, patch: dict[str, Any], pointer: str
) -> None:
    before = shared_freak.snapshot()
    tag = shared.get("state").headers["ETag"]
    document = problem(shared.patch("state", json=patch), 422)
    assert [error["path"] for error in document["errors"]] == [pointer]
    assert document["receipt"]["status"] == "rejected"
    assert shared.get("receipts?limit=1000").json()[-1]["id"] == document["receipt"]["id"]
    assert shared_freak.snapshot() == before
    assert shared.get("state").headers["ETag"] == tag


DEEP = b"[" * 65 + b"]" * 65
BROKEN = [
    b"",
    b" ",
    b"{",
    b"{'epochs': 1}",
    b'{"epochs": NaN}',
    b'{"head": {"lr": Infinity}}',
    b'{"head": {"lr": 1e999}}',
    b'{"epochs": 1, "epochs": 2}',
    b'{"name": "\\ud800"}',
    b'{"name": "\xff"}',
    b'{"epochs": ' + b"9" * 5000 + b"}",
    DEEP,
    b'{"a":' * 10_000,
]


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: body[:20].decode("latin-1"))
def test_a_body_that_is_not_strict_json_is_400(
    shared_freak: Freak, shared: httpx.Client, body: bytes
) -> None:
    before, receipts = shared_freak.snapshot(), shared.get("receipts?limit=1000").json()
    headers = {"Content-Type": "application/json"}
    problem(shared.patch("state", content=body, headers=headers), 400)
    problem(shared.put("state/head", content=body, headers=headers), 400)
    assert shared_freak.snapshot() == before
    assert shared.get("receipts?limit=1000").json() == receipts


def test_a_large_body_is_413_however_it_is_framed(freak: Freak, http: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"name": "x" * 65_536}).encode()
    problem(http.patch("state", content=body, headers=headers), 413)
    problem(http.patch("state", content=iter([body[:9], body[9:]]), headers=headers), 413)
    problem(http.patch("state", content=b" " * 5_000_000, headers=headers), 413)
    fits = json.dumps({"name": "x" * (65_536 - 12)}).encode()
    assert len(fits) == 65_536
    assert http.patch("state", content=iter([fits]), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_another_content_type_is_415(shared: httpx.Client, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    problem(shared.patch("state", content=b'{"epochs": 20}', headers=headers), 415)
    assert shared.get("state/epochs").json() == 10


def test_merge_patch_and_charset_are_content_types_of_json(shared: httpx.Client) -> None:
    for kind in ("application/merge-patch+json", "Application/JSON; charset=utf-8"):
        answer = shared.patch("state", content=b'{"epochs": 20}', headers={"Content-Type": kind})
        assert answer.status_code == 200


def test_a_patch_that_changes_nothing_makes_no_revision(http: httpx.Client) -> None:
    receipt = http.patch("state", json={"epochs": 10}).json()
    assert (receipt["status"], receipt["changes"], receipt["revision"]) == ("applied", [], 0)


def test_a_method_that_a_route_does_not_have_is_405(shared: httpx.Client) -> None:
    answer = shared.post("state", json={})
    assert answer.status_code == 405
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "GET" in answer.headers["Allow"]


def test_an_unknown_route_is_404(shared: httpx.Client) -> None:
    assert "/stat" in problem(shared.get("stat"), 404)["detail"]


def test_a_prefix_stands_before_every_route(served: Serve, connect: Connect) -> None:
    freak = served(prefix="/my/freak/")
    http = connect(freak)
    assert freak.url.endswith("/my/freak")
    assert http.get("state/epochs").json() == 10
    assert http.get("healthz").json() == {"status": "ok"}
    assert http.get("").status_code in (200, 307)
    bare = httpx.get(freak.url.removesuffix("/my/freak") + "/state", trust_env=False)
    assert bare.status_code == 404
