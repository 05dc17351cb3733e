"""Undo in the timeline restores the old values exactly, or says what a receipt does not tell."""

import json
import re
from typing import Any

from playwright.sync_api import Page, expect
from pydantic import BaseModel, computed_field

from tests.browser.form_parts import Shown, apply, at, change, control
from tests.browser.page_parts import entry
from tests.browser.test_form import edit_zoo
from tests.core.conftest import connection
from tests.core.schema_zoo import zoo

SECRET = ("token", "key", "birthday", "tokens", "hidden")
MAY_BE_NONE = ("gaps", "data", "loose")
"""Their values may be none as well as not there."""
UNTOLD = ("unbounded",)
"""Not finite at first, which JSON cannot say."""


class Model(BaseModel):
    layers: int = 2
    note: str | None = None
    width: dict[str, float] = {"a": 1.0, "b": 2.0}


class Estimate(BaseModel):
    steps: int = 10
    big: int = 2**60 + 1
    share: int | float = 1.0
    model: Model | None = Model()
    models: dict[str, Model | None] = {"first": Model()}
    gaps: dict[str, float | None] = {"none": None}
    free: dict[str, Any] = {"x": {"y": 1.0}}

    @computed_field
    @property
    def total(self) -> int:
        return self.steps * 2


def exactly(state: BaseModel) -> str:
    """Return a state as text that tells 1 from 1.0, and does not tell in which order keys were added."""
    return json.dumps(state.model_dump(mode="json"), sort_keys=True)


def undo(page: Page, seq: int, asks: bool = False) -> None:
    """Take a request back, and wait until that is done; ``asks``: after a question."""
    page.get_by_role("button", name=f"Undo #{seq}", exact=True).click()
    if asks:
        page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    expect(page.locator(".timeline li.applied").filter(has_text=f"undo of #{seq}")).to_have_count(1)


def test_what_was_set_in_the_form_is_taken_back(shown: Shown) -> None:
    """Every construct that the form edits, at once and each by itself."""
    page, _, freak = shown(zoo())
    first = freak.snapshot().model_dump(mode="json")
    edit_zoo(page)
    control(page, "/gaps/hole").fill("2.0")  # no receipt tells of a new key that is none
    for name in (*SECRET, *UNTOLD):
        for each in page.get_by_role("button", name=re.compile(rf"^drop {name}\b")).all():
            each.click()
    apply(page)
    edited = freak.snapshot().model_dump(mode="json")
    undo(page, 1, asks=True)
    assert freak.snapshot().model_dump(mode="json") == {**first, "rounded": 0.12}

    seq = 2
    first = freak.snapshot().model_dump(mode="json")
    for name in first:
        if edited[name] != first[name] and name not in ("total", "doubled_steps"):
            with connection(freak) as http:
                assert http.put(f"state/{name}", json=edited[name]).status_code == 200, name
            assert freak.snapshot().model_dump(mode="json") != first
            undo(page, seq + 1, asks=name in MAY_BE_NONE)
            assert freak.snapshot().model_dump(mode="json") == first, name
            seq += 2


def test_undo_brings_back_exactly_what_was(shown: Shown) -> None:
    """A computed field follows; 1.0 is not 1; a key that had not been there goes; no integer is rounded."""
    page, state, freak = shown(Estimate())
    first = exactly(state)
    patches: list[dict[str, Any]] = [
        {"steps": 20},
        {"big": 2**60 + 3, "share": 1},
        {"share": 2},
        {"model": {"layers": 3, "note": "deep", "width": {"a": None, "c": 3.0}}},
        {"model": None},
        {"models": {"first": {"width": {"a": 7.0}}}},
    ]
    for number, patch in enumerate(patches):
        change(freak, patch)
        assert exactly(state) != first
        undo(page, 2 * number + 1)
        assert exactly(state) == first
    expect(page.get_by_role("button", name="Undo #1", exact=True)).to_be_disabled()
    expect(entry(page, 3)).to_contain_text("1152921504606846977 → 1152921504606846979")
    expect(entry(page, 3)).to_contain_text("share 1.0 → 1")


def test_undo_says_what_a_receipt_does_not_tell(shown: Shown) -> None:
    """Where a key may be none or not there, undo asks before it takes the key away."""
    page, state, freak = shown(Estimate())
    change(freak, {"gaps": {"k": 1.0}, "models": {"second": {"layers": 1}}, "free": {"x": {"z": 2}}})
    page.get_by_role("button", name="Undo #1", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(
        "does not tell whether models.second, gaps.k, free.x.z had been none or not there"
    )
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert state.gaps == {"none": None, "k": 1.0}
    page.get_by_role("button", name="Undo #1", exact=True).click()
    dialog.get_by_role("button", name="Undo").click()
    expect(entry(page, 2)).to_contain_text("undo of #1")
    expect(entry(page, 2)).to_contain_text("applied")
    assert exactly(state) == exactly(Estimate())
    control(page, "/gaps/none").fill("3.0")
    apply(page)
    expect(at(page, "/gaps/none")).to_contain_text("applied")
