"""A steered run, repeated from its journal, ends with the same weights to the bit."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from freak_core import ConfigurationError, Freak, RunOver, Write
from freak_lightning import GracefulStop, LROverride, Replay, remote_control
from tests.lightning.asking import Ask, patch
from tests.lightning.tiny import KNOWN_WARNINGS, TinyModel, fit, same, weights

pytestmark = [*KNOWN_WARNINGS, pytest.mark.usefixtures("home")]

MODEL = partial(TinyModel, dropout=0.5)
STEERING = (
    (0, 2, patch({"lr": {"hold": 0.01}})),
    (0, 5, patch({"optimizer": {"momentum": 0.5}})),
    (1, 1, patch({"lr": {"hold": None, "scale": 0.3}})),
    (1, 3, Write("action", name="checkpoint", body={})),
    (2, 4, Write("reset", path=("lr",))),
    (2, 6, patch({"stop": {"should_stop": True, "checkpoint": False}})),
)


def steered(journal: Path, *asked: Any, **settings: Any) -> Any:
    controls = remote_control(freak=Freak(journal=journal))
    return fit([Ask(controls[0], *asked), *controls], model=MODEL, log_every_n_steps=4, **settings)


def replayed(journal: Path, **settings: Any) -> Any:
    return fit(remote_control(replay=journal), model=MODEL, log_every_n_steps=4, **settings)


def test_the_weights_are_the_same_to_the_bit(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    first = steered(journal, *STEERING, default_root_dir=tmp_path)
    again = replayed(journal, default_root_dir=tmp_path)
    assert first.global_step == again.global_step == 23
    assert same(weights(first), weights(again))
    assert not same(weights(first), weights(fit(model=MODEL)))


def test_a_replay_takes_no_live_requests(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    steered(journal, STEERING[0])
    control = LROverride()
    with pytest.raises(RunOver, match="replays a journal"):
        fit([Ask(control, (0, 1, patch({"lr": {"hold": 0.5}}))), control, Replay(journal)], model=MODEL)


def test_what_differs_from_the_journals_run_is_said(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    steered(journal, STEERING[-2])
    other = journal.read_text().replace('"world_size":1', '"world_size":8')
    journal.write_text(other)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        replayed(journal, max_epochs=1)
    texts = [str(warning.message) for warning in told]
    assert any("world_size: 8 then, 1 now" in text for text in texts)
    assert any("1 requests of the journal were never reached" in text for text in texts)


@pytest.mark.parametrize("text", ["", "{}\n", "nonsense"])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text(text)
    with pytest.raises(ConfigurationError, match="journal"):
        fit([GracefulStop(), Replay(journal)])
