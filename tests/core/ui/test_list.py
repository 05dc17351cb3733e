"""The list of runs of ``freak ui``."""

from freak_core import Client, Freak
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
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
