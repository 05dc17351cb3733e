"""Receipts from request to end, and actions."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import httpx
import pytest
from pydantic import BaseModel

from freak_core import ConfigurationError, Freak, Receipt, Rejected, Store, Write
from tests.core.conftest import Connect, Serve
from tests.core.steered import Steered
from tests.waiting import eventually


class Crop(BaseModel):
    width: int
    height: int = 10


@pytest.fixture
def waiting(served: Serve) -> Freak:
    """A state whose requests wait for ``sync()``."""
    return served(apply="sync")


@pytest.fixture
def http(waiting: Freak, connect: Connect) -> httpx.Client:
    return connect(waiting)


def synced(freak: Freak, http: httpx.Client, **point: int) -> list[Receipt]:
    """Sync, and let the server hear of it: the answer to a request comes after all that was told before."""
    receipts = freak.sync(**point)
    assert http.patch("state?dry_run=true", json={}).status_code == 200
    return receipts


def post(http: httpx.Client, action: str, body: Any = None, **options: Any) -> httpx.Response:
    return http.post(f"actions/{action}", json={} if body is None else body, **options)


def test_a_receipt_has_the_body_of_its_request(served: Serve, connect: Connect) -> None:
    http = connect(served(Crop(width=5)))
    assert http.patch("state", json={"width": 20}).json()["asked"] == {"width": 20}


def test_a_request_waits_for_sync_and_is_applied_at_its_step(waiting: Freak, http: httpx.Client) -> None:
    answer = http.patch("state", json={"epochs": 20})
    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted"
    assert http.get("state/epochs").json() == 10
    assert http.get(answer.headers["Location"]).json()["status"] == "accepted"

    assert [receipt.status for receipt in synced(waiting, http, step=1200, epoch=3)] == ["applied"]
    receipt = http.get(answer.headers["Location"]).json()
    assert receipt["status"] == "applied"
    assert receipt["revision"] == 1
    assert (receipt["applied"]["step"], receipt["applied"]["epoch"], receipt["applied"]["ranks"]) == (
        1200,
        3,
        1,
    )
    assert http.get("state/epochs").json() == 20
    assert waiting.sync(step=1201) == []


def test_receipts_are_listed_from_the_oldest_in_pages(http: httpx.Client) -> None:
    for epochs in (20, 0, 22):
        http.patch("state", json={"epochs": epochs})
    everything = http.get("receipts").json()
    assert [(r["seq"], r["status"]) for r in everything] == [
        (1, "accepted"),
        (2, "rejected"),
        (3, "accepted"),
    ]
    assert http.get("receipts?since=1&limit=1").json() == everything[1:2]
    assert http.get("receipts?since=3").json() == []
    assert http.get(f"receipts/{everything[1]['id']}").json()["error"]["status"] == 422
    for query in ("since=-1", "limit=0", "limit=1001", "since=x"):
        assert http.get(f"receipts?{query}").status_code == 422
    assert http.get("receipts/nobody").status_code == 404


def test_a_waiting_request_can_be_cancelled_an_applied_one_not(waiting: Freak, http: httpx.Client) -> None:
    kept = http.patch("state", json={"epochs": 20}).json()["id"]
    dropped = http.patch("state", json={"name": "other"}).json()["id"]
    assert http.delete(f"receipts/{dropped}?dry_run=true").status_code == 400
    for _ in range(2):
        answer = http.delete(f"receipts/{dropped}")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    synced(waiting, http)
    assert http.delete(f"receipts/{kept}").status_code == 409
    assert http.delete("receipts/nobody").status_code == 404
    assert http.get("state/name").json() == "run"
    assert http.get("state/epochs").json() == 20


def test_whoever_waits_for_a_cancelled_request_hears_of_it(waiting: Freak, http: httpx.Client) -> None:
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(http.patch, "state?wait=60", json={"epochs": 20})
        eventually(lambda: waiting.store.pending)
        (receipt,) = waiting.store.receipts.since(0)
        # 404 until the server has heard of it.
        eventually(lambda: http.delete(f"receipts/{receipt.id}").status_code != 404)
        assert answer.result(60).status_code == 409
    assert answer.result(60).json()["receipt"]["status"] == "cancelled"
    assert waiting.sync() == []


def test_whoever_waits_hears_when_it_is_applied(waiting: Freak, http: httpx.Client) -> None:
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(http.patch, "state?wait=60", json={"epochs": 20})
        eventually(lambda: waiting.sync(step=5))
        assert answer.result(60).status_code == 200
    assert answer.result(60).json()["applied"]["step"] == 5
    assert http.patch("state?wait=0.01", json={"epochs": 30}).status_code == 202


def test_a_change_is_checked_against_those_that_wait(waiting: Freak, http: httpx.Client) -> None:
    assert http.patch("state", json={"epochs": 500}).status_code == 202
    assert http.patch("state", json={"mode": "fast"}).status_code == 422
    foreseen = http.patch("state?dry_run=true", json={"name": "x"}).json()["changes"]
    assert foreseen == [{"path": "/name", "old": "run", "new": "x"}]
    assert http.patch("state", json={"epochs": 50}).status_code == 202
    assert http.patch("state", json={"mode": "fast"}).status_code == 202
    assert [receipt.status for receipt in waiting.sync()] == ["applied"] * 3
    assert waiting.store.revision == 3


def test_if_match_is_refused_while_others_wait(waiting: Freak, http: httpx.Client) -> None:
    tag = {"If-Match": http.get("state").headers["ETag"]}
    assert http.patch("state", json={"epochs": 20}, headers=tag).status_code == 202
    assert http.patch("state", json={"epochs": 30}, headers=tag).status_code == 412
    synced(waiting, http)
    assert http.patch("state", json={"epochs": 30}, headers=tag).status_code == 412
    assert http.get("state/epochs").json() == 20


def test_what_the_program_changed_meanwhile_fails_a_conditional_request(
    waiting: Freak, http: httpx.Client
) -> None:
    state: Any = waiting.store.model
    tag = {"If-Match": http.get("state").headers["ETag"]}
    waits = http.patch("state", json={"epochs": 20}, headers=tag).json()["id"]
    state.epochs = 7
    (receipt,) = waiting.sync()
    assert (receipt.id, receipt.status) == (waits, "failed")
    assert receipt.error is not None
    assert receipt.error["status"] == 412
    assert state.epochs == 7


def test_requests_that_still_wait_at_the_end_fail(waiting: Freak, http: httpx.Client) -> None:
    http.patch("state", json={"epochs": 20})
    store = waiting.store
    waiting.stop()
    (receipt,) = store.receipts.since(0)
    assert receipt.status == "failed"
    assert receipt.error is not None
    assert receipt.error["status"] == 409
    assert '"failed"' in waiting.journal_path.read_text()


# -- actions -------------------------------------------------------------------------------------


@pytest.fixture
def acting(served: Serve) -> tuple[Freak, list[Any]]:
    """Actions of all kinds, carried out at once, and what they were called with."""
    calls: list[Any] = []
    freak = Freak(port=0)

    @freak.action
    def crop(box: Crop, mode: Literal["fit", "fill"] = "fit", *, note: str | None = None) -> dict[str, Any]:
        """Crop the picture."""
        calls.append((box, mode, note))
        return {"area": box.width * box.height, "odd": {1}, "nan": float("nan"), "object": object}

    @freak.action(name="break")
    def break_down(how: str = "badly") -> None:
        calls.append(how)
        if how == "exit":
            raise SystemExit(3)
        raise RuntimeError(f"broken {how}")

    return served(freak=freak), calls


def test_actions_are_listed_with_their_arguments(acting: tuple[Freak, list[Any]], connect: Connect) -> None:
    listed = connect(acting[0]).get("actions").json()
    assert set(listed) == {"crop", "break"}
    assert listed["crop"]["description"] == "Crop the picture."
    assert listed["crop"]["arguments"]["required"] == ["box"]
    assert listed["crop"]["arguments"]["properties"]["mode"]["enum"] == ["fit", "fill"]


def test_an_action_gets_typed_arguments_and_returns_json(
    acting: tuple[Freak, list[Any]], connect: Connect
) -> None:
    freak, calls = acting
    receipt = post(connect(freak), "crop", {"box": {"width": 3}, "note": "n"}).json()
    assert calls == [(Crop(width=3), "fit", "n")]
    assert (receipt["kind"], receipt["name"], receipt["status"]) == ("action", "crop", "applied")
    assert receipt["result"]["area"] == 30
    assert receipt["result"]["odd"] == [1]
    assert receipt["result"]["nan"] is None
    assert isinstance(receipt["result"]["object"], str)


WRONG: list[tuple[Any, str]] = [
    ({}, "/box"),
    ({"box": {"width": "3"}}, "/box/width"),
    ({"box": {"width": 3}, "mode": "stretch"}, "/mode"),
    ({"box": {"width": 3}, "colour": 1}, "/colour"),
    ([], "/"),
    ("crop", "/"),
]


def test_wrong_arguments_are_refused_before_the_call(
    acting: tuple[Freak, list[Any]], connect: Connect
) -> None:
    freak, calls = acting
    for body, path in WRONG:
        answer = post(connect(freak), "crop", body)
        assert answer.status_code == 422, body
        assert [error["path"] for error in answer.json()["errors"]] == [path]
        assert calls == []


def test_an_unknown_action_is_404_and_names_the_others(
    acting: tuple[Freak, list[Any]], connect: Connect
) -> None:
    answer = post(connect(acting[0]), "corp")
    assert answer.status_code == 404
    assert "crop" in answer.json()["detail"]


def test_a_failing_action_is_reported_and_the_program_goes_on(
    acting: tuple[Freak, list[Any]], connect: Connect
) -> None:
    freak, calls = acting
    http = connect(freak)
    for how in ("badly", "exit"):
        answer = post(http, "break", {"how": how})
        assert answer.status_code == 500
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert http.get("receipts").json()[-1]["status"] == "failed"
    assert calls == ["badly", "exit"]
    assert http.post("actions/break").status_code == 500  # without a body there are no arguments
    assert http.patch("state", json={"epochs": 20}).status_code == 200


def test_an_action_runs_at_most_once_under_one_key(acting: tuple[Freak, list[Any]], connect: Connect) -> None:
    freak, calls = acting
    http = connect(freak)
    once = {"Idempotency-Key": "once"}
    answers = [post(http, "crop", {"box": {"width": 3}}, headers=once) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [post(http, "break", headers={"Idempotency-Key": "b"}).status_code for _ in range(2)] == [500, 500]
    assert len(calls) == 2


def test_an_action_waits_for_sync_on_the_programs_own_thread(waiting: Freak, http: httpx.Client) -> None:
    steps: list[int] = []

    @waiting.action
    def note_step(step: int) -> int:
        steps.append(step)
        return step * 2

    receipt = post(http, "note_step", {"step": 4}).json()
    assert (receipt["status"], steps) == ("accepted", [])
    assert [(r.status, r.result) for r in waiting.sync(step=9)] == [("applied", 8)]
    assert steps == [4]


def test_a_dry_run_calls_no_action(acting: tuple[Freak, list[Any]], connect: Connect) -> None:
    freak, calls = acting
    http = connect(freak)
    assert post(http, "crop?dry_run=true", {"box": {"width": 3}}).status_code == 200
    assert post(http, "crop?dry_run=true").status_code == 422
    assert calls == []
    assert http.get("receipts").json() == []


def test_a_function_whose_arguments_cannot_be_named_is_no_action() -> None:
    freak = Freak()
    with pytest.raises(ConfigurationError, match=r"\*args"):
        freak.action(lambda *args: None)


def test_a_forgotten_receipt_does_not_let_its_key_act_again() -> None:
    store = Store(Steered())
    store.submit(Write("patch", (), {"epochs": 20}, key="k"))
    for index in range(1100):
        store.submit(Write("patch", (), {"head": {"lr": 1 + index % 2}}))
    store.submit(Write("patch", (), {"epochs": 30}))
    with pytest.raises(Rejected, match="requested before"):
        store.submit(Write("patch", (), {"epochs": 20}, key="k"))
    assert store.model.epochs == 30  # type: ignore[attr-defined]
