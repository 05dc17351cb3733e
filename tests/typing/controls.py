"""Controls of a user's own, whose sections have types. It is checked, never run."""

from typing import assert_type

from lightning.pytorch import LightningModule, Trainer
from pydantic import BaseModel, Field

from freak_lightning import ControlCallback, ControlSession, Section, Tunable


class Softmax(Section):
    """A section."""

    temperature: float = Field(1.0, gt=0)


class Temperature(ControlCallback[Softmax]):
    """Names the class of its section in brackets."""

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> str:
        """Say how warm it is, for the receipt."""
        assert_type(self.state, Softmax)
        assert_type(self.state.temperature, float)
        return f"{self.state.temperature:.1f}"


class Weight(BaseModel):
    """Any object of the user's."""

    value: float = 1.0


def tell(weight: Weight) -> None:
    """Hear of a change."""
    print(weight.value)


def controls() -> list[ControlCallback]:
    """Return controls of several sections."""
    tunable = Tunable(Weight(), on_change=tell)
    assert_type(tunable.state, Weight)
    temperature = Temperature(sync="epoch")
    assert_type(temperature.state, Softmax)
    assert_type(temperature.session, ControlSession | None)
    return [tunable, temperature]
