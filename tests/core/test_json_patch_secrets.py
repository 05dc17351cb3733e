"""A JSON Patch shows no secret, and a short one makes no large state."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from freak_core.errors import PatchTestFailed, Rejected
from freak_core.state.json_patch import MOST_COPIED
from freak_core.state.transaction import public
from tests.core.json_patches import MASK, op, patch
from tests.core.schema_zoo import zoo


class Account(BaseModel):
    user: str
    token: SecretStr
    note: str = Field("none", exclude=True)


class Bank(BaseModel):
    accounts: list[Account]
    spare: Account | None = None
    seen: dict[str, Any] = {}
    anything: Any = None


def bank() -> Bank:
    """Return a state whose items have secrets and hidden fields."""
    return Bank(accounts=[Account(user=name, token=SecretStr(name * 3), note=f"of {name}") for name in "abc"])


def test_secrets_and_hidden_fields_follow_their_items() -> None:
    model = bank()
    a, _, c = model.accounts
    patch(
        model,
        op("move", "/spare", from_="/accounts/0"),
        op("remove", "/accounts/0"),
        op("replace", "/accounts/0", {"user": "new", "token": MASK}),
    )
    assert model.spare is a
    assert model.accounts[0] is c
    assert (c.user, c.token.get_secret_value(), c.note) == ("new", "ccc", "of c")
    patch(model, op("copy", "/accounts/-", from_="/spare"))
    assert (model.accounts[1].token.get_secret_value(), model.accounts[1].note) == ("aaa", "of a")


def test_a_copied_secret_cannot_be_guessed_by_testing_it() -> None:
    model = bank()
    copied = op("copy", "/spare", from_="/accounts/0")
    patch(model, copied, op("test", "/spare/token", MASK))
    for guess in (op("test", "/spare/token", "aaa"), op("test", "/spare", {"user": "a", "token": "aaa"})):
        with pytest.raises(PatchTestFailed):
            patch(model, copied, guess)


@pytest.mark.parametrize("target", ["/seen/x", "/anything"])
@pytest.mark.parametrize("name", ["copy", "move"])
@pytest.mark.parametrize("source", ["/accounts", "/accounts/0", "/accounts/0/token"])
def test_no_secret_gets_where_it_would_be_shown(name: str, source: str, target: str) -> None:
    model = bank()
    model.anything = {"inner": SecretStr("undeclared")}
    with pytest.raises(Rejected):
        patch(model, op(name, target, from_=source))
    with pytest.raises(Rejected):
        patch(model, op(name, "/seen/x", from_="/anything"))
    assert "aaa" not in repr(public(model))


def test_a_short_patch_cannot_fill_the_memory() -> None:
    model = zoo()
    patch(model, op("add", "/data/x", ["y" * 1000]))
    double = [op("copy", f"/data/{number}", from_="/data") for number in range(30)]
    with pytest.raises(Rejected) as caught:
        patch(model, *double)
    assert caught.value.errors[0]["type"] in ("too_large", "too_deep")
    assert len(repr(public(model))) < MOST_COPIED


def test_a_patch_cannot_nest_without_end() -> None:
    model = zoo()
    patch(model, op("add", "/data/x", {}))
    deeper = [op("copy", "/data" + "/x" * depth, from_="/data/x") for depth in range(2, 70)]
    with pytest.raises(Rejected) as caught:
        patch(model, *deeper)
    assert caught.value.errors[0]["type"] == "too_deep"
