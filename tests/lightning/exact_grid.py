"""Which checkpoints are exact with which callback: python -m tests.lightning.exact_grid writes the table.

Each cell is two trainings: one saves a checkpoint and goes on, the other resumes from the checkpoint.
"""

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, callbacks
from lightning.pytorch.loggers import CSVLogger

from tests.lightning.asking import asking, checkpoint
from tests.lightning.tiny import TinyModel, fit, resumable_loader, same, weights

PAGE = Path(__file__).parents[2] / "docs" / "checkpoint-and-resume.md"
BEGIN, END = "<!-- exact grid -->", "<!-- end -->"

LOADER = partial(resumable_loader, 4)
PRECISIONS = ("32-true", "64-true", "bf16-true", "16-true", "bf16-mixed")
PLACES: dict[str, tuple[int, dict[str, Any]]] = {
    "mid-epoch": (1, {}),
    "mid-epoch, after a validation": (1, {"val_check_interval": 2}),
    "end of an epoch": (3, {}),
    "end of an epoch, no validation": (3, {"limit_val_batches": 0}),
}
"""The batch of epoch 1 after which the checkpoint is saved, and how the trainer validates."""


class Backbone(TinyModel):
    """A model with what ``BackboneFinetuning`` wants to unfreeze, dropout, and a scheduler."""

    def __init__(self, frozen: bool = False) -> None:
        super().__init__(dropout=0.3)
        self.frozen = frozen
        if frozen:
            self.backbone, self.head = self.net[:3], self.net[3]
            self.net = torch.nn.Sequential(self.backbone, self.head)

    def configure_optimizers(self) -> Any:
        trained = [each for each in self.parameters() if each.requires_grad or not self.frozen]
        optimizer = torch.optim.SGD(trained, lr=0.05, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)]


class InItsPrecision(Backbone):
    """The same, made in ``configure_model``, so that it has the plugin's dtype from the start."""

    def __init__(self) -> None:
        LightningModule.__init__(self)
        self.batches = self.validations = 0

    def configure_model(self) -> None:
        if not hasattr(self, "net"):
            layers = [torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Dropout(0.3), torch.nn.Linear(3, 1)]
            self.net, self.frozen = torch.nn.Sequential(*layers), False


class WithRate(Backbone):
    """The same, with the attribute that ``LearningRateFinder`` sets."""

    lr = 0.05

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class Freeze(callbacks.BaseFinetuning):
    """Trains the first layer from epoch 1 on."""

    def freeze_before_training(self, pl_module: LightningModule) -> None:
        self.freeze(pl_module.backbone)

    def finetune_function(
        self, pl_module: LightningModule, epoch: int, optimizer: torch.optim.Optimizer
    ) -> None:
        if epoch == 1:
            self.unfreeze_and_add_param_group(pl_module.backbone, optimizer)


class Silent(callbacks.ProgressBar):
    """Counts, and shows nothing."""

    def disable(self) -> None:
        pass


def pruning() -> Callback:
    """Prune half of the weights at each end of an epoch."""
    return callbacks.ModelPruning("l1_unstructured", amount=0.5)


CALLBACKS: dict[str, Callable[[], Sequence[Callback]]] = {
    "none": list,
    "Callback": lambda: [Callback()],
    "BackboneFinetuning": lambda: [callbacks.BackboneFinetuning(unfreeze_backbone_at_epoch=1, verbose=False)],
    "BaseFinetuning": lambda: [Freeze()],
    "BasePredictionWriter": lambda: [callbacks.BasePredictionWriter()],
    "Checkpoint": lambda: [callbacks.Checkpoint()],
    "DeviceStatsMonitor": lambda: [callbacks.DeviceStatsMonitor()],
    "EarlyStopping": lambda: [callbacks.EarlyStopping("loss", patience=9, check_on_train_epoch_end=True)],
    "EMAWeightAveraging": lambda: [callbacks.EMAWeightAveraging(decay=0.9)],
    "GradientAccumulationScheduler": lambda: [callbacks.GradientAccumulationScheduler({0: 1, 1: 3, 2: 2})],
    "LambdaCallback": lambda: [callbacks.LambdaCallback(on_fit_start=lambda *_: None)],
    "LearningRateFinder": lambda: [callbacks.LearningRateFinder(num_training_steps=3)],
    "LearningRateMonitor": lambda: [callbacks.LearningRateMonitor()],
    "ModelCheckpoint": lambda: [callbacks.ModelCheckpoint(every_n_train_steps=2)],
    "ModelPruning": lambda: [pruning()],
    "ModelSummary": lambda: [callbacks.ModelSummary()],
    "OnExceptionCheckpoint": lambda: [callbacks.OnExceptionCheckpoint(".")],
    "ProgressBar": lambda: [Silent()],
    "RichModelSummary": lambda: [callbacks.RichModelSummary()],
    "RichProgressBar": lambda: [callbacks.RichProgressBar()],
    "StochasticWeightAveraging": lambda: [callbacks.StochasticWeightAveraging(0.05, swa_epoch_start=2)],
    "ThroughputMonitor": lambda: [callbacks.ThroughputMonitor(len, window_size=2)],
    "Timer": lambda: [callbacks.Timer("00:01:00:00")],
    "TQDMProgressBar": lambda: [callbacks.TQDMProgressBar()],
    "WeightAveraging": lambda: [callbacks.WeightAveraging()],
}
"""Every callback of Lightning, as most trainings would use it.

Without ``BatchSizeFinder``, which refuses the loaders of these tests and whose checkpoints are never called
exact, and without ``SpikeDetection``, which fails by itself in Lightning 2.6.
"""

