"""The page that shows the routes, in a real browser: nothing comes from elsewhere."""

from collections.abc import Callable

from playwright.sync_api import Page, expect
from pydantic import SecretStr

from freak_core import Freak
from tests.browser.conftest import Open
from tests.core.steered import Steered


def test_the_docs_list_every_route_and_send_requests(served: Callable[..., Freak], open_page: Open) -> None:
    freak = served(Steered(password=SecretStr("hush")), prefix="/x", docs_url="/help/api")

    @freak.action
    def greet(name: str = "you") -> str:
        """Says hello."""
        return f"hello {name}"

    page: Page = open_page(f"{freak.url}/help/api#token={freak.token}")
    field = page.locator("details", has=page.locator("code", has_text="/state/head/lr"))
    put = field.filter(has=page.locator("b", has_text="put"))
    put.locator("summary").click()
    assert put.locator("textarea").input_value() == "0.1"
    put.locator("textarea").fill("0.5")
    put.get_by_label("note").first.fill("from the docs")
    put.get_by_role("button", name="Send PUT").click()
    expect(put.locator("pre").last).to_contain_text('"status": "applied"')
    assert freak.store.model.head.lr == 0.5  # type: ignore[attr-defined]
    assert freak.store.receipts.since(0)[-1].note == "from the docs"
    page.get_by_text("call greet").click()
    page.get_by_role("button", name="Send POST").first.click()
    expect(page.locator("pre", has_text="hello you")).to_be_visible()
    assert "token" not in page.url


def test_the_docs_ask_for_the_token(served: Callable[..., Freak], open_page: Open) -> None:
    freak = served()
    page = open_page(f"{freak.url}/docs", expected=("401",))
    page.get_by_label("Token").fill(freak.read_token)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="state", exact=True)).to_be_visible()
    expect(page.get_by_label("Token")).to_be_hidden()


def test_the_dashboard_leads_to_the_docs(served: Callable[..., Freak], open_page: Open) -> None:
    """Wherever they are, with the token that the page has; without docs there is no link."""
    api = "the HTTP API"
    page = open_page(served(prefix="/x", docs_url="/help/api").link or "")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    with page.expect_popup() as popup:
        page.get_by_role("link", name=api).click()
    expect(popup.value.get_by_role("heading", name="state", exact=True)).to_be_visible()
    page = open_page(served(docs_url=None).link or "")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("link", name=api)).to_have_count(0)
