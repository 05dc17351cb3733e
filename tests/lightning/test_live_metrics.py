"""What a model logs arrives at the server, what is steered in the user's logs, and nothing else changes."""

import csv
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor

from freak_core import Client, Freak
from freak_lightning import LROverride, TrainerOverride
from freak_lightning.controls.live_metrics import LiveMetrics
from tests.lightning.asking import Ask, asking, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, reference, same, weights

pytestmark = [*KNOWN_WARNINGS, pytest.mark.every_lightning, pytest.mark.usefixtures("home")]


class Look(Callback):
    """Reads the run over HTTP from within a fit, as soon as it says what is expected."""

    def __init__(self, freak: Freak) -> None:
        self.freak = freak
        self.series: dict[str, Any] = {}
        self.run: dict[str, Any] = {}

    def until(self, expected: Callable[[], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 20
        with Client(self.freak.link) as client:
            while True:
                self.series, self.run = client.series(), client.run()
                if expected() or time.monotonic() > deadline:
                    return self.run
                time.sleep(0.05)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.until(lambda: len(self.series.get("loss", ())) == 24 and self.run.get("step") == 24)


@pytest.mark.served
def test_every_logged_metric_is_in_the_series() -> None:
    freak = Freak(port=0)
    look = Look(freak)
    trainer = fit([LiveMetrics(freak=freak), look], log_every_n_steps=1)
    assert [point[0] for point in look.series["loss"]] == list(range(24))
    assert len(look.series["val_loss"]) == 3
    assert [point[2] for point in look.series["lr-SGD"]] == [0.05] * 24
    told_at = [[point[1] for point in look.series[name]] for name in ("loss", "lr-SGD")]
    assert told_at[0] == told_at[1]  # one event, so one line for who watches
    assert look.run["epoch"] == trainer.current_epoch == 3
    assert trainer.loggers == []
    assert same(weights(trainer), reference().weights)


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


STEERING = (
    (0, 3, patch({"lr": {"hold": 3e-4}})),
    (1, 1, patch({"lr": {"hold": None, "groups": {"head": {"scale": 0.5}}}})),
    (1, 4, patch({"stop": {"should_stop": True, "checkpoint": False, "reason": "enough"}})),
)
"""In effect from step 4, from step 10, and at step 13."""


def two_groups(parameters: Any) -> Any:
    first, *rest = parameters
    groups = [{"params": [first]}, {"params": rest, "name": "head", "lr": torch.tensor(0.25)}]
    optimizer = torch.optim.SGD(groups, lr=0.05)
    return [optimizer], [
        {"scheduler": torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0), "interval": "step"}
    ]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, str]], Any]:
    """Rows of the CSV file and the events of TensorBoard's file, of one steered fit."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path_factory.mktemp("logs")
    loggers = [CSVLogger(folder, name="csv"), TensorBoardLogger(folder, name="tb", default_hp_metric=False)]
    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "To copy construct from a tensor")  # LearningRateMonitor's
        patched.setenv("FREAK_HOME", str(folder / "home"))
        _, callbacks = asking(folder, *STEERING)
        ours = [*callbacks, LiveMetrics(), LearningRateMonitor()]
        fit(ours, model=lambda: TinyModel(two_groups), logger=loggers, log_every_n_steps=2)
    return rows_of(folder / "csv" / "version_0"), EventAccumulator(str(folder / "tb" / "version_0")).Reload()


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Return the rows that a CSVLogger has written."""
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def column(rows: list[dict[str, str]], name: str) -> list[tuple[int, float]]:
    return [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]


