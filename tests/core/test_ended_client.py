"""A client of a run that has ended: it reads the folder, and writes nothing."""

import sys
from pathlib import Path

import pytest

from freak_core import Client, ConfigurationError, Freak, NotFound, RunOver
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
from tests.core.twins import Twin


def add(one: int) -> int:
    """Add one."""
    return one + 1


@pytest.fixture
def ended(served: Serve) -> Freak:
    """A program that has ended."""
    program = Freak(port=0, name="past")
    program.action(add)
    recorded(served(freak=program))
    with Client(program.link) as client:
        client.set({"head.lr": 0.5}, note="why")
        client.call("add", one=1, wait=10)
    for step in range(50):
        program.publish(step=step, loss=step / 10, **({"acc": 1.0} if step > 40 else {}))
    program.stop(RuntimeError("it broke"))
    return program


def test_an_ended_run_is_read_as_a_live_one(ended: Freak, twin: Twin) -> None:
    with pytest.raises(NotFound):
        twin.find("past")
    with twin.find("past", ended=True) as run:
        assert run.get("head.lr") == 0.5
        assert run.get("head.hidden.1") == 16
        assert run.state()["password"] == "**********"
        assert run.revision().strip('"').startswith(ended.id)
        assert "head" in run.schema()["properties"]
        assert list(run.actions()) == ["add"]
        facts = run.run()
        assert (facts["phase"], facts["error"], facts["step"]) == ("failed", "RuntimeError: it broke", 49)
        assert [receipt.kind for receipt in run.receipts()] == ["patch", "action"]
        assert [receipt.kind for receipt in run.receipts(last=1)] == ["action"]
        assert [receipt.kind for receipt in run.receipts(since=1)] == ["action"]
        first = run.receipts(limit=1)[0]
        assert run.receipt(first.id).note == "why"
        assert run.wait(first.id).settled
        with pytest.raises(NotFound):
            run.receipt("nothing")
        with pytest.raises(NotFound):
            run.get("nothing")
        assert len(run.series("loss")["loss"]) == 50
        assert run.series("loss", since=47)["loss"][0][0] == 48
        assert len(run.series(max_points=5)["loss"]) <= 5
        assert set(run.series()) == {"loss", "acc"}
        assert run.url == (Path(run.url.removeprefix("file://"))).as_uri()
        with pytest.raises(RunOver):
            run.wait_for(phase="training", timeout=1)


def test_events_of_an_ended_run_come_in_their_order(ended: Freak, twin: Twin) -> None:
    with twin.find(ended.id, ended=True) as run:
        (end,) = run.events()
        assert (end.type, end.data["phase"]) == ("run", "failed")
        events = list(run.events(last_id=f"{ended.id}-0"))
        assert [event.type for event in events][:2] == ["receipt", "receipt"]
        assert [event.data["step"] for event in events if event.type == "metrics"] == list(range(50))
        assert list(run.events(last_id=events[-3].id)) == events[-2:]
        assert {event.type for event in run.events("receipt", last_id="0")} == {"receipt"}


def test_every_write_is_refused(ended: Freak, twin: Twin) -> None:
    with twin.find("past", ended=True) as run:
        receipt = run.receipts()[0]
        for write in (
            lambda: run.set({"epochs": 3}),
            lambda: run.set({"epochs": 3}, dry_run=True),
            lambda: run.patch([{"op": "remove", "path": "/weights"}]),
            lambda: run.put("epochs", 3),
            run.reset,
            lambda: run.call("add", one=1),
            lambda: run.cancel(receipt.id),
        ):
            with pytest.raises(RunOver, match=r"the run 'past' has ended: failed \(RuntimeError: it broke\)"):
                write()


def test_a_live_run_is_meant_before_an_ended_one(ended: Freak, served: Serve, twin: Twin) -> None:
    live = served(name="past")
    with twin.find("past", ended=True) as run:
        assert run.run()["id"] == live.id


def test_a_folder_is_an_address(ended: Freak, tmp_path: Path) -> None:
    assert ended.folder is not None
    moved = ended.folder.rename(tmp_path / "with blank")
    with Client(moved.as_uri()) as run:
        assert run.get("head.lr") == 0.5
        assert [receipt.note for receipt in run.receipts()] == ["why", None]
        assert "past" in run._repr_html_()
    for other in (tmp_path, tmp_path / "nothing", Path("/dev/null")):
        with pytest.raises(ConfigurationError, match="is not the folder of a run"):
            Client(other.as_uri())


def test_metrics_are_a_table_for_who_has_pandas(
    ended: Freak, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with twin.find("past", ended=True) as run:
        frame = run.series("loss", frame=True)
        assert list(frame.columns) == ["metric", "step", "time", "value"]
        assert (len(frame), frame["step"].max(), frame["value"].max()) == (50, 49, 4.9)
        assert str(frame["time"].dt.tz) == "UTC"
        assert len(run.series("nothing", frame=True)) == 0
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ConfigurationError, match="pip install pandas"):
            run.series(frame=True)
