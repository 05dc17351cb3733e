"""The journal's disk is torn, full or not there: the program stays under control and says what it lacks."""

import os
import resource
import stat
from pathlib import Path

import pytest

from freak_core.runs.journal import Journal, read_journal
from tests.faults.conftest import Start
from tests.faults.program import Program
from tests.waiting import eventually

WAITING = "freak = begin()\nhear()\n"
INTO = 'freak = begin(journal=os.environ["JOURNAL"])\nhear()\n'


def health(program: Program) -> str:
    """Return what GET /run says of the journal."""
    return str(program.http().get("run").json()["journal"])


def test_a_healthy_journal_is_called_so(start: Start) -> None:
    """The receipt and /run say ok, and the file is for its owner only."""
    program = start(WAITING)
    assert program.client().set({"left": 1}).journal == "ok"
    assert health(program) == "ok"
    assert stat.S_IMODE(program.journal.stat().st_mode) == 0o600
    assert stat.S_IMODE(program.journal.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(program.journal.parent.parent.stat().st_mode) == 0o700


def test_a_full_disk_degrades_the_journal_and_never_the_control(start: Start) -> None:
    """Changes apply and say that they are not on disk; once there is space all of them are."""
    program = start(WAITING)
    client = program.client()
    client.set({"left": 1})
    full = (program.journal.stat().st_size + 100, resource.RLIM_INFINITY)
    resource.prlimit(program.pid, resource.RLIMIT_FSIZE, full)
    lost = [client.set({"left": number, "text": "x" * 200}) for number in (2, 3)]
    assert [receipt.status for receipt in lost] == ["applied", "applied"]
    assert [receipt.journal for receipt in lost] == ["degraded", "degraded"]
    assert client.receipt(lost[0].id).journal == "degraded"
    assert client.get("left") == 3
    eventually(lambda: health(program) == "degraded", what="the degraded journal in /run")
    assert "cannot write its journal" in program.error_text
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(program.pid, resource.RLIMIT_FSIZE, unlimited)
    assert client.set({"left": 4}).journal == "ok"
    eventually(lambda: health(program) == "ok", what="the healthy journal in /run")
    lefts = [
        change["new"]
        for entry in program.journalled()
        for change in entry["changes"]
        if change["path"] == "/left"
    ]
    assert lefts == [1, 2, 3, 4]


def test_a_disk_that_is_full_from_the_start_is_said_on_every_receipt(start: Start, tmp_path: Path) -> None:
    """/dev/full takes nothing at all."""
    journal = tmp_path / "journal.jsonl"
    journal.symlink_to("/dev/full")
    program = start(INTO, JOURNAL=str(journal))
    eventually(lambda: health(program) == "degraded", what="the degraded journal in /run")
    receipt = program.client().set({"left": 1})
    assert (receipt.status, receipt.journal) == ("applied", "degraded")
    program.say()
    assert program.wait() == 0


STUCK = """
freak = begin(journal=os.environ["JOURNAL"])
for number in range(200):
    freak.phase("training", padding="x" * 1000)
freak.stop()
say(stopped=True)
hear()
"""


def test_a_disk_that_hangs_keeps_no_program_from_ending(start: Start, tmp_path: Path) -> None:
    """A pipe that nobody reads takes 64 KiB and then nothing; once it does, what waited is written."""
    journal = tmp_path / "journal.jsonl"
    os.mkfifo(journal)
    program = start(STUCK, JOURNAL=str(journal))
    assert program.hear() == {"stopped": True}
    with journal.open("rb") as pipe:
        lines = [pipe.readline() for _ in range(202)]
    assert b'"finished"' in lines[-1]
    program.say()
    assert program.wait() == 0


def test_a_home_that_cannot_be_written_leaves_the_program_under_control(start: Start, tmp_path: Path) -> None:
    """FREAK_HOME is below a file: control() works, a warning says what is missing, and it mends itself."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    program = start(WAITING, FREAK_HOME=str(blocked / "home"))
    client = program.client()
    assert client.set({"left": 1}).journal == "degraded"
    assert "freak WARNING" in program.error_text
    blocked.unlink()
    assert client.set({"left": 2}).journal == "ok"
    assert len(program.journalled()) == 4


def test_a_torn_last_line_is_left_out_and_the_next_run_goes_on_below_it(start: Start, tmp_path: Path) -> None:
    """As after a power cut in the middle of a line."""
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b'{"freak_journal":1}\n{"id":"first","status":"applied"}\n{"id":"torn","sta')
    journal.chmod(0o640)
    program = start(INTO, JOURNAL=str(journal))
    receipt = program.client().set({"left": 1})
    ids = [entry.get("id") for entry in read_journal(journal)]
    assert ids == [None, "first", None, receipt.id, receipt.id]
    assert journal.read_bytes().startswith(b'{"freak_journal":1}\n{"id":"first"')
    assert stat.S_IMODE(journal.stat().st_mode) == 0o640, "an existing file keeps its mode"


def test_an_existing_folder_keeps_its_mode(start: Start, tmp_path: Path) -> None:
    """The user's own folder is the user's; only the file in it is ours."""
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    program = start(INTO, JOURNAL=str(folder / "journal.jsonl"))
    program.client().set({"left": 1})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "journal.jsonl").stat().st_mode) == 0o600


@pytest.mark.parametrize("room", range(0, 60, 7))
def test_a_line_cut_at_any_byte_is_written_whole_later(
    tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that was done in part leaves a torn line; the whole one follows on a line of its own."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.open({})
    size = journal.path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, hard))
    try:
        safe = [journal.append({"id": name, "note": "n" * 20}) for name in "ab"]
        assert safe == [room > 38, False]
        assert [journal.holds(name) for name in "ab"] == safe
        assert not journal.healthy
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert journal.append({"id": "c"})
    assert journal.healthy
    assert journal.holds("b")
    journal.close()
    journal.close()
    assert not journal.append({"id": "late"})
    assert [entry.get("id") for entry in read_journal(journal.path)] == [None, "a", "b", "c"]


def test_a_journal_without_a_disk_keeps_the_newest_lines_only(tmp_path: Path) -> None:
    """What waits in memory is bounded."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    journal = Journal(blocked / "journal.jsonl")
    journal.open({})
    for number in range(3000):
        assert not journal.append({"id": str(number)})
    blocked.unlink()
    assert journal.append({"id": "last"})
    assert [journal.holds(number) for number in ("0", "1000", "1001", "2999")] == [False, False, True, True]
    assert journal.holds("last")
    assert [entry["id"] for entry in read_journal(journal.path)] == [*map(str, range(1001, 3000)), "last"]
    journal.close()
    assert os.listdir(blocked) == ["journal.jsonl"]  # noqa: PTH208
