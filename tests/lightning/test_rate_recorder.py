"""The rates that are logged are those that the step has used, whoever set them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

from freak_lightning import LiveMetrics
from freak_lightning.optimizers.lr_recorder import RateRecorder
from tests.lightning.test_live_metrics import column, rows_of
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


class SetsItsRate(TinyModel):
    """Sets the rate of each step at the last moment, within the optimizer's closure."""

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        optimizer.param_groups[0]["lr"] = 0.001 * (self.global_step + 1)


def test_a_rate_that_the_model_sets_within_the_step_is_logged_at_that_step(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="", version="")
    fit([LiveMetrics()], model=SetsItsRate, logger=logger, log_every_n_steps=2, max_epochs=1)
    logged = column(rows_of(tmp_path), "lr-SGD")
    assert logged == [(step, pytest.approx(0.001 * (step + 1))) for step in (1, 3, 5, 7)]


@pytest.mark.filterwarnings("ignore:The number of training batches")
def test_an_epoch_too_short_for_the_logging_interval_has_its_last_rate_logged(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="", version="")
    fit([LiveMetrics()], logger=logger, log_every_n_steps=50)
    assert column(rows_of(tmp_path), "lr-SGD") == [(7, 0.05), (15, 0.05), (23, 0.05)]


def test_an_optimizer_in_name_only_is_left_out(tmp_path: Path) -> None:
    """As wrappers are that derive from torch's class and never call its constructor."""

    class Wrapper(torch.optim.Optimizer):
        def __init__(self, inner: torch.optim.Optimizer) -> None:
            self.inner = inner
            self.param_groups, self.state, self.defaults = inner.param_groups, inner.state, inner.defaults

        def step(self, closure: Any = None) -> Any:
            return self.inner.step(closure)

        def zero_grad(self, set_to_none: bool = True) -> None:
            self.inner.zero_grad(set_to_none)

    def configure(parameters: Any) -> Any:
        return Wrapper(torch.optim.SGD(parameters, lr=0.05))

    assert fit([LiveMetrics()], model=lambda: TinyModel(configure), max_epochs=1).global_step == 8


def test_an_optimizer_that_the_trainer_no_longer_has_gives_no_rates() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    before, after = torch.optim.SGD([weight], lr=0.1), torch.optim.SGD([weight], lr=0.2)
    loops = SimpleNamespace(epoch_loop=SimpleNamespace(_batches_that_stepped=0))
    trainer: Any = SimpleNamespace(optimizers=[before], fit_loop=loops)
    recorder = RateRecorder(trainer)
    try:
        before.step()
        assert recorder.take(0) == [[0.1]]
        trainer.optimizers = [after]
        before.step()
        assert recorder.take(0) is None
        before.step()
        assert recorder.take(0) is None
        after.step()
        assert recorder.take(0) == [[0.2]]
    finally:
        recorder.detach()
