"""Finished runs: ``freak ls --all``, and their receipts."""

import re
import shutil
from pathlib import Path

import pytest

from freak_core import Freak
from freak_core.cli.connect import connect
from freak_core.cli.exit_codes import NoSuchRun
from freak_core.runs.run_folder import home
from tests.core.cli.shell import freak
from tests.core.conftest import Serve


@pytest.fixture
def ended(served: Serve) -> dict[str, Freak]:
    """Runs that finished, failed and were lost, by name; and one that lives."""
    programs = {name: served(name=name) for name in ("fine", "broken", "lost", "alive")}
    for name, program in programs.items():
        freak("set", "epochs=20", "--note", f"of {name}", "-r", program.id)
    programs["fine"].stop()
    programs["broken"].stop(RuntimeError("it broke"))
    journal = programs["lost"].journal_path
    before = journal.read_text()
    programs["lost"].stop()
    journal.write_text(before)  # as if all of it had been killed
    summary = journal.with_name("summary.json")
    summary.write_text(re.sub(r'"crc32":"[0-9a-f]*",', "", summary.read_text()))
    summary.write_text(summary.read_text().replace('"phase":"finished"', '"phase":"running"'))
    summary.write_text(re.sub(r'"pid":[0-9]+', f'"pid":{2**22 + 1}', summary.read_text()))
    return programs


def test_ended_runs_are_listed_where_they_are_asked_for(ended: dict[str, Freak]) -> None:
    assert [row.split()[0] for row in freak("ls").out.splitlines()] == ["NAME", "alive"]
    rows = [row.split()[:3] for row in freak("ls", "--all").out.splitlines()[1:]]
    told = [("alive", "running"), ("lost", "lost"), ("broken", "failed"), ("fine", "finished")]
    assert rows == [[name, ended[name].id, state] for name, state in told]
    listed = freak("ls", "--all", "--json").json
    assert listed[2]["error"] == "RuntimeError: it broke"
    assert Path(listed[3]["journal_path"]) == ended["fine"].journal_path
    assert freak("ls", "--all", "-q").out.split() == [run["id"] for run in listed]


def test_an_ended_run_is_listed_with_how_far_it_was_known_to_be_and_when_it_ended(served: Serve) -> None:
    program = served(name="far", apply="sync")
    freak("set", "epochs=20", "--wait", "0", code=5)
    program.sync(step=11, epoch=2)
    program.publish(step=12, epoch=3)
    program.stop(RuntimeError("it broke " + "and broke " * 20))
    (row,) = freak("ls", "--all").out.splitlines()[1:]
    assert re.search(r" failed \(RuntimeError: it broke [^)]* …\) +3 +12 +- +ended \d+s ago ", row)
    (told,) = freak("ls", "--all", "--json").json
    assert (told["epoch"], told["step"]) == (3, 12)
    assert "broke" in told["error"]


def test_what_was_asked_of_an_ended_run_is_read_from_its_journal(ended: dict[str, Freak]) -> None:
    for wanted in ("broken", ended["broken"].id):
        ran = freak("log", wanted)
        assert "# of broken" in ran.out
        assert "has ended: failed" in ran.err
    assert freak("log", "-r", "lost", "--json").json[0]["note"] == "of lost"
    assert "# of alive" in freak("log").out
    freak("log", "brok", code=3)  # a beginning is for those that live


def test_a_run_that_has_ended_is_told_from_one_that_never_was(ended: dict[str, Freak]) -> None:
    for wanted in ("broken", ended["broken"].id):
        said = freak("set", "epochs=30", "-r", wanted, code=3).err
        assert re.search(r"the run 'broken' has ended: failed \(RuntimeError: it broke\), \d+s ago", said)
    assert "no live run called 'nobody'" in freak("info", "nobody", code=3).err
    ended["alive"].stop()
    assert "the run 'alive' has ended: finished" in freak("stop", code=3).err


def test_a_run_that_ends_before_it_answers_is_told_as_ended(served: Serve) -> None:
    program = served(name="brief")
    client = connect("brief")
    program.stop()
    with pytest.raises(NoSuchRun, match="the run 'brief' has ended: finished"), client:
        client.run()


def test_of_ended_runs_of_one_name_the_newest_is_meant(served: Serve) -> None:
    for note in ("first", "second"):
        program = served(name="twin")
        freak("set", "epochs=20", "--note", note)
        program.stop()
    assert "# second" in freak("log", "twin").out


def test_a_folder_that_tells_nothing_is_listed_as_broken(served: Serve) -> None:
    served(name="sound").stop()
    for name, text in (("torn", '{"freak_jou'), ("empty", ""), ("other", "[1]\\n{}")):
        (home() / "runs" / name).mkdir()
        (home() / "runs" / name / "journal.jsonl").write_text(text)
    told = {run["name"]: run["state"] for run in freak("ls", "--all", "--json").json}
    assert told == {"sound": "finished", "torn": "broken", "empty": "broken", "other": "broken"}
    freak("info", "torn", code=3)
    shutil.rmtree(home())
    assert freak("ls", "--all", "--json").json == []
