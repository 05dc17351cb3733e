"""The list of runs of ``freak ui``."""

import shutil
from pathlib import Path

from freak_core import Client, Freak
from freak_core.runs.run_file import publish
from freak_core.runs.run_folder import RunFolder, write_private
from freak_core.text.strict_json import dumps
from tests.core.conftest import Serve
from tests.core.runs.places import described, recorded
from tests.core.ui.conftest import Shown
from tests.core.ui.folders import leave_run
from tests.core.ui.process import Ui
from tests.waiting import eventually


def test_live_and_ended_runs_are_listed_together_with_the_newest_first(
    ui: Ui, ended: Freak, served: Serve
) -> None:
    live = recorded(served(name="now"))
    live.publish(step=7, epoch=2, loss=0.5)
    with Client(live.link) as client:
        client.set({"epochs": 20})
    row = eventually(lambda: next((r for r in ui.runs() if r["id"] == live.id and r["step"] == 7), None))
    assert (row["name"], row["phase"], row["alive"], row["epoch"]) == ("now", "running", True, 2)
    assert (row["requests"], row["steered_by"], row["unreachable"]) == (1, ["owner"], None)
    first, second = ui.runs()
    assert (first["id"], second["id"]) == (live.id, ended.id)
    assert (second["phase"], second["error"], second["alive"]) == ("failed", "RuntimeError: it broke", False)
    assert (second["step"], second["epoch"], second["metrics"]) == (49, 4, {"loss": 4.9})
    assert second["duration_s"] is not None
    assert second["requests"] == 0


def test_a_page_that_has_the_list_already_is_told_so(ui: Ui, ended: Freak) -> None:
    tag = ui.http.get("runs").headers["ETag"]
    same = ui.http.get("runs", headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)


def test_a_run_that_ends_is_listed_as_ended(ui: Ui, served: Serve) -> None:
    program = recorded(served(name="short"))
    assert ui.row(program.id)["alive"]
    program.stop()
    eventually(lambda: ui.row(program.id)["phase"] == "finished")
    assert not ui.row(program.id)["alive"]


def test_a_thousand_ended_runs_are_listed_and_a_changed_one_is_read_again(home: Path, start: Shown) -> None:
    for number in range(1000):
        leave_run(number)
    ui = start()
    rows = ui.runs()
    assert [row["id"] for row in rows] == [f"run{number}" for number in reversed(range(1000))]
    assert rows[0]["metrics"] == {"loss": 0.123456789}
    assert (rows[0]["requests"], rows[0]["steered_by"]) == (2, ["owner"])
    assert all((row["phase"], row["unreadable"]) == ("finished", None) for row in rows)
    folder = RunFolder("run7")
    summary = folder.path / "summary.json"
    write_private(summary, summary.read_text().replace('"finished"', '"failed"'))
    with folder.journal.open("a") as journal:
        journal.write(dumps({"id": "later", "seq": 3, "kind": "patch", "by": "program"}) + "\n")
    changed = ui.row("run7")
    assert (changed["phase"], changed["requests"], changed["steered_by"]) == (
        "failed",
        3,
        ["owner", "program"],
    )
    shutil.rmtree(RunFolder("run8").path)
    assert len(ui.runs()) == 999


def test_runs_of_one_program_and_of_one_array_are_a_group(ui: Ui, served: Serve, home: Path) -> None:
    ids = [recorded(served(name=name)).id for name in ("one", "two")]
    other = described("other", name="other", pid=1, launcher={"slurm_array_job": "77", "slurm_job": "78"})
    publish(other.model_copy(update={"pid_space": "elsewhere"}))
    rows = {row["id"]: row for row in ui.runs()}
    assert rows[ids[0]]["group"] == rows[ids[1]]["group"] == rows[ids[0]]["program"]
    assert rows["other"]["group"] == "SLURM array 77"
