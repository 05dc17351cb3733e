"""A client in a notebook: an event loop is already running, and values are shown as HTML."""

import asyncio
from html.parser import HTMLParser

import pytest
from pydantic import SecretStr

from freak_core import AsyncClient, Client, Freak
from tests.core.conftest import Serve
from tests.core.steered import Steered
from tests.core.twins import Twin
from tests.waiting import eventually


class Cells(HTMLParser):
    """What a page shows, and the links and tags in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str | None] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_both_twins_work_where_a_loop_is_running(freak: Freak) -> None:
    async def cell() -> None:
        with Client.find(freak.id) as client:  # blocks, as code in a cell may
            assert client.set({"epochs": 20}, wait=30).status == "applied"
            assert next(client.events(last_id=f"{freak.id}-0")).type == "receipt"
        async with await AsyncClient.find(freak.id) as other:
            answers = await asyncio.gather(*(other.get("epochs") for _ in range(20)))
            assert set(answers) == {20}
            async for event in other.events("state", last_id=f"{freak.id}-0"):
                assert event.data["value"]["epochs"] == 20
                break
            assert "epochs" in Cells(other._repr_html_()).texts

    asyncio.run(cell())


def test_waiting_leaves_the_loop_to_others(served: Serve) -> None:
    freak = served(apply="sync")

    async def cell() -> None:
        async with AsyncClient(freak.link) as client:
            asked = asyncio.create_task(client.set({"epochs": 20}, wait=30))
            there = asyncio.create_task(client.wait_for(step=3))
            await asyncio.to_thread(eventually, lambda: freak.store.pending)
            freak.sync(step=3)
            freak.publish(step=3)
            assert (await asked).status == "applied"
            assert (await there)["step"] == 3

    asyncio.run(cell())


def test_a_client_shows_run_and_state_without_the_token(served: Serve, twin: Twin) -> None:
    freak = served(Steered(name="<script>alert(1)</script>", password=SecretStr("hush")), name="<b>& run")
    freak.phase("training")
    freak.publish(step=7, epoch=2)
    with twin(freak.link) as client:
        client.wait_for(step=7)
        shown = client._repr_html_()
        state = client.state()._repr_html_()
        assert client.state() == client.get()
    page = Cells(shown)
    assert {"<b>& run", "head.lr", "0.1", "<script>alert(1)</script>"} <= set(page.texts)
    assert any("phase training, epoch 2, step 7" in text for text in page.texts)
    assert page.links == [freak.url + "/"]
    assert "script" not in page.tags | Cells(state).tags
    for secret in (freak.token, freak.read_token, "hush"):
        assert secret not in shown + state
    assert "head.hidden.1" in Cells(state).texts


def test_a_receipt_shows_old_and_new(freak: Freak) -> None:
    with Client(freak.link) as client:
        page = Cells(client.set({"name": "<i>new</i>", "epochs": 20})._repr_html_())
    assert {"/name", "run", "<i>new</i>", "/epochs", "10", "20"} <= set(page.texts)
    assert "i" not in page.tags
    assert any("applied" in text for text in page.texts)


def test_a_run_that_is_gone_is_shown_as_that(freak: Freak, twin: Twin) -> None:
    with twin(freak.link) as client:
        freak.stop()
        assert "no answer from" in client._repr_html_()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_token_is_in_no_repr(kind: type) -> None:
    client = kind("http://127.0.0.1:1/#token=secret-and-long")
    assert "secret" not in repr(client)
