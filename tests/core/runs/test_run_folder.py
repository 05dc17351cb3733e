"""A run is a folder; no token stays in it after the end. What Freak 0.1.0 wrote is still read and removed."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from freak_core import Client, Freak
from freak_core.cli.commands.reach import redirect_page
from freak_core.runs.live_runs import SILENCE, list_runs
from freak_core.runs.run_file import publish
from freak_core.runs.run_folder import RunFolder
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.core.runs.places import described, recorded, silent
from tests.waiting import eventually

NO_SUCH_PROCESS = 2**22 + 1


def files(home: Path) -> set[str]:
    """Return the paths of all files of a home, and of its empty folders."""
    return {
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() or (path.is_dir() and not list(path.iterdir()))
    }


def as_0_1_0_wrote_it(run_id: str) -> Path:
    """Move the run file to where Freak 0.1.0 had it, and a page beside it; return the new path."""
    folder = RunFolder(run_id)
    old = folder.path.with_suffix(".json")
    folder.run_file.rename(old)
    old.with_suffix(".html").write_text("a link with a token")
    return old


def memory(run_id: str) -> set[str]:
    """Return the files that stay of a run besides its journal."""
    return {f"runs/{run_id}/{name}.json" for name in ("summary", "config", "state")}


def test_a_run_is_a_folder_of_which_all_but_the_token_stays(served: Serve, home: Path) -> None:
    program = served(name="brief")
    folder = f"runs/{program.id}"
    assert {f"{folder}/run.json", f"{folder}/journal.jsonl"} <= files(home)
    recorded(program).stop()
    assert files(home) == {f"{folder}/journal.jsonl"} | memory(program.id)
    assert [run["id"] for run in freak("ls", "-a", "--json").json] == [program.id]


def test_a_journal_of_your_own_stays_where_you_put_it(served: Serve, home: Path, tmp_path: Path) -> None:
    program = served(journal=tmp_path / "mine.jsonl")
    assert files(home) - memory(program.id) == {f"runs/{program.id}/run.json"}
    recorded(program).stop()
    assert files(home) == memory(program.id)
    assert (tmp_path / "mine.jsonl").exists()


def test_an_app_of_your_own_with_a_journal_of_your_own_leaves_no_folder(home: Path, tmp_path: Path) -> None:
    with Freak(journal=tmp_path / "mine.jsonl").control(described("any"), serve=False):
        assert not home.exists()


def test_no_token_of_a_killed_program_stays(home: Path) -> None:
    code = (
        "import sys, freak_core, pydantic\n"
        "class S(pydantic.BaseModel): x: int = 1\n"
        "freak = freak_core.control(S(), port=0, name='killed')\n"
        "print(freak.id, freak.token, flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        run_id, token = program.stdout.readline().split()
        (run,) = list_runs()
        redirect_page(run, run.link)
        (RunFolder(run_id).path / ".half.tmp").write_text(token)  # it is killed as it writes its run file
        program.send_signal(signal.SIGKILL)
        program.wait(30)
    assert freak("ls", "-q").out == ""
    eventually(lambda: not (RunFolder(run_id).path / ".half.tmp").exists())
    assert files(home) - memory(run_id) == {f"runs/{run_id}/journal.jsonl"}
    assert not [path for path in home.rglob("*") if path.is_file() and token in path.read_text()]
    assert freak("ls", "-a", "--json").json[0]["state"] == "lost"


def test_a_live_run_of_0_1_0_is_found_and_reached(served: Serve, home: Path) -> None:
    program = served(name="old")
    old = as_0_1_0_wrote_it(program.id)
    with Client.find("old") as client:
        assert client.run()["id"] == program.id
    assert freak("ls", "-q").out == f"{program.id}\n"
    assert old.exists()


def test_a_run_file_of_0_1_0_with_fewer_facts_is_read(home: Path) -> None:
    (home / "runs").mkdir(parents=True)
    facts = {"id": "a", "name": "a", "url": "http://127.0.0.1:1", "token": "t", "host": "gpu7", "pid": 1}
    (home / "runs" / "a.json").write_text(json.dumps({**facts, "started_at": "2026-01-01T00:00:00Z"}))
    assert [run.id for run in list_runs()] == ["a"]


def test_the_files_of_an_ended_run_of_0_1_0_are_removed_and_its_journal_is_listed(
    served: Serve, home: Path
) -> None:
    program = recorded(served(name="old"))
    program.stop()
    publish(described(program.id, name="old", pid=NO_SUCH_PROCESS))
    as_0_1_0_wrote_it(program.id)
    assert freak("ls", "-q").out == ""
    assert files(home) == {f"runs/{program.id}/journal.jsonl"} | memory(program.id)
    assert [run["id"] for run in freak("ls", "-a", "--json").json] == [program.id]
    assert freak("log", "old").code == 0


@pytest.mark.parametrize("old", [False, True])
def test_a_page_that_leads_to_a_run_of_another_home_does_not_stay(home: Path, old: bool) -> None:
    page = redirect_page(described("far"), "http://127.0.0.1:4500/#token=t")
    if old:
        page = page.rename(home / "runs" / "far.html")
    list_runs()
    assert page.exists()  # a browser is about to read it
    silent(page, SILENCE + 30)
    list_runs()
    assert not page.exists()


def test_an_id_that_a_server_made_up_leads_nowhere_else(home: Path) -> None:
    page = redirect_page(described("../../elsewhere"), "http://127.0.0.1:4500/#token=t")
    assert page.parent.parent == home / "runs"
    assert list((home / "runs").iterdir()) == [page.parent]
