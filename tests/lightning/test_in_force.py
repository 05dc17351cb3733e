"""What the steps use now is in GET /run and in events; a dry run is refused as the request would be."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from freak_core import Client, Freak, FreakError, Refused, Write
from freak_lightning import LROverride, OptimizerOverride, TrainerOverride
from freak_lightning.optimizers.in_force import InForce
from freak_lightning.optimizers.param_group_overlay import ParamGroupOverlay
from tests.core.cli.shell import freak
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, tiny_trainer
from tests.waiting import eventually

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]

SOON = 1.5
"""Seconds within which a change of the program's own shows."""


class Within(Callback):
    """Calls ``work(client, trainer)`` in the fourth batch, while training stands still in it."""

    def __init__(self, freak: Freak, work: Callable[[Client, Trainer], None]) -> None:
        self.freak, self.work, self.done = freak, work, False

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == 4:
            with Client(self.freak.link) as client:
                self.work(client, trainer)
            self.done = True


def two_groups(parameters: Any) -> torch.optim.Optimizer:
    first, *rest = parameters
    groups = [{"params": [first], "name": "first"}, {"params": rest, "lr": 0.02}]
    return torch.optim.AdamW(groups, lr=0.0371, weight_decay=0.25)


def shown(client: Client, expected: Callable[[Any], bool], within: float = 20) -> Any:
    deadline = time.monotonic() + within
    while not expected(found := client.run().get("in_force")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert expected(found), found
    return found


def within(work: Callable[[Client, Trainer], None], *requests: tuple[int, int, Write]) -> None:
    freak = Freak(port=0)
    callback = Within(freak, work)
    controls = [LROverride(freak=freak), OptimizerOverride(), TrainerOverride()]
    fit([Ask(controls[0], *requests), *controls, callback], model=lambda: TinyModel(two_groups), max_epochs=1)
    assert callback.done


@pytest.mark.served
def test_the_run_tells_what_every_group_uses() -> None:
    def work(client: Client, trainer: Trainer) -> None:
        found = shown(client, bool)
        assert found["groups"]["first"] == {
            "optimizer": "AdamW",
            "parameters": 12,
            "lr": {"scheduled": 0.0371, "effective": 0.0371},
            "betas": {"scheduled": [0.9, 0.999], "effective": [0.9, 0.999]},
            "eps": {"scheduled": 1e-8, "effective": 1e-8},
            "weight_decay": {"scheduled": 0.25, "effective": 0.25},
        }
        assert found["groups"]["0/1"]["lr"] == {"scheduled": 0.02, "effective": 0.02}
        assert (found["trainer"]["max_epochs"], found["trainer"]["gradient_clip_val"]) == (1, None)
        assert found["by_path"]["/lr/hold"] == "first: 0.0371; 0/1: 0.02"
        assert found["by_path"]["/optimizer/weight_decay"] == "0.25"
        assert "in_force" not in json.dumps(client.get())

    within(work)


@pytest.mark.served
def test_before_training_starts_nothing_is_in_force() -> None:
    freak = Freak(port=0)
    told: list[Any] = []

    class Before(Callback):
        def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            with Client(freak.link) as client:
                eventually(lambda: "step" in client.run())  # it says how far the training is
                told.append(client.run())

    fit([Before(), LROverride(freak=freak)], max_epochs=1)
    assert "in_force" not in told[0]


@pytest.mark.served
def test_what_the_program_and_requests_change_shows_soon_and_changes_no_revision() -> None:
    def work(client: Client, trainer: Trainer) -> None:
        held = shown(client, lambda found: bool(found) and "(scheduled" in found["by_path"]["/lr/hold"])
        assert held["groups"]["first"]["lr"] == {"scheduled": 0.0371, "effective": 0.01}
        revision = client.run()["revision"]
        trainer.optimizers[0].param_groups[0]["weight_decay"] = 0.125
        trainer.gradient_clip_val = 0.5
        changed = shown(client, lambda found: found["trainer"]["gradient_clip_val"] == 0.5, within=SOON)
        assert changed["groups"]["first"]["weight_decay"] == {"scheduled": 0.125, "effective": 0.125}
        assert client.run()["revision"] == revision

    within(work, (0, 1, patch({"lr": {"hold": 0.01}})))


@pytest.mark.served
def test_the_command_line_shows_it_beside_each_control_and_by_group() -> None:
    def work(client: Client, trainer: Trainer) -> None:
        shown(client, lambda found: bool(found) and "(scheduled" in found["by_path"]["/lr/hold"])
        row = next(line for line in freak("describe", "lr").out.splitlines() if line.startswith("lr.hold"))
        assert "first: 0.01 (scheduled 0.0371); 0/1: 0.01 (scheduled 0.02)" in row
        told = freak("info").out
        assert re.search(r"first.*AdamW.*12 parameters.*lr 0\.01 \(scheduled 0\.0371\)", told), told

    within(work, (0, 1, patch({"lr": {"hold": 0.01}})))


@pytest.mark.served
def test_an_event_tells_it_too() -> None:
    def work(client: Client, trainer: Trainer) -> None:
        start = f"{client.run()['id']}-0"
        told = (event.data.get("in_force", {}) for event in client.events("progress", last_id=start))
        found = next(each for each in told if each.get("groups"))
        assert found["groups"]["first"]["lr"]["scheduled"] == 0.0371

    within(work)


class OnADevice(torch.Tensor):
    """A rate that must not be read, as one on a GPU whose work is not done."""

    @property
    def device(self) -> Any:
        return torch.device("cuda")

    def __float__(self) -> float:
        raise AssertionError("this would wait for the device")

    item = __float__


def test_a_value_on_a_device_is_left_out() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(3))], lr=0.1)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.1).as_subclass(OnADevice)
    found: Any = InForce(tiny_trainer(), ParamGroupOverlay([optimizer])).read()
    assert found["groups"]["0/0"]["lr"] == {"scheduled": None, "effective": None}
    assert found["groups"]["0/0"]["parameters"] == 3


