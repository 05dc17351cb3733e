"""Staged edits: validated, in conflict with other changes, applied."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from freak_core import Client
from tests.browser.form_parts import Shown, apply, at, change, control
from tests.core.schema_zoo import Zoo, zoo
from tests.waiting import eventually


def test_edits_are_checked_shown_and_dropped(shown: Shown, barriers: Callable[[Page], list[str]]) -> None:
    """A refusal stands at its field as one types, for everybody; Escape and the buttons drop edits."""
    page, state, _ = shown(zoo())
    lr = control(page, "/lr")
    lr.fill("5")
    expect(at(page, "/lr")).to_contain_text("0.1 → 5")
    expect(lr).to_have_attribute("aria-invalid", "true")
    expect(lr).to_have_accessible_description(re.compile("Input should be less than or equal to 1"))
    expect(page.get_by_label("refused")).to_contain_text("lr")
    apply_button = page.get_by_role("button", name="Apply 1 change")
    expect(apply_button).to_be_disabled()
    page.emulate_media(color_scheme="light")
    assert barriers(page) == []
    page.emulate_media(color_scheme="dark")
    assert barriers(page) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.set_viewport_size({"width": 1280, "height": 900})
    lr.fill("abc")
    expect(lr).to_have_accessible_description(re.compile("not a number"))
    expect(apply_button).to_be_disabled()
    lr.press("Escape")
    expect(lr).to_have_value("0.1")
    expect(lr).not_to_have_attribute("aria-invalid", "true")
    expect(apply_button).to_have_count(0)
    control(page, "/watched/low").fill("3")
    expect(at(page, "/watched").locator(".error")).to_contain_text("low must not be over high")
    control(page, "/layers/1/size").fill("0")
    expect(control(page, "/layers/1/size")).to_have_attribute("aria-invalid", "true")
    control(page, "/data").fill("{")
    expect(control(page, "/data")).to_have_accessible_description(re.compile("not JSON"))
    page.get_by_role("button", name="drop data", exact=True).click()
    expect(control(page, "/data")).to_have_value("{}")
    at(page, "/optimizer").get_by_role("button", name="optimizer as JSON").click()
    control(page, "/optimizer").fill('{"kind": "sgd"}')
    page.get_by_role("button", name="Drop all").click()
    expect(page.locator(".staged-bar .edits")).to_have_count(0)
    assert state == Zoo()


def test_a_field_that_is_not_touched_follows_and_a_touched_one_stays(shown: Shown) -> None:
    """Others may change the state meanwhile: what is staged stays, and says what is live now."""
    page, state, freak = shown(zoo())
    control(page, "/lr").fill("0.5")
    change(freak, {"lr": 0.2, "steps": 77})
    expect(control(page, "/steps")).to_have_value("77")
    expect(control(page, "/lr")).to_have_value("0.5")
    expect(at(page, "/lr")).to_contain_text("changed meanwhile: now 0.2")
    control(page, "/lr").press("Control+Enter")
    expect(at(page, "/lr").locator(".applied")).to_be_visible()
    assert state.lr == 0.5


def test_who_leaves_with_edits_is_asked(shown: Shown) -> None:
    """Also where a pasted link loads the page anew; without edits nobody is asked."""
    page, _, freak = shown(zoo())
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.reload()
    assert asked == []
    control(page, "/lr").fill("0.5")
    page.evaluate("token => { location.hash = `token=${token}`; }", freak.token)
    eventually(lambda: page.wait_for_timeout(50) or asked, within=20, what="a question")
    assert asked == ["beforeunload"]
    expect(control(page, "/lr")).to_have_value("0.5")
    page.get_by_role("button", name="Drop all").click()
    page.reload()
    assert asked == ["beforeunload"]


def test_a_conflict_shows_both_values_and_can_be_overruled(shown: Shown) -> None:
    """A change that comes between the click and the server is told, not overwritten."""
    page, state, freak = shown(zoo())
    control(page, "/lr").fill("0.5")
    page.get_by_label("note").fill("säge")
    moved = []

    def overtake(route: Route) -> None:
        if not moved and route.request.method == "PATCH" and "dry_run" not in route.request.url:
            moved.append(True)
            change(freak, {"lr": 0.25})
        route.continue_()

    page.route("**/state*", overtake)
    page.get_by_label("note").press("Enter")
    expect(page.locator(".staged-bar .answer")).to_contain_text("The state has changed meanwhile.")
    expect(at(page, "/lr")).to_contain_text("changed meanwhile: now 0.25")
    assert state.lr == 0.25
    page.get_by_role("button", name="Apply anyway").click()
    expect(at(page, "/lr").locator(".applied")).to_be_visible()
    assert state.lr == 0.5
    with Client(freak.url, freak.token) as client:
        assert client.receipts()[-1].note == "säge"


def test_a_change_is_pending_until_the_program_applies_it(shown: Shown) -> None:
    """At the field: pending, then at which step it was applied; a failure brings the edit back."""
    page, state, freak = shown(zoo(), apply="sync")
    control(page, "/lr").fill("0.5")
    page.get_by_role("button", name="Apply 1 change").click()
    expect(at(page, "/lr")).to_contain_text("pending")
    expect(control(page, "/lr")).to_have_value("0.5")
    assert state.lr == 0.1
    freak.sync(step=12)
    expect(at(page, "/lr").locator(".applied")).to_have_text("applied at step 12")
    expect(at(page, "/lr")).not_to_contain_text("pending")
    control(page, "/steps").fill("99")
    page.get_by_role("button", name="Apply 1 change").click()
    expect(at(page, "/steps")).to_contain_text("pending")
    with freak.locked():
        state.watched.__dict__["low"] = 9.0  # makes every change invalid
    freak.sync(step=13)
    expect(page.locator(".staged-bar .answer")).to_contain_text("failed")
    expect(control(page, "/steps")).to_have_value("99")
    freak.stop()
    expect(control(page, "/lr")).to_be_disabled()


@pytest.mark.parametrize("status", [503, 500, 429])
def test_an_answer_that_is_no_verdict_refuses_nothing(shown: Shown, status: int) -> None:
    """A server that cannot check just now says nothing against an edit; it is asked again until it can."""
    page, state, _ = shown(zoo(), also=f"status of {status}")
    checks = []

    def busy(route: Route) -> None:
        checks.append(route.request.url)
        if len(checks) > 1:
            return route.continue_()
        return route.fulfill(status=status, json={"title": "busy", "detail": "no answer", "errors": []})

    page.route("**/state?dry_run=true", busy)
    with page.expect_response("**/state?dry_run=true"):
        control(page, "/steps").fill("12")
    expect(page.get_by_label("refused")).to_have_count(0)
    expect(page.get_by_role("button", name="Apply 1 change")).to_be_enabled()
    expect(page.locator(".staged-bar").get_by_text("also changes:")).to_contain_text("total")
    assert len(checks) == 2
    apply(page)
    assert state.steps == 12


def test_what_is_staged_when_the_run_ends_can_only_be_dropped(shown: Shown) -> None:
    """No button is shown that would do nothing."""
    page, _, freak = shown(zoo())
    control(page, "/lr").fill("0.5")
    expect(page.get_by_role("button", name="Apply 1 change")).to_be_enabled()
    freak.stop()
    bar = page.locator(".staged-bar")
    expect(bar).to_contain_text("The run has ended: 1 change not applied.")
    expect(page.get_by_role("button", name=re.compile("^Apply"))).to_have_count(0)
    bar.get_by_role("button", name="Drop", exact=True).click()
    expect(bar.locator(".edits")).to_have_count(0)
    expect(control(page, "/lr")).to_have_value("0.1")


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_bar_does_not_cover_the_field_that_is_edited(shown: Shown, width: int, height: int) -> None:
    """It comes with the first key, above what was at the bottom of the screen."""
    page, _, _ = shown(zoo())
    page.set_viewport_size({"width": width, "height": height})
    field = control(page, "/watched/low")
    field.evaluate("field => field.focus()")
    field.evaluate("field => scrollBy(0, field.getBoundingClientRect().bottom + 4 - innerHeight)")
    assert field.evaluate("field => Math.round(innerHeight - field.getBoundingClientRect().bottom)") == 4
    page.keyboard.press("Control+A")
    page.keyboard.type("3")
    expect(page.get_by_role("button", name="Apply 1 change")).to_be_visible()
    above = """() => document.activeElement.getBoundingClientRect().bottom
        <= document.querySelector(".staged-bar").getBoundingClientRect().top"""
    eventually(lambda: page.evaluate(above), within=10, what="the field above the bar")
    assert page.evaluate("document.documentElement.scrollWidth") == width
