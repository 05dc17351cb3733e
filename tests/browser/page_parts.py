"""The state of a program, and parts of the page around the form."""

from playwright.sync_api import Locator, Page
from pydantic import BaseModel, Field, SecretStr


class Model(BaseModel):
    hidden: list[int] = [32, 16]
    dropout: float | None = None


class Crawler(BaseModel):
    rate: float = Field(1.0, gt=0, le=100)
    weights: dict[str, float] = {"a/b": 1.0}
    model: Model = Model()
    password: SecretStr = SecretStr("hush")


def badge(page: Page) -> Locator:
    return page.get_by_role("status").first


def entry(page: Page, seq: int) -> Locator:
    """The timeline's entry for one receipt."""
    return page.locator(f"#receipt-{seq}")
