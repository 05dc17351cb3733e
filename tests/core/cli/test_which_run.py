"""How a command finds its run, and the link, tunnel and token of the run."""

import shlex
import stat
from pathlib import Path

import pytest

from freak_core import Freak
from freak_core.cli.commands.reach import redirect_page
from freak_core.runs.run_file import new_run, publish
from tests.core.cli.shell import freak
from tests.core.cli.test_terminal import on_a_terminal
from tests.core.conftest import Serve


def test_a_run_goes_by_name_id_beginning_and_url(program: Freak, monkeypatch: pytest.MonkeyPatch) -> None:
    port = program.url.rpartition(":")[2]
    for run in ("prog", program.id, program.id[:5], "pro", program.link, program.url, f"localhost:{port}"):
        assert freak("get", "mode", "-r", run).out == "slow\n"
        assert freak("info", run, "--json").json["id"] == program.id
    monkeypatch.setenv("FREAK_RUN", "nobody")
    freak("get", code=3)
    freak("get", "-r", "prog")


def test_two_runs_on_one_line_make_no_sense(program: Freak, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("info", "open", "stop", "watch"):
        assert "--run" in freak(command, "prog", "-r", "other", code=2).err
        assert "--run" in freak(command, "-r", "prog", "other", "--json", code=2).json["detail"]
    monkeypatch.setenv("FREAK_RUN", "other")  # for the whole shell: an argument goes first
    freak("info", "prog")


def test_an_ambiguous_run_is_an_error_that_lists_them(served: Serve) -> None:
    one, two = served(name="twin"), served(name="twin")
    for arguments in (("get",), ("get", "-r", "twin"), ("stop",)):
        error = freak(*arguments, code=3).err
        assert one.id in error
        assert two.id in error
        assert "--run" in error
    assert sorted(freak("ls", "-q").out.split()) == sorted([one.id, two.id])
    freak("get", "-r", one.id)


def test_an_exact_name_elsewhere_is_stronger_than_a_beginning_here(served: Serve) -> None:
    here = served(name="exp-2")
    far = new_run("far", "exp", "http://127.0.0.1:4500", "the-token", None)
    publish(far.model_copy(update={"host": "gpu7"}))
    error = freak("set", "epochs=20", "-r", "exp", code=3).err
    assert "gpu7" in error
    assert here.store.model.epochs == 10  # type: ignore[attr-defined]
    freak("set", "epochs=20", "-r", "exp-")
    assert "gpu7" in freak("open", "exp").err


def test_a_run_here_is_not_implied_where_another_lives_elsewhere(served: Serve) -> None:
    here = served(name="twin")
    far = new_run("far", "twin", "http://127.0.0.1:4500", "the-token", None)
    publish(far.model_copy(update={"host": "gpu7"}))
    for arguments in ((), ("-r", "twin"), ("-r", "tw")):
        error = freak("get", *arguments, code=3).err
        assert "more than one live run" in error
        assert here.id in error
        assert "(far)" in error
    freak("get", "-r", here.id)


def test_how_to_reach_a_run_of_another_machine(home: Path) -> None:
    here = new_run("far", "vit large", "http://127.0.0.1:4500", "the-token", None, "read")
    publish(here.model_copy(update={"host": "gpu7"}))
    error = freak("get", code=3).err
    assert "ssh -N -L 4500:127.0.0.1:4500" in error
    assert "the-token" not in error
    assert freak("tunnel", "--port", "5000").out.endswith("@gpu7\n")
    assert freak("open").out == "http://127.0.0.1:4500/#token=the-token\n"
    assert (
        freak("open", "vit", "--port", "5000", "--json").json["link"]
        == "http://127.0.0.1:5000/#token=the-token"
    )
    assert "gpu7" in freak("open", "far").err
    (listed,) = freak("ls", "--json").json
    assert (listed["host"], listed["state"], listed["near"]) == ("gpu7", "alive", False)


def test_the_link_and_the_tokens_are_printed(program: Freak) -> None:
    assert freak("open").out == f"{program.link}\n"
    assert freak("open", "--read-only").out == f"{program.url}/#token={program.read_token}\n"
    assert freak("token", "prog").out == f"{program.token}\n"
    assert freak("token", "--read-only", "--json").json == {"token": program.read_token}
    assert freak("token", "-r", program.link).out == f"{program.token}\n"
    port = program.url.rpartition(":")[2]
    line = freak("tunnel").out
    assert line.startswith(f"ssh -N -L {port}:127.0.0.1:{port} ")
    assert freak("tunnel", "--json").json["tunnel"] + "\n" == line


def test_the_browser_is_given_a_page_that_leads_on_and_no_token(
    served: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = served()
    seen = tmp_path / "seen"
    monkeypatch.setenv("BROWSER", f"sh -c {shlex.quote(f'echo $0 >> {seen}')} %s")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    assert program.link in on_a_terminal("open")
    page = Path(seen.read_text().strip().removeprefix("file://"))
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert f'content="0; url={program.link}"' in page.read_text()
    on_a_terminal("open", "--read-only")
    assert program.token not in page.read_text()
    assert program.read_token in page.read_text()
    assert program.token not in seen.read_text()
    on_a_terminal("open", "--print")
    assert len(seen.read_text().splitlines()) == 2
    program.stop()
    assert not page.exists()


def test_the_page_of_a_killed_run_goes_with_its_file(home: Path) -> None:
    run = new_run("far", "far", "http://127.0.0.1:4500", "the-token", None)
    publish(run)
    page = redirect_page(run, "http://127.0.0.1:4500/#token=the-token")
    publish(run.model_copy(update={"pid": 2**22 + 1}))  # no such process
    freak("ls")
    assert not page.exists()
