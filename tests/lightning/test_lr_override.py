"""Hold, scale and release a learning rate by request: the schedule is never bent, not even by one bit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from freak_core import ConfigurationError, Rejected
from freak_lightning import LROverride
from tests.lightning.asking import Ask, asking, checkpoint, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, same, weights

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
    assert same(weights(fit(callbacks)), weights(fit()))


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
