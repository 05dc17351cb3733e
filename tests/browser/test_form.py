"""The form made from the state's schema: every construct of pydantic is shown, edited and read back."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pydantic import BaseModel, Field, SecretStr

from freak_core import Client, Freak
from tests.browser.conftest import Open
from tests.core.schema_zoo import Cat, Colour, Dog, Layer, Sgd, Zoo, zoo

REFUSED = ("status of 422", "status of 412")


class Tree(BaseModel):
    """Contains itself."""

    name: str = "root"
    children: list["Tree"] = []
    spare: "Tree | None" = None


class Edges(BaseModel):
    """What JavaScript gets wrong, what a schema says, and what it cannot say."""

    big: int = 2**63 - 1
    counts: list[int] = [2**60 + 1, 2]
    batches: int | float = Field(1.0, description="a whole number counts, a fraction is a share")
    rate: float = Field(3e-4, ge=1e-6, le=0.1, json_schema_extra={"unit": "per step"})
    held: float | None = Field(None, ge=0, le=1, json_schema_extra={"scale": "log"})
    workers: int = Field(2, ge=0, le=16, title="Number of workers", examples=[4])
    old: int = Field(1, deprecated=True)
    choice: Literal["a", 2, True] | None = None
    maybe: bool | None = None
    names: dict[str, float | None] = {"a/b": 1.0, "c": None}
    free: dict[str, Any] = {"x": {"y": [1, None]}, "z": 1}
    many: list[int] = list(range(150))
    tree: Tree = Tree(children=[Tree(name="leaf")])
    secret: SecretStr | None = None
    kept: SecretStr = SecretStr("as it was")
    whatever: Any = {"a": 1}
    pair: tuple[int, ...] = (1, 2)
    bounded: Annotated[list[int], Field(max_length=2)] = [1]
    only: Literal["on"] | None = None
    odd: dict[str, dict[str, float | None]] = {"a/b %é~": {"x": None, "y": 1.0}, "..": {"x": 1.0}}
    nonsense: int = Field(1, json_schema_extra={"enum": 5, "anyOf": 7})


Shown = Callable[..., tuple[Page, Any, Freak]]


@pytest.fixture
def shown(served: Callable[..., Freak], open_page: Open) -> Shown:
    """Return a function that puts a state under control and opens its form."""

    def shown(state: Any, **options: Any) -> tuple[Page, Any, Freak]:
        freak = served(state, **options)
        assert freak.link is not None
        page = open_page(freak.link, expected=REFUSED)
        expect(page.get_by_role("status").filter(has_text="live").first).to_be_visible()
        return page, state, freak

    return shown


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


def edit_zoo(page: Page) -> None:
    """Stage an edit of every kind that the zoo has."""
    control(page, "/lr").fill("0.5")
    control(page, "/steps").press("ArrowUp")
    control(page, "/flag").check()
    control(page, "/title").fill("  stripped ")
    control(page, "/maybe").fill("2.5")
    control(page, "/layer/size").fill("32")
    at(page, "/spare").get_by_role("button", name="set spare").click()
    control(page, "/spare/size").fill("3")
    at(page, "/layers").get_by_role("button", name="add to layers").click()
    control(page, "/layers/2/name").fill("third")
    at(page, "/layers/0").get_by_role("button", name="remove layers 0").click()
    page.locator('[id="key-%2Fby_name"]').fill("b/c")
    page.locator('[id="key-%2Fby_name"]').press("Enter")
    control(page, "/by_name/b~1c/size").fill("5")
    at(page, "/weights/a").get_by_role("button", name="remove a").click()
    control(page, "/slots/1").fill("uno")
    page.locator('[id="key-%2Fgaps"]').fill("hole")
    page.locator('[id="key-%2Fgaps"]').press("Enter")
    at(page, "/gaps/hole").get_by_role("button", name="none").click()
    control(page, "/data").fill('{"deep": [1, null, {"x": 1.0}]}')
    at(page, "/optimizer").get_by_label("kind of optimizer").select_option("Sgd")
    control(page, "/optimizer/momentum").fill("0.25")
    at(page, "/pet").get_by_label("kind of pet").select_option("Dog")
    at(page, "/number_or_text").get_by_label("kind of number_or_text").select_option("text")
    control(page, "/number_or_text").fill("seven")
    control(page, "/colour").select_option("blue")
    control(page, "/mode").select_option("slow")
    control(page, "/day").fill("2025-02-03")
    control(page, "/moment").fill("2025-02-03T04:05:06")
    control(page, "/wait").fill("PT1M30S")
    control(page, "/price").fill("2.75")
    control(page, "/ident").fill(str(UUID(int=6)))
    control(page, "/folder").fill("elsewhere/runs")
    control(page, "/token").fill("swordfish")
    control(page, "/key").fill("new")
    control(page, "/birthday").fill("2001-02-03")
    control(page, "/tokens/0").fill("two")
    control(page, "/aliased").fill("33")
    control(page, "/chosen").fill("44")
    control(page, "/point/x").fill("9")
    control(page, "/loose/known").fill("2")
    page.locator('[id="key-%2Floose"]').fill("extra")
    page.locator('[id="key-%2Floose"]').press("Enter")
    control(page, "/loose/extra").fill('"more"')
    control(page, "/watched/low").fill("5")
    control(page, "/watched/high").fill("6")
    control(page, "/stubborn/value").fill("2")
    control(page, "/renaming/speed").fill("2")
    control(page, "/box/content").fill("2")
    control(page, "/sizes/1").press("End")
    control(page, "/sizes/1").press_sequentially("34")
    control(page, "/options/width").fill("7")
    control(page, "/span/end").fill("8")
    control(page, "/pair/1").fill("z")
    at(page, "/tags").get_by_role("button", name="add to tags").click()
    control(page, "/tags/1").fill("y")
    control(page, "/raw").fill("cooked")
    control(page, "/ratio").fill("0.75")
    control(page, "/rounded").fill("0.5")
    control(page, "/unbounded").fill("1e3")
    control(page, "/hidden").fill("8")


def expect_edited(state: Zoo) -> None:
    """Check the program's own object."""
    assert (state.lr, state.steps, state.flag, state.title, state.maybe) == (0.5, 11, True, "stripped", 2.5)
    assert (state.layer.size, state.spare) == (32, Layer(size=3))
    assert [(layer.size, layer.name) for layer in state.layers] == [(16, "layer"), (8, "third")]
    assert {key: layer.size for key, layer in state.by_name.items()} == {"a": 8, "b/c": 5}
    assert (state.weights, state.slots, state.gaps) == ({}, {1: "uno"}, {"hole": None})
    assert repr(state.data) == "{'deep': [1, None, {'x': 1.0}]}"
    assert state.optimizer == Sgd(momentum=0.25)
    assert (state.pet, state.number_or_text) == (Dog(), "seven")
    assert (state.colour, state.mode) == (Colour.BLUE, "slow")
    assert (state.day, state.moment) == (date(2025, 2, 3), datetime(2025, 2, 3, 4, 5, 6))
    assert (state.wait, state.price) == (timedelta(seconds=90), Decimal("2.75"))
    assert (state.ident, state.folder) == (UUID(int=6), Path("elsewhere/runs"))
    assert (state.token.get_secret_value(), state.key.get_secret_value()) == ("swordfish", b"new")
    assert state.birthday.get_secret_value() == date(2001, 2, 3)
    assert [token.get_secret_value() for token in state.tokens] == ["two"]
    assert (state.aliased, state.chosen, state.point.x) == (33, 44, 9)
    assert (state.loose.known, state.loose.model_extra) == (2, {"extra": "more"})
    assert (state.watched.low, state.watched.high) == (5, 6)
    assert (state.stubborn.value, state.renaming.speed, state.box.content) == (2, 2, 2)
    assert (state.sizes.root, state.options, state.span.end) == ([1, 234], {"depth": 1, "width": 7}, 8)
    assert (state.pair, state.tags, state.raw) == ((1, "z"), {"x", "y"}, b"cooked")
    assert (state.ratio, state.rounded, state.unbounded, state.hidden) == (0.75, 0.5, 1000, 8)
    assert (state.total, state.doubled_steps) == (11 + 32, 22)


