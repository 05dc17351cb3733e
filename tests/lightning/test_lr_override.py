"""Hold, scale and release a learning rate by request: the schedule is never bent, not even by one bit."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim.lr_scheduler import ExponentialLR

from freak_core import ConfigurationError, Rejected
from freak_lightning import CheckpointNow, LROverride, OptimizerOverride
from tests.lightning.asking import Ask, asking, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, reference, same, weights

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]


def test_an_override_survives_a_checkpoint_and_a_resume(tmp_path: Path) -> None:
    _, callbacks = asking(tmp_path, (0, 1, patch({"lr": {"hold": 0.01}})))
    untouched = fit(callbacks)
    ask, callbacks = asking(tmp_path, (0, 1, patch({"lr": {"hold": 0.01}})), (1, 2, checkpoint()))
    fit(callbacks)
    path = Path(next(receipt for receipt in ask.receipts if receipt.name).result["path"])
    again, ours = asking(tmp_path)
    resumed = fit(ours, resume=path)
    assert same(weights(resumed), weights(untouched))
    saved = torch.load(path, weights_only=True)
    assert saved["optimizer_states"][0]["param_groups"][0]["lr"] == 0.05
    assert again.ids == []


def test_unused_controls_leave_no_trace_in_the_weights(tmp_path: Path) -> None:
    _, callbacks = asking(tmp_path)
    assert same(weights(fit(callbacks)), reference().weights)


def test_single_groups_can_be_held_by_name(tmp_path: Path) -> None:
    def two_groups(parameters: Any) -> Any:
        first, *rest = parameters
        return torch.optim.SGD([{"params": [first], "name": "body"}, {"params": rest}], lr=0.05)

    held = patch({"lr": {"groups": {"body": {"hold": 0.0}}}})
    unknown = patch({"lr": {"groups": {"tail": {"hold": 0.1}}}})
    ask, callbacks = asking(tmp_path, (0, 0, held), (0, 1, unknown))
    trainer = fit(callbacks, model=lambda: TinyModel(two_groups))
    assert ask.receipt(0).result == {"lr": {"body": 0.0, "0/1": 0.05}}
    assert ask.receipt(1).status == "failed"
    assert ask.receipt(1).error is not None
    assert "there are: body, 0/1" in ask.receipt(1).error["detail"]  # type: ignore[index]
    assert trainer.global_step == 24


@pytest.mark.parametrize(
    "section", [{"hold": 1.0}, {"hold": 1e-9}, {"scale": -1}, {"hold": 0.1, "scale": 0.1}, {"hold": True}]
)
def test_what_is_out_of_bounds_is_refused_at_once(tmp_path: Path, section: dict[str, Any]) -> None:
    bounded = LROverride(minimum=1e-7, maximum=0.5)
    refused: list[Rejected] = []

    class Try(Ask):
        def on_train_batch_start(self, *args: Any) -> None:
            try:
                super().on_train_batch_start(*args)
            except Rejected as error:
                refused.append(error)

    fit([Try(bounded, (0, 1, patch({"lr": section}))), bounded])
    assert len(refused) == 1
    assert refused[0].errors[0]["path"].startswith("/lr")


def test_bounds_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        LROverride(minimum=1.0, maximum=0.1)


def test_a_scale_that_leads_out_of_the_bounds_is_refused(tmp_path: Path) -> None:
    control = LROverride(minimum=0.01, maximum=0.1)
    scales = [1000, 0.1, 2.0, 1.5]
    ask = Ask(control, *((0, batch, patch({"lr": {"scale": scale}})) for batch, scale in enumerate(scales)))
    fit([ask, control], max_epochs=1)
    assert [ask.receipt(number).status for number in range(4)] == ["failed", "failed", "applied", "applied"]
    assert "would be 50.0; allowed is 0.01 to 0.1" in (ask.receipt(0).error or {})["detail"]


def test_a_scale_stays_where_the_schedule_leads_out_of_the_bounds_and_so_does_a_resume(
    tmp_path: Path,
) -> None:
    def falling(parameters: Any) -> Any:
        optimizer = torch.optim.SGD(parameters, lr=0.05)
        return [optimizer], [{"scheduler": ExponentialLR(optimizer, 0.5), "interval": "step"}]

    def ours() -> tuple[LROverride, CheckpointNow]:
        return LROverride(minimum=0.01), CheckpointNow(tmp_path)

    controls = ours()
    held = patch({"lr": {"groups": {"0/0": {"scale": 0.5}}}})
    ask = Ask(controls[0], (0, 0, held), (0, 5, checkpoint(name="low")))
    steered = fit([ask, *controls], model=lambda: TinyModel(falling))
    resumed = fit(list(ours()), model=lambda: TinyModel(falling), resume=tmp_path / "low.ckpt")
    assert same(weights(steered), weights(resumed))
    assert not same(weights(steered), weights(fit(model=lambda: TinyModel(falling))))


class Gan(TinyModel):
    """Two optimizers whose groups have the same names."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        self.manual_backward(self.net(batch).square().mean())
        for optimizer in self.optimizers():
            optimizer.step()

    def configure_optimizers(self) -> Any:
        first, second, third, fourth = self.parameters()
        one = [{"params": [first], "name": "decay"}, {"params": [second], "name": "bias"}]
        other = [{"params": [third], "name": "decay"}, {"params": [fourth]}]
        return torch.optim.SGD(one, lr=0.1), torch.optim.SGD(other, lr=0.2)


