"""What the page that compares runs gets: curves, and values side by side."""

import pytest

from freak_core import Client, Freak
from freak_core.runs.run_folder import OVERVIEW, RunFolder
from tests.core.cli.shell import freak as freak_command
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
from tests.core.ui.folders import leave_points
from tests.core.ui.process import Ui
from tests.waiting import eventually

MANY, HIGHEST, BEGUN = 30_000, 12_345, 1_700_000_000.0


def test_curves_of_live_and_ended_runs_come_together(ui: Ui, ended: Freak, served: Serve) -> None:
    live = recorded(served(name="now"))
    live.publish(step=1, loss=0.5, acc=1.0)
    ids = f"{ended.id},{live.id},nobody"

    def asked() -> dict[str, dict[str, list[list[float]]]]:
        return ui.http.get("series", params={"runs": ids, "names": "loss"}).json()

    eventually(lambda: asked()[live.id])
    told = asked()
    assert set(told) == {ended.id, live.id, "nobody"}
    assert [point[0] for point in told[ended.id]["loss"]] == list(range(50))
    assert told[ended.id]["loss"][49][2:] == [4.9, 0]
    assert told[live.id]["loss"][0][2] == 0.5
    assert set(told[live.id]) == {"loss"}
    assert told["nobody"] == {}
    part = {"runs": ids, "names": "loss", "since": 10, "until": 20}
    assert [point[0] for point in ui.http.get("series", params=part).json()[ended.id]["loss"]] == list(
        range(11, 21)
    )


def test_values_are_compared_as_on_the_command_line(ui: Ui, ended: Freak, served: Serve) -> None:
    live = recorded(served(name="now"))
    with Client(live.link) as client:
        client.set({"epochs": 30})
    told = ui.http.get("compare", params={"runs": f"{ended.id},{live.id}"}).json()
    assert told == freak_command("compare", ended.id, live.id, "--json").json
    assert [each["values"]["epochs"] for each in told] == [10, 30]
    (nobody,) = ui.http.get("compare", params={"runs": "nobody"}).json()
    assert "no run 'nobody'" in nobody["unreadable"]
    assert ui.http.get("compare", params={"runs": ","}).status_code == 400


@pytest.mark.parametrize("written", [True, False])
def test_a_long_run_is_thinned_and_a_closer_look_has_every_point(ui: Ui, ended: Freak, written: bool) -> None:
    folder = RunFolder(ended.id).path
    for part in folder.glob("metrics-*"):
        part.unlink()
    leave_points(
        folder, ["loss", "same"], MANY, lambda step: 9.0 if step == HIGHEST else step / MANY, overview=written
    )
    assert (folder / OVERVIEW).exists() == written
    asked = {"runs": ended.id, "names": "loss"}
    points = ui.http.get("series", params=asked).json()[ended.id]["loss"]
    assert 500 <= len(points) <= 1000
    assert (points[0][0], points[-1][0]) == (0, MANY - 1)
    assert [HIGHEST, BEGUN + HIGHEST, 9.0, 0] in points
    closer = {**asked, "since": 12_000, "until": 12_500}
    assert [p[0] for p in ui.http.get("series", params=closer).json()[ended.id]["loss"]] == list(
        range(12_001, 12_501)
    )
    later = {**asked, "axis": "time", "since": BEGUN + 29_900}
    assert len(ui.http.get("series", params=later).json()[ended.id]["loss"]) == 99
    both = ui.http.get("series", params={"runs": ended.id}).json()[ended.id]
    assert set(both) == {"loss", "same"}
