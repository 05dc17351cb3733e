"""A training as a user writes it, with a control of their own. It is checked, never run."""

from lightning.pytorch import LightningModule, Trainer
from pydantic import BaseModel, Field

from freak_core import Freak
from freak_lightning import ControlCallback, GracefulStop, LROverride, Section, action, remote_control


class Temperature(ControlCallback):
    """Sets a temperature, and can say how warm it is."""

    class State(Section):
        """The section."""

        value: float = Field(1.0, gt=0)

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the temperature over."""
        self.warm = self.state.value > 1.0

    @action(confirm=True)
    def reset(self, trainer: Trainer, pl_module: LightningModule, to: float = 1.0) -> str:
        """Go back."""
        return f"{to:.1f} at {trainer.global_step}"


class Sizes(BaseModel):
    """Any object of the user's."""

    batch: int = 32


def train() -> Trainer:
    """Return a trainer with some controls, and one with all of them."""
    Trainer(callbacks=[GracefulStop(), LROverride(), Temperature(freak=Freak(port=0), sync=50)])
    return Trainer(callbacks=[*remote_control(), Temperature()])