def test_groups_of_the_same_name_are_told_apart_and_all_go_by_their_numbers() -> None:
    control = LROverride()
    names = ["1/decay", "0/1", "decay"]
    ask = Ask(
        control, *((0, n, patch({"lr": {"groups": {name: {"hold": 0.5}}}})) for n, name in enumerate(names))
    )
    fit([ask, control], model=Gan, max_epochs=1)
    assert ask.receipt(1).result == {"lr": {"0/decay": 0.1, "bias": 0.5, "1/decay": 0.5, "1/1": 0.2}}
    assert "there are: 0/decay, bias, 1/decay, 1/1" in (ask.receipt(2).error or {})["detail"]


def test_a_rate_that_the_optimizer_reads_no_more_is_refused_and_its_step_sizes_are_held() -> None:
    """Rprop reads the rate in its first step, and adapts its step sizes from then on."""
    control, others = LROverride(), OptimizerOverride()
    ask = Ask(
        control,
        (0, 2, patch({"lr": {"hold": 0.25}})),
        (0, 4, patch({"optimizer": {"step_sizes": [0.25, 0.25]}})),
    )
    moved: list[float] = []

    class Moved(Callback):
        def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
            self.before = pl_module.net[0].bias.detach().clone()

        def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
            moved.append((pl_module.net[0].bias - self.before).abs().max().item())

    rprop = partial(torch.optim.Rprop, lr=0.01)
    fit([ask, Moved(), control, others], model=lambda: TinyModel(rprop), max_epochs=1)
    assert "hold optimizer.step_sizes" in (ask.receipt(0).error or {})["detail"]
    assert ask.receipt(1).status == "applied"
    assert moved[-1] == pytest.approx(0.25)
    assert max(moved[:4]) < 0.1


@pytest.mark.parametrize("every", [True, False], ids=["every group", "one group"])
def test_groups_without_a_rate_are_left_alone_and_refused_by_name(every: bool) -> None:
    """As with an Adafactor that makes its own rates, whose groups have none."""

    class Own(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            with torch.enable_grad():
                loss = closure()
            for group in self.param_groups:
                for each in group["params"]:
                    each.sub_(each.grad * (0.01 if group["lr"] is None else group["lr"]))
            return loss

    def configure(parameters: Any) -> Any:
        optimizer = Own([{"params": parameters[:2]}, {"params": parameters[2:]}], lr=0.05)
        for group in optimizer.param_groups[: 1 + every]:
            group["lr"] = None
        return optimizer

    control = LROverride()
    of_one = patch({"lr": {"hold": None, "groups": {"0/0": {"scale": 0.5}}}})
    ask = Ask(control, (0, 1, patch({"lr": {"hold": 0.25}})), (0, 3, of_one))
    assert fit([ask, control], model=lambda: TinyModel(configure), max_epochs=1).global_step == 8
    if every:
        assert "no param group has a learning rate" in (ask.receipt(0).error or {})["detail"]
    else:
        assert ask.receipt(0).result == {"lr": {"0/1": 0.25}}
    assert "param group '0/0' has no learning rate" in (ask.receipt(1).error or {})["detail"]