@pytest.mark.parametrize(
    "body",
    [
        {"lr": {"groups": {"NOPE": {"scale": 0.5}}}},
        {"lr": {"scale": 100.0}},
        {"lr": {"groups": {"first": {"scale": 100.0}}}},
        {"optimizer": {"groups": {"NOPE": {"eps": 1e-3}}}},
        {"trainer": {"check_val_every_n_epoch": None}},
    ],
    ids=["unknown group", "too high", "a group too high", "unknown group of a value", "trainer"],
)
def test_a_dry_run_is_refused_with_the_reason_and_the_path_of_the_request(body: dict[str, Any]) -> None:
    controls = [LROverride(maximum=1.0), OptimizerOverride(), TrainerOverride()]
    refused: list[Refused] = []

    class Dry(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            if trainer.global_step == 2:
                session = controls[0].session
                assert session is not None
                with pytest.raises(Refused) as caught:
                    session.store.submit(Write("patch", body=body, dry_run=True))
                refused.append(caught.value)

    ask = Ask(controls[0], (0, 3, patch(body)))
    fit([Dry(), ask, *controls], model=lambda: TinyModel(two_groups), max_epochs=1)
    real = ask.receipt()
    assert real.status == "failed"
    assert real.error is not None
    assert real.error["detail"] == refused[0].detail
    assert refused[0].errors[0]["path"].startswith("/" + next(iter(body)) + "/")


def test_a_dry_run_that_would_apply_is_valid_and_a_check_that_fails_is_none() -> None:
    class Broken(LROverride):
        def check(self, *_: Any) -> None:
            raise ZeroDivisionError("on purpose")

    for control in (LROverride(), Broken()):
        statuses: list[str] = []

        class Dry(Callback):
            def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
                session = control.session  # noqa: B023 - the fit is over before the next one
                assert session is not None
                write = Write("patch", body={"lr": {"scale": 0.5}}, dry_run=True)
                statuses.append(session.store.submit(write).status)  # noqa: B023

        fit([Dry(), control], model=lambda: TinyModel(two_groups), max_epochs=1)
        assert set(statuses) == {"valid"}


@pytest.mark.served
def test_the_client_s_dry_run_is_refused() -> None:
    def work(client: Client, trainer: Trainer) -> None:
        with pytest.raises(FreakError, match="no param group 'NOPE'"):
            client.set({"lr.groups.NOPE.scale": 0.5}, dry_run=True)
        assert client.receipts() == []

    within(work)
