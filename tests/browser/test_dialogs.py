"""The dialogs: what asks first does nothing by itself, and an action's arguments are given by type."""

from typing import Any, Literal

from playwright.sync_api import expect
from pydantic import BaseModel, SecretStr

from freak_core import Freak
from tests.browser.conftest import Open
from tests.browser.page_parts import Crawler, badge
from tests.core.conftest import Serve, connection


class Stop(BaseModel):
    should_stop: bool = False
    after: str = "batch"
    checkpoint: bool = True
    force: bool = False
    reason: str | None = None


class Training(BaseModel):
    stop: Stop = Stop()


def test_who_types_on_the_page_stops_nothing(served: Serve, open_page: Open) -> None:
    """The stop's dialog opens by a letter; then only its button stops, whatever else one types."""
    training = Training()
    freak = served(training)
    page = open_page(freak.link or "")
    expect(badge(page)).to_have_text("live")
    dialog = page.get_by_role("dialog", name="Stop the training")
    page.keyboard.press("s")
    expect(dialog.get_by_role("button", name="Keep training")).to_be_focused()
    page.keyboard.type("gd")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    for field in ("after this epoch", "save a checkpoint first", "Reason"):
        page.keyboard.press("s")
        dialog.get_by_label(field).press("Enter")
        expect(dialog.get_by_role("button", name="Stop the training")).to_be_enabled()
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
    with connection(freak) as http:
        assert http.get("receipts").json() == []
    page.keyboard.press("s")
    expect(dialog).to_contain_text("The receipt tells whether a resume repeats the rest exactly")
    dialog.get_by_label("save a checkpoint first").uncheck()
    expect(dialog).not_to_contain_text("resume")
    dialog.get_by_label("after this epoch").check()
    dialog.get_by_role("button", name="Stop the training").press("Enter")
    expect(dialog).to_have_count(0)
    assert (training.stop.should_stop, training.stop.after) == (True, "epoch")


def test_enter_in_an_argument_does_not_call_what_asks_first(served: Serve, open_page: Open) -> None:
    """An action that is registered with ``confirm`` is called by its button only; any other by Enter too."""
    freak = Freak(port=0)
    called: list[Any] = []

    @freak.action(confirm=True)
    def forget(host: str) -> None:
        called.append(("forget", host))

    @freak.action
    def visit(host: str) -> None:
        called.append(("visit", host))

    served(Crawler(), freak)
    page = open_page(freak.link or "")
    for name in ("Visit", "Forget"):
        page.get_by_role("button", name=f"{name}…").click()
        page.get_by_label("Host").fill("example.org")
        page.get_by_label("Host").press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0 if name == "Visit" else 1)
    assert called == [("visit", "example.org")]
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert called[1:] == [("forget", "example.org")]


def test_every_argument_can_be_given(served: Serve, open_page: Open) -> None:
    """Whatever its name; untouched it is left out; a secret is not spelt out; "" is no default."""
    freak = Freak(port=0)
    called: list[Any] = []

    @freak.action
    def crawl(
        length: int,
        elements: str,
        password: SecretStr,
        deep: bool | None = None,
        polite: bool | None = True,
        agent: str = "bot",
        prefix: str = "one\ntwo",
        mode: Literal["soft", "hard"] | None = "soft",
        number: int = 1,
    ) -> None:
        called.append(
            (length, elements, password.get_secret_value(), deep, polite, agent, prefix, mode, number)
        )

    served(Crawler(), freak)
    page = open_page(freak.link or "")
    dialog = page.get_by_role("dialog", name="Crawl")

    def call() -> None:
        dialog.get_by_role("button", name="Crawl").click()
        expect(dialog).to_have_count(0)

    def fill() -> None:
        page.get_by_role("button", name="Crawl…").click()
        dialog.get_by_label("Length").fill("3")
        dialog.get_by_label("Elements").fill("all")
        dialog.get_by_label("Password").fill("hush")

    fill()
    expect(dialog.get_by_label("Password")).to_have_attribute("type", "password")
    call()
    assert called.pop() == (3, "all", "hush", None, True, "bot", "one\ntwo", "soft", 1)
    fill()
    dialog.get_by_label("Deep").select_option("false")
    dialog.get_by_label("Polite").select_option("none")
    dialog.get_by_label("Agent").fill("")
    dialog.get_by_label("Mode").select_option("none")
    dialog.get_by_label("Number").fill(str(2**60 + 1))
    call()
    assert called.pop() == (3, "all", "hush", False, None, "", "one\ntwo", None, 2**60 + 1)


def test_a_dialog_stays_where_a_selection_ends_beside_it(served: Serve, open_page: Open) -> None:
    """Only a click that begins beside the dialog leaves it."""
    page = open_page(served(Training()).link or "")
    expect(badge(page)).to_have_text("live")
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog", name="Stop the training")
    dialog.get_by_label("Reason").fill("it is good enough")
    box = dialog.get_by_label("Reason").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(2, 2, steps=3)
    page.mouse.up()
    expect(dialog.get_by_label("Reason")).to_have_value("it is good enough")
    page.mouse.click(2, 2)
    expect(dialog).to_have_count(0)
