"""A replay says how it differs from the journal's run, and at which step the weights part."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from freak_core import Freak, read_journal
from freak_lightning import remote_control
from tests.lightning.asking import Ask, checkpoint, patch
from tests.lightning.tiny import (
    KNOWN_WARNINGS,
    NEEDS_2_6,
    TinyModel,
    fit,
    plain_loader,
    resumable_loader,
    sgd,
)

pytestmark = [*KNOWN_WARNINGS, NEEDS_2_6, pytest.mark.usefixtures("home"), pytest.mark.served]

ASKED = (
    (0, 2, patch({"lr": {"hold": 0.01}})),
    (1, 3, checkpoint(name="mid")),
    (2, 1, patch({"lr": {"hold": None}})),
)


def journal_of(folder: Path, *asked: Any) -> Path:
    controls = remote_control(freak=Freak(journal=folder / "journal.jsonl"), dirpath=folder)
    fit([Ask(controls[0], *asked), *controls], default_root_dir=folder)
    return folder / "journal.jsonl"


def told_by_replay(journal: Path, own: Path, **settings: Any) -> str:
    """Return what a replay warns of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fit(remote_control(freak=Freak(journal=own), replay=journal, dirpath=own.parent), **settings)
    return "\n".join(
        str(each.message) for each in told if "replay" in str(each.message) or "journal" in str(each.message)
    )


CHANGED: dict[str, tuple[dict[str, Any], str]] = {
    "batch size": ({"loader": partial(resumable_loader, 8, 3)}, "batch_sizes: [2] then, [3] now"),
    "batches": ({"loader": partial(resumable_loader, 9)}, "batches_per_epoch: 8 then, 9 now"),
    "length of the data": ({"loader": partial(resumable_loader, 9)}, "dataset_lengths: [16] then, [18] now"),
    "accumulation": ({"accumulate_grad_batches": 2}, "accumulate_grad_batches: 1 then, 2 now"),
    "clipping": ({"gradient_clip_val": 0.1}, "gradient_clip_val: None then, 0.1 now"),
    "precision": ({"precision": "bf16-mixed"}, "precision: 32-true then, bf16-mixed now"),
    "validation": ({"val_check_interval": 0.5}, "val_check_interval: 1.0 then, 0.5 now"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_was_changed_is_named_and_so_is_the_step_at_which_the_weights_part(
    what: str, tmp_path: Path
) -> None:
    journal = journal_of(tmp_path, ASKED[0])
    settings, difference = CHANGED[what]
    told = told_by_replay(journal, tmp_path / "own.jsonl", **settings)
    assert f"this replay differs from the journal's run in {difference}" in told
    if what not in ("validation", "batches", "length of the data"):
        assert "this replay diverged at step 3" in told


def test_weights_that_part_for_no_recorded_reason_are_noticed_at_the_next_receipt(tmp_path: Path) -> None:
    """The data are in another order. The replay's own journal has a line for it."""
    journal = journal_of(tmp_path, *ASKED)
    told = told_by_replay(journal, tmp_path / "own.jsonl", loader=plain_loader)
    assert "this replay diverged at step 3: the weights differ" in told
    assert "nothing that the journal records of both runs" in told
    lines = [line for line in read_journal(tmp_path / "own.jsonl") if line.get("name") == "replay"]
    assert [line["result"]["diverged_at_step"] for line in lines] == [3]


def test_a_faithful_replay_warns_of_nothing(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, *ASKED)
    assert told_by_replay(journal, tmp_path / "own.jsonl", default_root_dir=tmp_path) == ""


def test_requests_before_a_resumed_checkpoint_are_not_called_unreached(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, *ASKED)
    told = told_by_replay(journal, tmp_path / "own.jsonl", resume=tmp_path / "mid.ckpt")
    assert told == ""


def test_another_optimizer_is_named(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, ASKED[0])

    def halves(parameters: Any) -> Any:
        return sgd([{"params": parameters[:2]}, {"params": parameters[2:]}])  # type: ignore[list-item]

    told = told_by_replay(journal, tmp_path / "own.jsonl", model=lambda: TinyModel(halves))
    assert "this replay differs from the journal's run in optimizers:" in told
