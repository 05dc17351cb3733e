"""Requests that wait for a step or an epoch."""

import pytest
from pydantic import BaseModel, SecretStr

from freak_core import Client, Freak, Malformed, NotFound, Rejected, Store, TooManyRequests, Write
from freak_core.program.write_request import MOST_PENDING
from tests.core.conftest import Connect
from tests.core.steered import Steered


class Settings(BaseModel):
    lr: float = 0.1
    key: SecretStr = SecretStr("hidden")


def test_a_scheduled_request_waits_for_its_step(home: object) -> None:
    with Freak(apply="sync", port=0).control(Settings()) as freak, Client(freak.link) as client:
        late = client.set({"lr": 0.5}, at_step=3)
        soon = client.set({"lr": 0.2})
        assert [receipt.id for receipt in freak.sync(step=1)] == [soon.id]
        assert freak.sync(step=2) == []
        assert [receipt.id for receipt in freak.sync(step=3)] == [late.id]
        assert client.wait(late).applied.step == 3  # type: ignore[union-attr]
        assert client.get("lr") == 0.5


def test_a_scheduled_request_does_not_block_conditional_ones_and_can_be_cancelled(home: object) -> None:
    with Freak(apply="sync", port=0).control(Settings()) as freak, Client(freak.link) as client:
        late = client.set({"lr": 0.5}, at_epoch=3)
        soon = client.set({"lr": 0.3}, if_match=client.revision())
        assert client.cancel(late.id).status == "cancelled"
        freak.sync(step=9, epoch=9)
        assert client.wait(soon).status == "applied"
        assert client.get("lr") == 0.3


def test_a_program_without_steps_refuses_a_schedule(home: object) -> None:
    with Freak(port=0).control(Settings()) as freak, Client(freak.link) as client:
        with pytest.raises(Rejected, match="leave at_step out"):
            client.set({"lr": 0.5}, at_step=3)
        with pytest.raises(Malformed, match="at_step"):
            client.set({"lr": 0.5}, at_step=-1)


def test_the_store_says_how_far_away_the_next_one_is() -> None:
    store = Store(Settings(), "sync")
    assert store.steps_until_due(5) is None
    store.submit(Write("patch", body={"lr": 0.5}, at_step=12))
    store.submit(Write("patch", body={"lr": 0.6}, at_step=9))
    assert store.steps_until_due(5) == 4
    assert store.steps_until_due(20) == 0


class Open(BaseModel):
    lr: float = 0.1


def test_a_receipt_says_what_was_asked_for() -> None:
    assert Store(Open()).submit(Write("patch", body={"lr": 0.5})).asked == {"lr": 0.5}


def test_so_does_one_that_waits_and_one_that_is_refused() -> None:
    store = Store(Open(), "sync")
    waiting = store.submit(Write("patch", body={"lr": 0.5}, at_step=1200))
    assert (waiting.asked, waiting.at_step, waiting.status) == ({"lr": 0.5}, 1200, "accepted")
    assert str(waiting) == "#1 patch: accepted, due at step 1200, asked lr 0.5"
    for body, told in (({"lr": "fast"}, {"lr": "fast"}), ({"lr": "x" * 3000}, None)):
        with pytest.raises(Rejected):
            store.submit(Write("patch", body=body))
        assert store.receipts.since(0)[-1].asked == told
    with pytest.raises(NotFound):
        store.submit(Write("action", body={}, name="nobody"))


def test_a_refused_secret_is_in_no_receipt() -> None:
    store = Store(Settings())
    with pytest.raises(Rejected):
        store.submit(Write("patch", body={"key": ["pass", "word"]}))
    assert "word" not in store.receipts.since(0)[-1].model_dump_json()


@pytest.mark.parametrize("key", ["another", "hidden"])
def test_a_secret_is_in_no_receipt_even_where_it_changes_nothing(key: str) -> None:
    receipt = Store(Settings()).submit(Write("patch", body={"lr": 0.5, "key": key}))
    assert receipt.status == "applied"
    assert f'"{key}"' not in receipt.model_dump_json()
    assert receipt.asked == "**********"  # not null, which a request may well have asked for


def test_no_more_requests_wait_than_may_and_a_refused_one_can_be_repeated() -> None:
    store = Store(Steered(), "sync")
    waiting = [store.submit(Write("patch", body={"epochs": 5})) for _ in range(MOST_PENDING)]
    late = Write("patch", body={"epochs": 7}, key="late")
    with pytest.raises(TooManyRequests, match="200 requests wait already"):
        store.submit(late)
    store.cancel(waiting[0].id)
    assert store.submit(late).status == "accepted"


def test_where_a_request_waits_is_told_relative_to_where_it_was_sent(home: object, connect: Connect) -> None:
    with Freak(apply="sync", port=0).control(Steered()) as freak:
        http = connect(freak)
        for sent in (http.patch("state", json={"epochs": 20}), http.put("state/head/lr", json=5.0)):
            assert http.get(sent.url.join(sent.headers["Location"])).json()["id"] == sent.json()["id"]
