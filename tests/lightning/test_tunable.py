"""An object of the user's is changed in place, told of, saved, and put back where that fails."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from freak_core import ConfigurationError, Rejected
from freak_lightning import CheckpointNow, Tunable
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


class Augmentation(BaseModel):
    flip: float = Field(0.5, ge=0, le=1)
    crop: int = 8


class Knobs(BaseModel):
    temperature: float = Field(1.0, gt=0)
    augmentation: Augmentation = Augmentation()
    key: SecretStr = SecretStr("hidden")


class KnobbedModel(TinyModel):
    """Reads its knobs in every step."""

    def __init__(self) -> None:
        super().__init__()
        self.knobs = Knobs()
        self.seen: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.seen.append(self.knobs.temperature)
        return super().training_step(batch, batch_idx)


def unlucky(knobs: Knobs) -> str:
    if knobs.temperature == 13:
        raise RuntimeError("unlucky")
    return f"now {knobs.temperature}"


def tuned(*requests: Any, callbacks: tuple[Callback, ...] = ()) -> tuple[Ask, Tunable, KnobbedModel]:
    model = KnobbedModel()
    control = Tunable(model.knobs, name="knobs", on_change=unlucky)
    ask = Ask(control, *requests)
    fit([ask, control, *callbacks], model=lambda: model, max_epochs=1)
    return ask, control, model


def test_the_object_on_the_module_changes_in_place_and_its_owner_is_told() -> None:
    change = {"temperature": 0.5, "augmentation": {"flip": 0.1}}
    ask, control, model = tuned((0, 2, patch({"knobs": change})))
    assert model.seen == [1.0] * 3 + [0.5] * 5
    assert control.model is model.knobs
    assert control.state is model.knobs
    assert model.knobs.augmentation == Augmentation(flip=0.1)
    assert ask.receipt().result == {"knobs": "now 0.5"}
    assert [change.path for change in ask.receipt().changes] == [
        "/knobs/temperature",
        "/knobs/augmentation/flip",
    ]


def test_a_change_its_owner_cannot_take_is_taken_back() -> None:
    ask, control, model = tuned(
        (0, 1, patch({"knobs": {"temperature": 2.0}})),
        (0, 3, patch({"knobs": {"temperature": 13.0, "augmentation": {"crop": 1}}})),
    )
    assert ask.receipt(1).status == "failed"
    assert model.seen == [1.0] * 2 + [2.0] * 6
    assert control.model is model.knobs
    assert model.knobs.augmentation.crop == 8


def test_an_invalid_value_is_refused_at_once() -> None:
    with pytest.raises(Rejected) as caught:
        tuned((0, 1, patch({"knobs": {"augmentation": {"flip": 2.0}}})))
    assert caught.value.errors[0]["path"] == "/knobs/augmentation/flip"


def test_what_was_changed_comes_back_with_a_resume_and_nothing_else_is_saved(tmp_path: Path) -> None:
    change, save = patch({"knobs": {"augmentation": {"flip": 0.25}}}), checkpoint(name="tuned")
    tuned((0, 1, change), (0, 3, save), callbacks=(CheckpointNow(tmp_path),))
    saved = torch.load(tmp_path / "tuned.ckpt", weights_only=True)["callbacks"]
    assert saved["Tunable{'name': 'knobs'}"] == {"state": {"augmentation": {"flip": 0.25, "crop": 8}}}
    calls: list[float] = []
    knobs = Knobs(temperature=0.75)
    again = Tunable(knobs, name="knobs", on_change=lambda knobs: calls.append(knobs.augmentation.flip))
    fit([again, CheckpointNow(tmp_path)], resume=tmp_path / "tuned.ckpt", max_epochs=1)
    assert calls == [0.25]
    assert knobs.augmentation.flip == 0.25
    assert knobs.temperature == 0.75
    assert knobs.key.get_secret_value() == "hidden"


def test_several_objects_have_sections_of_their_own() -> None:
    first, second = Tunable(Augmentation()), Tunable(Augmentation(), name="other")
    ask = Ask(first, (0, 1, patch({"augmentation": {"crop": 1}, "other": {"crop": 2}})))
    fit([ask, first, second], max_epochs=1)
    assert (first.model.crop, second.model.crop) == (1, 2)
    assert first.state_key != second.state_key


def test_pickled_along_it_still_holds_the_module_s_own_object() -> None:
    module = KnobbedModel()
    control = Tunable(module.knobs, on_change=unlucky)
    module, control = pickle.loads(pickle.dumps((module, control)))  # noqa: S301 - our own bytes
    assert control.model is module.knobs


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


@pytest.mark.parametrize(
    ("model", "name", "why"),
    [
        ({"a": 1}, None, "not dict"),
        (Frozen(), None, "frozen"),
        (Knobs(), "two words", "cannot name a section"),
        (Knobs(), "", "cannot name a section"),
        (Knobs(), "_private", "cannot name a section"),
        (Knobs(), "model_fields", "cannot name a section"),
    ],
)
def test_what_cannot_be_tuned_is_refused_when_it_is_made(model: Any, name: str | None, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        Tunable(model, name=name)


class Kept(TinyModel):
    """Has an object and a number among its hyperparameters."""

    def __init__(self, knobs: Knobs, margin: float = 1.0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.seen: list[tuple[float, float]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        self.seen.append((self.hparams.knobs.temperature, self.hparams.margin))
        return super().training_step(batch, batch_idx)


class Margin(BaseModel):
    margin: float = 1.0


def test_hyperparameters_are_tuned_as_objects_and_as_numbers() -> None:
    model = Kept(Knobs())
    knobs = Tunable(model.hparams.knobs)
    margin = Tunable(Margin(), on_change=lambda changed: model.hparams.update(changed.model_dump()))
    ask = Ask(knobs, (0, 3, patch({"knobs": {"temperature": 0.5}, "margin": {"margin": 2.0}})))
    fit([ask, knobs, margin], model=lambda: model, max_epochs=1)
    assert model.seen == [(1.0, 1.0)] * 4 + [(0.5, 2.0)] * 4
