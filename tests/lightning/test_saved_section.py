"""A checkpoint keeps the plain values beside secrets, at any depth, and no secret."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import BaseModel, Field, RootModel, Secret, SecretBytes, SecretStr, field_serializer

from freak_lightning import CheckpointNow, ControlCallback, Section, Tunable
from freak_lightning.saved_section import restore_section, saved_section
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, fit

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]

SESAME = "open sesame"


class Store(BaseModel):
    key: SecretStr = SecretStr(SESAME)
    rate: float = 1.0


class Deep(BaseModel):
    store: Store = Store()


class Needed(BaseModel):
    key: SecretStr
    rate: float = 1.0


class Stores(RootModel[dict[str, Store]]):
    root: dict[str, Store] = {"a": Store()}


class Rounded(BaseModel):
    key: Secret[int] = Secret(7)
    rate: float = 1.0

    @field_serializer("rate")
    def _short(self, rate: float) -> float:
        return round(rate, 1)


class State(BaseModel):
    nested: Store = Store()
    deep: Deep = Deep()
    listed: list[Store] = [Store(), Store()]
    mapped: dict[str, Store] = {"a": Store()}
    root: Stores = Stores()
    either: Store | int = 3
    pair: tuple[Store, int] = (Store(), 1)
    raw: SecretBytes = SecretBytes(b"open sesame")
    maybe: SecretStr | None = None
    rounded: Rounded = Rounded()
    needed: dict[str, Needed] = {}
    unseen: int = Field(1, exclude=True)


def nested(state: State) -> None:
    state.nested.rate = 2.0


def deep(state: State) -> None:
    state.deep.store.rate = 2.0


def listed(state: State) -> None:
    state.listed[1].rate = 2.0


def shortened(state: State) -> None:
    del state.listed[1]


def mapped(state: State) -> None:
    state.mapped["a"].rate = 2.0


def removed(state: State) -> None:
    del state.mapped["a"]


def root(state: State) -> None:
    state.root.root["a"].rate = 2.0


def paired(state: State) -> None:
    state.pair = (state.pair[0], 2)


def rounded(state: State) -> None:
    state.rounded.rate = 0.123456789


def other_member(state: State) -> None:
    state.either = 4


@pytest.mark.parametrize(
    "change",
    [nested, deep, listed, shortened, mapped, removed, root, paired, rounded, other_member],
)
def test_a_plain_value_beside_a_secret_comes_back_and_the_secret_stays(
    change: Callable[[State], None],
) -> None:
    state, again = State(), State()
    change(state)
    saved = saved_section(state)
    assert SESAME not in repr(saved)
    assert restore_section(again, saved) == []
    assert again == state


def test_a_secret_that_the_resumed_program_has_not_takes_its_default() -> None:
    state, again = State(), State()
    state.mapped["b"] = Store(key=SecretStr("other"), rate=2.0)
    state.either = Store(rate=5.0)
    state.maybe = SecretStr("other")
    assert restore_section(again, saved_section(state)) == []
    assert again.mapped["b"] == Store(rate=2.0)
    assert again.either == Store(rate=5.0)
    assert again.maybe is None


def test_where_a_secret_is_needed_only_the_field_that_holds_it_stays_as_it_is() -> None:
    state, again = State(), State()
    state.needed["x"] = Needed(key=SecretStr("other"))
    state.nested.rate = 2.0
    (why,) = restore_section(again, saved_section(state))
    assert "/needed/x/key" in why
    assert again.needed == {}
    assert again.nested.rate == 2.0


def test_a_field_that_no_longer_fits_leaves_the_others_alone() -> None:
    again = State()
    (why,) = restore_section(again, {"nested": {"key": "**********", "rate": 3.0}, "either": "text"})
    assert "/either" in why
    assert (again.nested.rate, again.either) == (3.0, 3)


class Upload(ControlCallback):
    class State(Section):
        store: Store = Store()


@pytest.mark.parametrize("kind", ["section", "object"])
def test_a_resume_brings_the_value_beside_a_secret_and_the_file_has_no_secret(
    kind: str, tmp_path: Path
) -> None:
    def made() -> ControlCallback[Any]:
        return Upload() if kind == "section" else Tunable(Deep(), name="upload")

    control, again = made(), made()
    change = (0, 1, patch({"upload": {"store": {"rate": 2.0}}}))
    fit([Ask(control, change, (0, 3, checkpoint(name="mid"))), control, CheckpointNow(tmp_path)])
    assert SESAME.encode() not in (tmp_path / "mid.ckpt").read_bytes()
    torch.load(tmp_path / "mid.ckpt", weights_only=True)
    fit([again, CheckpointNow(tmp_path)], resume=tmp_path / "mid.ckpt", max_epochs=1)
    assert again.state.store.rate == 2.0
    assert again.state.store.key.get_secret_value() == SESAME
