"""The form made from the state's schema: every construct of pydantic is shown, edited and read back."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from playwright.sync_api import Page, expect
from pydantic import BaseModel, Field, SecretStr

from tests.browser.form_parts import Shown, apply, at, control
from tests.core.schema_zoo import Cat, Colour, Dog, Layer, Sgd, Zoo, zoo


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
    expect(page.locator(".staged-bar").get_by_text("also changes:")).to_contain_text("doubled_steps, total")
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


class Rate(BaseModel):
    hold: float | None = None
    groups: dict[str, float] = {}


class Steered(BaseModel):
    """As the state of a training is."""

    lr: Rate = Rate()


def test_what_is_in_force_stands_beside_a_control_by_group_and_follows_the_training(shown: Shown) -> None:
    in_force = {"/lr/hold": "backbone: 0.02; head: 0.1", "/lr/groups/head": "0.1"}
    page, _, freak = shown(Steered(lr=Rate(groups={"head": 0.1})))
    freak.observe(lambda: (dict(in_force), {"step": 1, "in_force": {"by_path": dict(in_force)}}))
    beside = at(page, "/lr/hold").locator(".in-force")
    expect(beside).to_have_text("in force: backbone: 0.02; head: 0.1")
    expect(at(page, "/lr/groups/head").locator(".in-force")).to_have_count(
        0
    )  # the control shows that already
    in_force["/lr/hold"] = "backbone: 0.05 (scheduled 0.02); head: 0.05 (scheduled 0.1)"
    in_force["/lr/groups/head"] = "0.05 (scheduled 0.1)"
    expect(beside).to_have_text(f"in force: {in_force['/lr/hold']}")
    expect(at(page, "/lr/groups/head").locator(".in-force")).to_have_text("in force: 0.05 (scheduled 0.1)")
