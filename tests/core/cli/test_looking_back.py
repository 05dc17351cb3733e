"""``freak compare``, ``export`` and ``prune``."""

import csv
import importlib
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from freak_core import Freak
from freak_core.runs.metric_parts import parts
from freak_core.runs.pruning import keep_only
from freak_core.runs.run_folder import RunFolder, runs_folder
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
from tests.waiting import eventually


def ended(served: Serve, name: str, epochs: int = 20) -> Freak:
    """Run a program that gets to step 3, goes back to step 2, and ends."""
    program = recorded(served(name=name))
    freak("set", f"epochs={epochs}", "-r", program.id)
    for step in (1, 2, 3, 2):
        program.log({"loss": epochs / step, "=1+1": -1.0}, step=step)
    program.publish(step=2, epoch=1)
    program.stop()
    return program


def test_values_that_differ_and_metrics_stand_side_by_side(served: Serve) -> None:
    ended(served, "one")
    live = recorded(served(name="two"))
    freak("set", "epochs=30", "head.lr=0.5", "-r", "two")
    live.publish(step=9, loss=0.125)
    eventually(lambda: freak("metrics", "-r", "two", "--json").json)
    rows = {line.split()[0]: line.split() for line in freak("compare", "one", "two").out.splitlines() if line}
    assert rows["epochs"] == ["epochs", "10", "→", "20", "10", "→", "30"]
    assert rows["head.lr"] == ["head.lr", "0.1", "0.1", "→", "0.5"]
    assert "mode" not in rows
    assert rows["loss"] == ["loss", "10", "0.125"]
    assert rows["=1+1"] == ["=1+1", "-1", "-"]
    assert rows["state"] == ["state", "finished", "running"]
    ran = freak("compare", "one", "two", "--json")
    assert [each["values"]["epochs"] for each in ran.json] == [20, 30]
    assert "hush" not in ran.out
    freak("compare", "one", code=2)
    freak("compare", "one", "nobody", code=3)


def test_metrics_are_exported_as_a_table_that_no_spreadsheet_runs(served: Serve, tmp_path: Path) -> None:
    program = ended(served, "one")
    rows = list(csv.DictReader(io.StringIO(freak("export", "one").out)))
    loss = [(row["segment"], row["step"], float(row["value"])) for row in rows if row["metric"] == "loss"]
    assert loss == [("0", "1", 20.0), ("0", "2", 10.0), ("0", "3", 20 / 3), ("1", "2", 10.0)]
    assert {row["metric"] for row in rows} == {"loss", "'=1+1"}
    freak("export", program.id, "--output", str(tmp_path / "one.csv"))
    assert list(csv.DictReader((tmp_path / "one.csv").read_text().splitlines())) == rows
    assert "cannot write" in freak("export", "one", "-o", "/no/such/place", code=2).err


def test_a_run_that_goes_on_is_exported_too_wherever_its_folder_is(served: Serve) -> None:
    program = recorded(served(name="one"))
    program.log({"loss": 0.5}, step=1)
    eventually(lambda: "loss,0,1," in freak("export", "one").out)
    folder = RunFolder(program.id).path
    for part in parts(folder):
        part.unlink()
    eventually(lambda: "loss,0,1," in freak("export", "one").out)  # as its server tells it


def test_json_has_everything_but_secrets(served: Serve) -> None:
    program = ended(served, "one")
    told = freak("export", "one", "-f", "json").json
    assert set(told) == {"run", "state", "config", "checkpoints", "receipts", "metrics", "missing"}
    assert told["metrics"]["loss"]["segment"] == [0, 0, 0, 1]
    assert (told["config"]["value"]["epochs"], told["state"]["epochs"]) == (10, 20)
    assert (told["run"]["phase"], told["receipts"][0]["status"]) == ("finished", "applied")
    assert not re.search(f"hush|{program.token}|{program.read_token}", json.dumps(told))


def test_event_files_of_tensorboard_have_each_segment(served: Serve, tmp_path: Path) -> None:
    accumulator: Any = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    ended(served, "one")
    freak("export", "one", "-f", "tensorboard", "-o", str(tmp_path / "tb"))
    for folder, steps in (("tb", [1, 2, 3]), ("tb/segment-1", [2])):
        events = accumulator.EventAccumulator(str(tmp_path / folder))
        events.Reload()
        assert [scalar.step for scalar in events.Scalars("loss")] == steps
    freak("export", "one", "-f", "tensorboard", code=2)


def test_without_torch_event_files_are_a_clear_error(
    served: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(served, "one")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    error = freak("export", "one", "-f", "tensorboard", "-o", str(tmp_path / "tb"), code=2).err
    assert "pip install torch tensorboard" in error


def names() -> set[str]:
    return {run["name"] for run in freak("ls", "-a", "--json").json}


def test_prune_lists_and_deletes_only_when_told_to(served: Serve) -> None:
    old, new, live = ended(served, "old"), ended(served, "new"), served(name="live")
    assert re.findall(r"would delete \S+/(\w+):", freak("prune").out) == [new.id, old.id]
    assert "nothing was deleted" in freak("prune", "--keep", "1").err
    assert "nothing to delete" in freak("prune", "--older-than", "1h", "--yes").err
    assert names() == {"old", "new", "live"}
    (told,) = freak("prune", "--keep", "1", "--yes", "--json").json
    assert (told["name"], told["deleted"]) == ("old", True)
    assert not RunFolder(old.id).path.exists()
    freak("prune", "--older-than", "0s", "--yes")
    assert names() == {"live"}
    freak("info", live.id)
    freak("prune", "--older-than", "soon", code=2)


def test_prune_leaves_what_freak_has_not_written_and_follows_no_link(served: Serve, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "state.json").write_text("mine")
    program = ended(served, "one")
    folder = RunFolder(program.id).path
    (folder / "best.ckpt").write_text("weights")
    (folder / "metrics-0002.jsonl.gz").symlink_to(outside / "state.json")
    (folder / "journal.jsonl.bak").symlink_to(outside)
    (runs_folder() / "linked").symlink_to(outside)
    error = freak("prune", "--yes", code=1).err
    assert "best.ckpt, journal.jsonl.bak" in error
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "journal.jsonl.bak"}
    assert (outside / "state.json").read_text() == "mine"
    assert (runs_folder() / "linked").is_symlink()


def test_a_run_whose_file_says_that_it_may_live_is_never_pruned(served: Serve) -> None:
    program = ended(served, "one")
    run_file = RunFolder(program.id).path / "run.json"
    run_file.write_text("{}")
    assert "nothing to delete" in freak("prune", "--yes").err
    run_file.unlink()
    if os.geteuid() == 0:
        os.chown(RunFolder(program.id).path, 65534, 65534)
        assert "another user owns" in freak("prune", "--yes", code=1).err


@pytest.mark.parametrize(("limit", "left"), [("1", {"two"}), ("0", set()), ("30d", {"one", "two"})])
def test_what_freak_keep_does_not_keep_is_deleted_when_a_run_begins(
    served: Serve, monkeypatch: pytest.MonkeyPatch, limit: str, left: set[str]
) -> None:
    ended(served, "one")
    ended(served, "two")
    monkeypatch.setenv("FREAK_KEEP", limit)
    recorded(served(name="third"))
    eventually(lambda: names() == left | {"third"})


def test_a_freak_keep_that_is_neither_deletes_nothing(
    served: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    ended(served, "one")
    for limit in ("all", "-1", "", "1e3", "٣d"):
        keep_only(limit, ())
        assert "is neither a number of runs nor a duration" in caplog.text
        caplog.clear()
    assert names() == {"one"}