def test_every_construct_is_shown_edited_and_read_back(shown: Shown) -> None:
    """All edits are one request; what was typed is in the program's object and in the form again."""
    page, state, freak = shown(zoo())
    for name in freak.snapshot().model_dump(mode="json"):
        if name not in ("hidden", "hook"):
            expect(at(page, f"/{name}")).not_to_be_empty()
    edit_zoo(page)
    expect(page.get_by_text("swordfish")).to_have_count(0)  # a staged secret is not spelt out
    expect(page.get_by_label("refused")).to_have_count(0)
    expect(page.locator(".staged-bar").get_by_text("changes too:")).to_contain_text("doubled_steps, total")
    apply(page)
    expect_edited(state)
    expect(control(page, "/title")).to_have_value("stripped")
    expect(control(page, "/lr")).to_have_value("0.5")
    expect(control(page, "/token")).to_have_value("")
    expect(control(page, "/token")).to_have_attribute("placeholder", "**********")
    expect(at(page, "/total").locator("output")).to_have_text("43")
    expect(at(page, "/fixed").locator("output")).to_have_text("5")
    expect(at(page, "/lr")).to_contain_text("applied")
    assert state.pet != Cat()


def test_no_number_is_rounded_and_nothing_is_blank(shown: Shown) -> None:
    """Integers beyond 2^53 and 1.0 where 1 is something else survive; what has no control is JSON."""
    page, state, _ = shown(Edges())
    expect(control(page, "/big")).to_have_value("9223372036854775807")
    expect(control(page, "/counts/0")).to_have_value("1152921504606846977")
    expect(control(page, "/batches")).to_have_value("1.0")
    expect(control(page, "/many")).to_have_value(re.compile(r"^\[\n  0,\n"))
    expect(control(page, "/whatever")).to_have_value('{\n  "a": 1\n}')
    expect(control(page, "/tree/children/0/name")).to_have_value("leaf")
    expect(at(page, "/rate")).to_contain_text("per step")
    expect(at(page, "/workers")).to_contain_text("Number of workers · such as 4 · ≥\u00a00, ≤\u00a016")
    expect(at(page, "/old")).to_contain_text("deprecated")
    at(page, "/rate").get_by_role("slider").press("End")
    expect(control(page, "/rate")).to_have_value("0.1")
    at(page, "/held").get_by_role("slider").press("PageUp")  # a tenth of six decades
    expect(control(page, "/held")).to_have_value("0.00000398")
    at(page, "/held").get_by_role("slider").press("Home")
    expect(control(page, "/held")).to_have_value("0")
    at(page, "/workers").get_by_role("slider").press("ArrowRight")
    control(page, "/big").fill("-9223372036854775807")
    control(page, "/counts/1").fill("9007199254740993")
    control(page, "/batches").fill("1")
    control(page, "/choice").select_option("2")
    control(page, "/maybe").select_option("false")
    control(page, "/names/a~1b").fill("2.0")
    at(page, "/names/c").get_by_role("button", name="remove c").click()
    control(page, "/free").fill('{"x": {"n": 18014398509481985}}')
    control(page, "/many").fill("[3]")
    at(page, "/tree/spare").get_by_role("button", name="set spare").first.click()
    at(page, "/tree/children/0/children").locator("summary").click()
    at(page, "/tree/children/0").get_by_role("button", name="add to children").click()
    control(page, "/secret").fill("psst")
    control(page, "/whatever").fill('"text"')
    control(page, "/only").select_option("on")
    control(page, "/nonsense").fill("2")
    at(page, "/pair").get_by_role("button", name="remove pair 0").click()
    at(page, "/bounded").get_by_role("button", name="add to bounded").click()
    expect(at(page, "/bounded").get_by_role("button", name="add to bounded")).to_have_count(0)
    apply(page)
    assert (state.big, state.counts) == (-(2**63) + 1, [2**60 + 1, 2**53 + 1])
    expect(control(page, "/big")).to_have_value("-9223372036854775807")
    expect(control(page, "/counts/1")).to_have_value("9007199254740993")
    for key in ("a~1b %é~0", ".."):
        at(page, f"/odd/{key}/x").get_by_role("button", name="remove x").click()
        apply(page)
    assert state.odd == {"a/b %é~": {"y": 1.0}, "..": {}}
    assert (repr(state.batches), state.rate, state.held, state.workers) == ("1", 0.1, 0, 3)
    assert (state.choice, state.maybe, state.names) == (2, False, {"a/b": 2.0})
    assert (state.free, state.many, state.whatever) == ({"x": {"n": 2**54 + 1}}, [3], "text")
    assert (state.only, state.nonsense) == ("on", 2)
    assert (state.tree.spare, state.tree.children[0].children) == (Tree(), [Tree()])
    assert state.kept.get_secret_value() == "as it was"  # although all was sent, this one as its mask
    assert (state.secret.get_secret_value(), state.pair, state.bounded) == ("psst", (2,), [1, 0])


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
