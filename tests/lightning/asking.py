"""Requests from inside a fit, at a batch of the test's choosing."""

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from freak_core import Receipt, Write
from freak_lightning import CheckpointNow, ControlCallback, GracefulStop, LROverride


class Ask(Callback):
    """Submits requests while a batch is trained, and keeps their receipts.

    Args:
        control: any control of the fit.
        asked: (epoch, batch, write) of each request.
    """

    def __init__(self, control: ControlCallback, *asked: tuple[int, int, Write]) -> None:
        self.control = control
        self.asked = list(asked)
        self.ids: list[str] = []
        self.receipts: list[Receipt] = []

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        session = self.control.session
        assert session is not None
        for epoch, number, write in self.asked:
            if (trainer.current_epoch, batch_idx) == (epoch, number):
                self.ids.append(session.store.submit(write).id)

    def on_train_end(self, trainer: Trainer, *_: Any) -> None:
        session = self.control.session
        assert session is not None
        self.receipts = session.store.receipts.since(0)

    def receipt(self, number: int = 0) -> Receipt:
        """Return the receipt of the request with this number."""
        return next(receipt for receipt in self.receipts if receipt.id == self.ids[number])


def patch(body: dict[str, Any]) -> Write:
    """Return a merge patch."""
    return Write("patch", body=body)


def checkpoint(**arguments: Any) -> Write:
    """Return a call of the checkpoint action."""
    return Write("action", name="checkpoint", body=arguments)


def controls(folder: Any) -> tuple[GracefulStop, LROverride, CheckpointNow]:
    """Return the built-in controls, saving to a folder."""
    return GracefulStop(folder), LROverride(), CheckpointNow(folder)


def asking(folder: Any, *asked: tuple[int, int, Write]) -> tuple[Ask, Sequence[Callback]]:
    """Return an asker, and the callbacks of a fit with it."""
    ours = controls(folder)
    ask = Ask(ours[0], *asked)
    return ask, [ask, *ours]