MODELS: dict[str, Callable[[], LightningModule]] = {
    "BackboneFinetuning": partial(Backbone, frozen=True),
    "BaseFinetuning": partial(Backbone, frozen=True),
    "LearningRateFinder": WithRate,
    "built in configure_model": InItsPrecision,
}
CALLBACKS["built in configure_model"] = CALLBACKS["none"]


class Cell(NamedTuple):
    """What a receipt has said of one checkpoint, and whether the resumed run had the same weights."""

    reasons: tuple[str, ...]
    equal: bool


class NoTraining(Exception):  # noqa: N818
    """Lightning cannot train so, with Freak or without: the callback makes tensors of another dtype."""


def cell(callback: str, precision: str, place: str, folder: Path) -> Cell:
    """Save, go on, resume, compare. Raises ``NoTraining`` where there is nothing to save."""
    batch, cadence = PLACES[place]
    model = MODELS.get(callback, Backbone)

    def run(ours: Sequence[Callback], resume: Path | None = None) -> Trainer:
        theirs = CALLBACKS[callback]()
        bar = any(isinstance(each, callbacks.ProgressBar) for each in theirs)
        saves = any(isinstance(each, callbacks.Checkpoint) for each in theirs)
        settings = {
            "max_epochs": 3,
            "loader": LOADER,
            "logger": CSVLogger(folder),
            "default_root_dir": folder,
            **cadence,
        }
        shown = {"enable_progress_bar": bar, "enable_checkpointing": saves}
        everyone = [*theirs, *ours]
        return fit(everyone, model=model, precision=precision, resume=resume, **settings, **shown)

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        ask, ours = asking(folder, (1, batch, checkpoint(name="here")))
        try:
            went_on = run(ours)
        except RuntimeError as failed:
            try:
                run(())
            except RuntimeError:
                raise NoTraining from failed
            raise
        told = ask.receipt()
        assert told.status == "applied", told
        resumed = run(asking(folder)[1], Path(told.result["path"]))
    equal = resumed.global_step == went_on.global_step and same(weights(resumed), weights(went_on))
    return Cell(tuple(told.result.get("why_not_exact", ())), equal)


BUILT = {"__init__": "none", "configure_model": "built in configure_model"}
"""Where a model of the table of precisions makes its layers."""

Cells = dict[tuple[str, str, str], Cell]


def documented_rows() -> list[tuple[str, str, str]]:
    """Return the cells that the two tables show: every callback with 32-true, every precision without one."""
    alone = [name for name in CALLBACKS if name not in BUILT.values()]
    rows = [(callback, "32-true", place) for callback in ["none", *alone] for place in PLACES]
    return rows + [
        (name, precision, place) for name in BUILT.values() for precision in PRECISIONS for place in PLACES
    ]


def tables(cells: Cells) -> str:
    """Return both tables in Markdown, with the reasons of the receipts as notes."""
    notes: list[str] = []

    def mark(*row: str) -> str:
        reasons = cells[row[0], row[1], row[2]].reasons
        notes.extend(reason for reason in reasons if reason not in notes)
        return " ".join(f"[{notes.index(reason) + 1}]" for reason in reasons) or "exact"

    def table(corner: str, rows: dict[str, tuple[str, str]]) -> list[str]:
        head = [f"| {corner} | {' | '.join(PLACES)} |", "|---" * (len(PLACES) + 1) + "|"]
        return head + [
            f"| {name} | {' | '.join(mark(*row, place) for place in PLACES)} |" for name, row in rows.items()
        ]

    alone = [name for name in CALLBACKS if name not in BUILT.values()]
    of_callbacks = {"none": ("none", "32-true"), **{f"`{name}`": (name, "32-true") for name in alone}}
    of_precisions = {
        f"`{p}`, layers made in `{where}`": (c, p) for where, c in BUILT.items() for p in PRECISIONS
    }
    lines = [*table("callback", of_callbacks), "", *table("precision", of_precisions), ""]
    return "\n".join([*lines, *(f"[{number}] {note}  " for number, note in enumerate(notes, 1))])


def documented() -> str:
    """Return the tables in the docs."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def documented_cells() -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Return the reasons that the docs give for each row of ``documented_rows``; none where it says exact."""
    notes = dict(re.findall(r"^\[(\d+)\] (.*?) *$", documented(), re.MULTILINE))
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for line in documented().splitlines():
        head, *marks = (part.strip() for part in line.split("|")[1:-1]) if line.startswith("|") else ("",)
        precision = re.fullmatch(r"`(.*)`, layers made in `(.*)`", head)
        row = (BUILT[precision[2]], precision[1]) if precision else (head.strip("`"), "32-true")
        if row[0] in CALLBACKS:
            for place, told in zip(PLACES, marks, strict=True):
                found[*row, place] = tuple(notes[number] for number in re.findall(r"\[(\d+)\]", told))
    return found


def main() -> None:
    """Write the tables anew; fail where a receipt says exact and the weights differ."""
    cells: Cells = {}
    os.environ["FREAK_DISABLED"] = "1"
    for row in dict.fromkeys(documented_rows()):
        with tempfile.TemporaryDirectory() as folder:
            cells[row] = cell(*row, Path(folder))
        print(*row, cells[row].equal, cells[row].reasons, flush=True)
    wrong = [row for row, told in cells.items() if not told.reasons and not told.equal]
    if wrong:
        raise SystemExit(f"said to be exact, and the weights differ: {wrong}")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{tables(cells)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
