"""Either namespace's Trainer takes our callbacks, whichever was imported first."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.lightning.conftest import ROOT

pytestmark = [pytest.mark.every_lightning, pytest.mark.usefixtures("home")]

PROGRAM = """
import importlib, json, sys
import torch

for name in sys.argv[1].split(","):
    importlib.import_module(name)
lightning = importlib.import_module(sys.argv[2])
loggers = importlib.import_module(sys.argv[2] + ".loggers")

from freak_core import Write
from freak_lightning import remote_control
from freak_lightning.lightning_api.namespace import version_of


class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        loss = self.net(batch).square().mean()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Ask(lightning.Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        body = {1: {"lr": {"hold": 0.5}}, 3: {"stop": {"should_stop": True}}}.get(batch_idx)
        if body:
            controls[0].session.store.submit(Write("patch", body=body))

    def on_train_end(self, trainer, pl_module):
        told = [receipt.status for receipt in controls[0].session.store.receipts.since(0)]
        print(json.dumps([trainer.global_step, told, version_of(trainer)]))


controls = remote_control(dirpath=".")
trainer = lightning.Trainer(
    callbacks=[Ask(), *controls],
    accelerator="cpu",
    devices=1,
    logger=loggers.CSVLogger(".", name="", version="logs"),
    log_every_n_steps=1,
    enable_progress_bar=False,
    enable_model_summary=False,
    max_epochs=1,
)
trainer.fit(Model(), torch.utils.data.DataLoader(torch.ones(16, 2), batch_size=2))
"""


@pytest.mark.parametrize(
    ("imports", "namespace"),
    [("freak_lightning", "pytorch_lightning"), ("pytorch_lightning,freak_lightning", "lightning.pytorch")],
    ids=["pytorch_lightning", "lightning"],
)
def test_a_trainer_takes_our_callbacks(imports: str, namespace: str, tmp_path: Path) -> None:
    distribution = namespace.partition(".")[0]
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{distribution} is not installed")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, imports, namespace],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert json.loads(ended.stdout.splitlines()[-1]) == [4, ["applied"] * 3, version]
    logged = (tmp_path / "logs" / "metrics.csv").read_text()
    assert "freak/lr/hold" in logged
    assert "lr-SGD" in logged
