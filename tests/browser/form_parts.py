"""Parts of the form: its fields, and the button that applies the edits."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from freak_core import Client, Freak

Shown = Callable[..., tuple[Page, Any, Freak]]
"""Puts a state under control and opens its form."""


def at(page: Page, pointer: str) -> Locator:
    """Return the field, or group of fields, at a JSON Pointer."""
    return page.locator(f'.state [data-at="{pointer}"]')


def control(page: Page, pointer: str) -> Locator:
    """Return what a field is edited with."""
    return at(page, pointer).locator(":is(input, textarea, select):not([type=range], .variant)").first


def apply(page: Page) -> None:
    """Apply what is staged, and wait until it is."""
    page.get_by_role("button", name=re.compile(r"^Apply \d+ change")).click()
    expect(page.locator(".staged-bar .answer")).to_have_text("applied")
    expect(page.locator(".staged-bar .edits")).to_have_count(0)


def change(freak: Freak, patch: dict[str, Any]) -> None:
    """Change the state as somebody else."""
    with Client(freak.url, freak.token) as client:
        client.set(patch)
