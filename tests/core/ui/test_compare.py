"""What the page that compares runs gets: curves, and values side by side."""

from pathlib import Path

import pytest

from freak_core import Client, Freak
from freak_core.runs.metric_parts import Batch, MetricParts
from freak_core.runs.overview import Overview
from freak_core.runs.run_folder import OVERVIEW, RunFolder
from tests.core.cli.shell import freak as freak_command
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
from tests.core.ui.process import Ui
from tests.waiting import eventually

MANY = 30_000


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


def long_run(folder: Path, *, written: bool) -> None:
    """Write the metrics of a long run, whose highest value is at step 12,345, and perhaps its overview."""
    metrics, overview = MetricParts(folder), Overview()
    for start in range(0, MANY, 1000):
        steps = range(start, start + 1000)
        values = [9.0 if step == 12_345 else step / MANY for step in steps]
        batch = Batch(start, 0, ["loss", "same"], list(steps), [1e9 + s for s in steps], [values, values])
        metrics.append([batch.line()])
        overview.add(batch)
    metrics.close()
    if written:
        overview.write(folder)


@pytest.mark.parametrize("written", [True, False])
def test_a_long_run_is_thinned_and_a_closer_look_has_every_point(ui: Ui, ended: Freak, written: bool) -> None:
    folder = RunFolder(ended.id).path
    for part in folder.glob("metrics-*"):
        part.unlink()
    long_run(folder, written=written)
    assert (folder / OVERVIEW).exists() == written
    asked = {"runs": ended.id, "names": "loss"}
    points = ui.http.get("series", params=asked).json()[ended.id]["loss"]
    assert 500 <= len(points) <= 1000
    assert (points[0][0], points[-1][0]) == (0, MANY - 1)
    assert [12_345, 1e9 + 12_345, 9.0, 0] in points
    closer = {**asked, "since": 12_000, "until": 12_500}
    assert [p[0] for p in ui.http.get("series", params=closer).json()[ended.id]["loss"]] == list(
        range(12_001, 12_501)
    )
    later = {**asked, "axis": "time", "since": 1e9 + 29_900}
    assert len(ui.http.get("series", params=later).json()[ended.id]["loss"]) == 99
    both = ui.http.get("series", params={"runs": ended.id}).json()[ended.id]
    assert set(both) == {"loss", "same"}
