"""What a model logs arrives at the server, and nothing else changes."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from freak_core import Client, Freak
from freak_lightning.live_metrics import LiveMetrics
from tests.lightning.tiny import KNOWN_WARNINGS, fit, same, weights

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


class Look(Callback):
    """Reads the series over HTTP at the end of the training."""

    def __init__(self, freak: Freak) -> None:
        self.freak = freak
        self.series: dict[str, Any] = {}
        self.run: dict[str, Any] = {}

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        import time

        with Client(self.freak.link) as client:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                self.series, self.run = client.series(), client.run()
                if len(self.series.get("loss", ())) == 24 and self.run.get("step") == 24:
                    break
                time.sleep(0.05)


def test_every_logged_metric_is_in_the_series(tmp_path: Path) -> None:
    freak = Freak(port=0)
    look = Look(freak)
    trainer = fit([LiveMetrics(freak=freak), look], log_every_n_steps=1)
    assert [point[0] for point in look.series["loss"]] == list(range(24))
    assert len(look.series["val_loss"]) == 3
    assert look.run["epoch"] == 2
    assert trainer.loggers == []
    assert same(weights(trainer), weights(fit()))


def test_checkpoints_and_other_loggers_stay_where_they_were(tmp_path: Path) -> None:
    def saved(callbacks: list[Callback], logger: Any) -> list[str]:
        folder = tmp_path / str(len(callbacks)) / type(logger).__name__
        if logger:
            logger = CSVLogger(folder)
        keep = ModelCheckpoint()
        fit(
            [*callbacks, keep],
            logger=logger,
            log_every_n_steps=4,
            enable_checkpointing=True,
            default_root_dir=folder,
        )
        return [str(Path(keep.best_model_path).relative_to(folder))]

    for logger in (False, CSVLogger(tmp_path)):
        assert saved([LiveMetrics()], logger) == saved([], logger)