def scalars(events: Any, name: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_requests_are_in_the_users_own_logs_at_their_step(logs: tuple[list[dict[str, str]], Any]) -> None:
    rows, events = logs
    assert column(rows, "freak/lr/hold") == [(4, 3e-4)]
    assert scalars(events, "freak/lr/hold") == [(4, pytest.approx(3e-4))]
    assert column(rows, "freak/stop/should_stop") == [(13, 1.0)]
    told = [(4, 1.0), (10, 2.0), (13, 3.0), (13, 4.0)]
    assert column(rows, "freak/receipt") == scalars(events, "freak/receipt") == told
    texts = [
        (event.step, event.tensor_proto.string_val[0].decode())
        for event in events.Tensors("freak/text_summary")
    ]
    assert [step for step, _ in texts] == [4, 10, 13, 13]
    assert "lr.hold null → 0.0003" in texts[0][1]
    assert "enough" in texts[-1][1]


def test_the_effective_rates_are_there_beside_the_schedules(logs: tuple[list[dict[str, str]], Any]) -> None:
    """The names are those of LearningRateMonitor, which logs the schedule at the same steps."""
    rows, events = logs
    steps = [1, 3, 5, 7, 9, 11]
    held = float(torch.tensor(3e-4))
    scheduled, effective = column(rows, "lr-SGD/pg1"), column(rows, "lr-SGD/pg1-effective")
    assert scheduled == [(step, 0.05) for step in steps]
    assert effective == list(zip(steps, [0.05, 0.05, 3e-4, 3e-4, 3e-4, 0.05], strict=True))
    assert column(rows, "lr-SGD/head-effective") == list(
        zip(steps, [0.25, 0.25, held, held, held, 0.125], strict=True)
    )
    assert scalars(events, "lr-SGD/pg1-effective") == [
        (step, pytest.approx(rate)) for step, rate in effective
    ]


def test_the_users_logs_can_be_left_alone(tmp_path: Path) -> None:
    _, callbacks = asking(tmp_path, *STEERING[:1])
    logger = CSVLogger(tmp_path, name="", version="")
    fit([*callbacks, LiveMetrics(loggers=False)], logger=logger, log_every_n_steps=4)
    assert set(rows_of(tmp_path)[0]) == {"epoch", "step", "loss", "val_loss"}


def test_a_logger_that_fails_does_not_hurt_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(CSVLogger):
        def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
            if "loss" not in metrics and "val_loss" not in metrics:
                raise OSError("no room")

    _, callbacks = asking(tmp_path, *STEERING[:1])
    assert fit([*callbacks, LiveMetrics()], logger=Broken(tmp_path), log_every_n_steps=4).global_step == 24
    assert "Broken failed to log metrics" in caplog.text


class TwoOptimizers(TinyModel):
    """Steps two optimizers of one kind by hand in each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Tensor, batch_idx: int) -> None:  # type: ignore[override]
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            self.manual_backward(super().training_step(batch, batch_idx))
            optimizer.step()

    def configure_optimizers(self) -> Any:
        first, second = (torch.optim.SGD(part.parameters(), lr=0.1) for part in (self.net[0], self.net[3]))
        return [first, second], [torch.optim.lr_scheduler.ConstantLR(second)]


def test_rates_are_called_as_learning_rate_monitor_calls_them(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="", version="")
    fit([LiveMetrics(), LearningRateMonitor()], model=TwoOptimizers, logger=logger, log_every_n_steps=4)
    names = {name for name in rows_of(tmp_path)[0] if name.startswith("lr-")}
    assert names == {"lr-SGD", "lr-SGD-1", "lr-SGD-effective", "lr-SGD-1-effective"}


class Phases(Look):
    """Waits in each phase until the server says so, and keeps what it says besides."""

    def __init__(self, freak: Freak) -> None:
        super().__init__(freak)
        self.told: dict[str, dict[str, Any]] = {}

    def note(self, phase: str) -> None:
        if phase not in self.told:
            self.told[phase] = self.until(lambda: self.run["phase"] == phase)
            assert self.run["phase"] == phase

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.note("sanity checking")

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self.note("training")

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self.note("validating")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.told["end"] = self.until(lambda: self.run["total_steps"] == 12)


@pytest.mark.served
def test_the_run_tells_its_phase_and_how_far_it_means_to_go() -> None:
    """Three epochs of eight batches; then two, and in the second two batches a step."""
    freak = Freak(port=0)
    control, look = TrainerOverride(freak=freak), Phases(freak)
    ask = Ask(control, (0, 3, patch({"trainer": {"max_epochs": 2, "accumulate_grad_batches": 2}})))
    trainer = fit([look, ask, control], num_sanity_val_steps=1)
    assert look.told.keys() == {"sanity checking", "training", "validating", "end"}
    assert (look.told["training"]["total_steps"], look.told["training"]["max_epochs"]) == (24, 3)
    assert (look.told["end"]["total_steps"], look.told["end"]["max_epochs"]) == (12, 2)
    assert trainer.global_step == 12
    assert "validating" not in freak.journal_path.read_text()


@pytest.mark.parametrize(
    ("settings", "model", "totals"),
    [
        ({"max_epochs": 3, "accumulate_grad_batches": 3}, TinyModel, {9}),
        ({"max_epochs": 3, "max_steps": 20}, TinyModel, {20}),
        ({"max_epochs": -1, "max_steps": 20}, TinyModel, {20}),
        ({"max_epochs": 2}, TwoOptimizers, {None, 32}),
    ],
    ids=["accumulating", "max_steps", "no max_epochs", "manual"],
)
def test_total_steps_are_right_from_the_first_step_on(
    settings: dict[str, Any], model: Callable[[], TinyModel], totals: set[int | None]
) -> None:
    from freak_lightning.lightning_api.progress import horizon

    class Note(Callback):
        def on_train_start(self, trainer: Trainer, *_: Any) -> None:
            self.seen = [horizon(trainer)["total_steps"]]

        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            self.seen.append(horizon(trainer)["total_steps"])

    note = Note()
    trainer = fit([note, LROverride()], model=model, **settings)
    assert set(note.seen) == totals
    assert note.seen[-1] == trainer.global_step


def test_a_rate_that_is_no_number_does_not_end_training(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be told is logged; the step goes on."""

    class Strange(torch.optim.Optimizer):
        def __init__(self, parameters: Any) -> None:
            super().__init__(parameters, {"lr": "strange"})

        def step(self, closure: Any = None) -> Any:
            return closure()

    trainer = fit([LiveMetrics()], model=lambda: TinyModel(Strange), log_every_n_steps=1)
    assert trainer.global_step == 24
    assert "the learning rates cannot be read" in caplog.text


class Writes(TinyModel):
    """Writes to its logger, as a program does that was written with one."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        if self.logger is not None:
            self.logger.experiment.add_scalar("own", 1.0, batch_idx)
            self.logger.experiment["own"].append(1.0)
            self.logger.log_image("own", images=[])
            assert not hasattr(self.logger, "_private")
        return super().training_step(batch, batch_idx)


def test_a_program_that_writes_to_its_logger_trains_without_one() -> None:
    assert fit([LiveMetrics()], model=Writes, max_epochs=1).global_step == 8
