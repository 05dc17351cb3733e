"""What only a GPU can settle: ``make test-gpu``."""

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from freak_lightning import LROverride, remote_control
from tests.lightning.asking import Ask, patch
from tests.lightning.conftest import ROOT
from tests.lightning.test_sharded import check as check_ranks
from tests.lightning.test_ways_to_step import check, steered
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit
from tests.lightning.ways_to_step import RATE, WAYS, ByHand, Line, Way

GPUS = torch.cuda.device_count()
pytestmark = [
    *KNOWN_WARNINGS,
    pytest.mark.gpu,
    pytest.mark.usefixtures("home"),
    pytest.mark.filterwarnings("ignore:the override of lr is not in use"),
    pytest.mark.skipif(GPUS == 0, reason="there is no GPU"),
]
TWO = pytest.mark.skipif(GPUS < 2, reason="each rank of NCCL needs a GPU of its own")


class Capturable(Line):
    """Its rate is a tensor on the GPU."""

    def configure_optimizers(self) -> Any:
        rate = torch.tensor(RATE, device=self.device)
        return torch.optim.Adam(self.parameters(), lr=rate, capturable=True, betas=(0.0, 0.0), eps=1e-30)


class Graph(ByHand):
    """Captures its step in a CUDA graph, and replays it."""

    def configure_optimizers(self) -> Any:
        rate = torch.tensor(RATE, device=self.device)
        return torch.optim.Adam(self.parameters(), lr=rate, capturable=True, betas=(0.0, 0.0), eps=1e-30)

    def on_train_start(self) -> None:
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        for each in self.w:
            each.grad = torch.ones_like(each)
        aside = torch.cuda.Stream()
        with torch.cuda.stream(aside):
            optimizer.step()  # its state is made outside of the graph
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            optimizer.step()

    def training_step(self, batch: Any, batch_idx: int) -> None:
        self.graph.replay()


ON_GPU = [
    *(way for way in WAYS if "ZeroRedundancy" not in way.name),  # it needs a process group
    Way("a capturable optimizer with a tensor as the rate", Capturable),
    Way("a step in a CUDA graph", Graph, followed=False),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", [pytest.param(way, id=way.name) for way in ON_GPU])
def test_the_weights_move_by_the_rate_of_the_receipt_on_a_gpu(way: Way) -> None:
    check(way, *steered(way, accelerator="gpu"))


class Overflows(Line):
    """Its loss is infinite in the sixth batch, so that GradScaler leaves that step out."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = super().training_step(batch, batch_idx)
        return loss * float("inf") if self.trainer.fit_loop.total_batch_idx == 5 else loss


def test_a_step_that_grad_scaler_leaves_out_keeps_the_override_and_the_schedule() -> None:
    control, model = LROverride(), Overflows()
    hold, release = patch({"lr": {"hold": 0.25}}), patch({"lr": {"hold": None}})
    ask = Ask(control, (0, 2, hold), (1, 1, release))
    fit([ask, control], model=lambda: model, accelerator="gpu", precision="16-mixed", max_epochs=2)
    moved = [each[0] for each in model.moved]
    assert moved == [RATE] * 3 + [0.25] * 2 + [0.0] + [0.25] * 4 + [RATE] * 6


def synchronizations(callbacks: list[Any]) -> int:
    """Return how often a training on a GPU waits for it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            fit(callbacks, model=TinyModel, accelerator="gpu", max_epochs=2)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(each.message) for each in told)


def test_controls_and_overrides_never_wait_for_the_gpu(tmp_path: Path) -> None:
    controls = remote_control(dirpath=tmp_path)
    ask = Ask(
        controls[0],
        (0, 2, patch({"lr": {"scale": 0.5}, "optimizer": {"momentum": 0.5}})),
        (1, 2, patch({"lr": {"scale": None}})),
    )
    without = synchronizations([])
    assert synchronizations([ask, *controls]) == without
    assert [each.status for each in ask.receipts] == ["applied"] * 2


def run(*command: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@TWO
@pytest.mark.timeout(320)
@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "model_parallel", "deepspeed_2"])
def test_requests_reach_both_gpus_and_a_resume_knows_them(tmp_path: Path, strategy: str) -> None:
    """Gloo beside NCCL; a save that fails on one rank, with whole and with sharded weights."""
    if strategy == "deepspeed_2" and importlib.util.find_spec("deepspeed") is None:
        pytest.skip("DeepSpeed is not installed")
    run("tests.lightning.gpu_ranks", strategy, str(tmp_path))
    check_ranks(tmp_path, full_on=1 if strategy in ("model_parallel", "deepspeed_2") else 0)
    for rank in (0, 1):
        assert json.loads((tmp_path / "resumed" / f"rank-{rank}.json").read_text()) == [0.25, 0.25]


@TWO
@pytest.mark.timeout(320)
def test_a_change_arrives_although_the_cpu_runs_ahead(tmp_path: Path) -> None:
    """With ``sync="auto"``, which measures on the CPU how long steps take."""
    run("tests.lightning.gpu_ranks", "ahead", str(tmp_path))
    (held,) = json.loads((tmp_path / "receipts.json").read_text())
    assert held["status"] == "applied"
    used = [json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
    assert used[0] == used[1]
    assert used[0][held["applied"]["step"] :] == [0.25] * (400 - held["applied"]["step"])
