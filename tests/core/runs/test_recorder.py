"""What stays of a run: metrics, final state, ending and checkpoints, written by its server."""

import errno
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from freak_core import Freak
from freak_core.messages.protocol import Event, Hello
from freak_core.runs.journal_reader import ending_in
from freak_core.runs.metric_parts import Damage, MetricParts, parts, read_points
from freak_core.runs.run_folder import SUMMARY
from freak_core.runs.stored_runs import StoredRun, open_run, stored_runs
from freak_core.server.mirror import recorder as recording
from freak_core.server.mirror.mirror import Mirror
from freak_core.server.mirror.recorder import Recorder
from tests.core.cli.shell import freak
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
from tests.core.steered import Steered
from tests.waiting import eventually


def folder(program: Freak) -> Path:
    assert program.folder is not None
    return program.folder


def stored(program: Freak) -> StoredRun:
    run = open_run(folder(program))
    assert run is not None
    return run


def points(program: Freak, name: str = "loss") -> list[tuple[int, float | None, float | None]]:
    """Return segment, step and value of each point in the folder."""
    run = open_run(folder(program))
    found = run.points([name])[0] if run else {}
    return [(segment, step, value) for segment, step, _, value in found[name].rows()] if name in found else []


RESTARTED = "the server process was started again: points {} missing"


def save(where: str = "") -> dict[str, Any]:
    """Save a checkpoint."""
    return {"path": f"/checkpoints/{where}.ckpt"}


@pytest.mark.parametrize("embedded", [False, True])
def test_the_folder_has_what_happened(served: Serve, embedded: bool) -> None:
    program = Freak(FastAPI() if embedded else None, port=0, name="told")
    program.action(save, name="checkpoint")
    with program:
        program.control(Steered(password=SecretStr("hush")), serve=True)
        recorded(program)
        if not embedded:
            freak("set", "head.lr=0.5", "password=sesame", "--note", "why")
            freak("call", "checkpoint", "where=best")
        for step in (1, 2, 3, 2):
            program.publish(step=step, epoch=7, loss=step / 10, odd=float("nan"))
        program.stop(RuntimeError("it broke"))
    run = stored(program)
    assert points(program) == [(0, 1, 0.1), (0, 2, 0.2), (0, 3, 0.3), (1, 2, 0.2)]
    assert {value for *_, value in points(program, "odd")} == {None}
    assert (run.phase, run.error) == ("failed", "RuntimeError: it broke")
    facts = run.facts()
    assert (facts["step"], facts["epoch"], facts["name"]) == (2, 7, "told")
    assert run.summary is not None
    assert run.summary.segments == 2
    assert run.config()["value"]["head"]["lr"] == 0.1
    assert "properties" in run.config()["schema"]
    if not embedded:
        assert run.state()[1]["head"]["lr"] == 0.5
        assert [(each.path, each.seq) for each in run.summary.checkpoints] == [("/checkpoints/best.ckpt", 2)]
        assert [receipt.note for receipt in run.receipts()] == ["why", None]
    assert freak("info", "told", "--json").json["checkpoints"] == [
        each.path for each in run.summary.checkpoints
    ]
    for path in folder(program).iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not any(secret in path.read_bytes() for secret in (b"hush", b"sesame", program.token.encode()))
    assert stat.S_IMODE(folder(program).stat().st_mode) == 0o700


def test_nothing_is_kept_where_the_environment_says_so(
    served: Serve, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("FREAK_HISTORY", "0")
    program = served(name="private")
    program.publish(step=1, loss=0.5)
    freak("set", "epochs=20")
    program.stop()
    assert [path.name for path in (home / "runs" / program.id).iterdir()] == ["journal.jsonl"]
    assert freak("ls", "-a", "--json").json[0]["state"] == "finished"
    assert "no config.json" not in freak("info", "private").err
    assert "no state.json" in freak("get", "-r", "private", code=4).err


def test_an_app_of_your_own_with_a_journal_of_your_own_has_a_folder_too(home: Path, tmp_path: Path) -> None:
    program = Freak(FastAPI(), journal=tmp_path / "mine.jsonl", name="app").control(Steered())
    program.publish(step=1, loss=0.5)
    program.stop()
    assert points(program) == [(0, 1, 0.5)]
    assert stored(program).journal == tmp_path / "mine.jsonl"
    assert not (home / "runs" / program.id / "run.json").exists()


def test_no_point_is_missing_after_a_server_was_killed(served: Serve) -> None:
    program = served(name="healed")
    program.publish(step=1, loss=1.0)
    eventually(lambda: points(program))
    killed = program.server_pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    for step in (2, 3):
        program.publish(step=step, loss=float(step))
    eventually(lambda: program.server_pid not in (None, killed))
    program.publish(step=4, loss=4.0)
    eventually(lambda: len(points(program)) == 4)
    program.stop()
    assert points(program) == [(0, step, float(step)) for step in (1, 2, 3, 4)]
    assert len(parts(folder(program))) == 2
    summary = stored(program).summary
    assert summary is not None
    assert [each["why"] for each in summary.missing] == [RESTARTED.format("may be")]
    assert "may be missing" in freak("export", "healed").err


def test_the_folder_says_what_the_next_server_was_not_told(served: Serve) -> None:
    program = served(name="gap")
    program.publish(step=1, loss=1.0)
    eventually(lambda: points(program))
    killed = program.server_pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    for step in range(2, 9002):  # more than the program remembers while the next one starts
        program.log({"loss": 1.0}, step=step)
        if step % 500 == 0:
            time.sleep(0.02)
    eventually(lambda: points(program)[-1][1] == 9001, within=60)
    program.stop()
    lost = 9001 - len(points(program))  # none, if the next server was there soon
    _, damage = stored(program).points()
    assert damage.missing[-1]["why"] == RESTARTED.format("are" if lost else "may be")
    assert "missing" in freak("export", "gap").err


def point(seq: int, **values: float) -> Event:
    """Return what a program tells of a point; its step is its first value."""
    (step, *_) = values.values()
    data = {"step": step, "at": 1.0, "values": values}
    return {"type": "event", "event": "metrics", "data": data, "seq": seq}


def recorder_for(place: Path, first: Event) -> Recorder:
    """Return the recorder of a new server that the program has told of one point."""
    told: dict[str, Any] = dict.fromkeys(("token", "read_token", "prefix", "host", "docs_url"), "")
    told |= {"schema": {}, "actions": {}, "revision": 0, "value": {}, "receipts": [], "history": []}
    told |= {"type": "hello", "boot": "x", "run": {"name": "late"}, "events": [first]}
    hello = cast(Hello, told | {"floor": first["seq"] - 1})
    mirror = Mirror(lambda _: None)
    mirror.receive(hello)
    recorder = Recorder(mirror, hello, place)
    recorder.start()
    return recorder


def test_the_first_server_too_says_what_it_was_not_told(tmp_path: Path) -> None:
    """A server that was killed before it wrote a part has a next one that knows no part."""
    recorder_for(tmp_path, point(7, a=7.0)).close(10)
    damage = Damage()
    assert [row[1] for row in read_points(tmp_path, None, damage)["a"].rows()] == [7]
    (missing,) = damage.missing
    assert (missing["events"], missing["why"]) == (6, "the server process came late: points are missing")


def test_servers_that_are_killed_before_they_write_a_summary_leave_their_points_to_the_next(
    tmp_path: Path,
) -> None:
    for seq, values in enumerate(({"a": 100.0}, {"b": 101.0}, {"a": 50.0}), 1):
        recorder_for(tmp_path, point(seq, **values)).close(10)
        (tmp_path / SUMMARY).unlink()
    assert [row[:2] for row in read_points(tmp_path, {"a"}, Damage())["a"].rows()] == [(0, 100), (1, 50)]


def test_what_memory_cannot_hold_while_the_disk_is_full_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for 4,000 values; tests/faults/test_full_disk.py has the million, which takes a minute."""
    monkeypatch.setattr(recording, "ROOM_WITHOUT_DISK", 4000)
    monkeypatch.setattr(recording, "INTERVAL", 0.01)
    append, full, tries = MetricParts.append, threading.Event(), list[int]()

    def append_unless_full(self: MetricParts, lines: Sequence[Mapping[str, object]]) -> None:
        if full.is_set():
            tries.append(len(lines))
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, lines)

    monkeypatch.setattr(MetricParts, "append", append_unless_full)
    full.set()
    recorder = recorder_for(tmp_path, point(1, a=1.0, b=1.0))
    for seq in range(2, 5001):
        recorder.receive(point(seq, a=float(seq), b=1.0))
        if seq % 500 == 0:
            before = len(tries)
            eventually(lambda before=before: len(tries) > before + 1)
    full.clear()
    recorder.close(10)
    damage = Damage()
    steps = list(read_points(tmp_path, {"a"}, damage)["a"].step)
    (missing,) = damage.missing
    assert missing["why"] == "the disk did not take them"
    assert steps == [float(step) for step in range(5001 - len(steps), 5001)]
    assert len(steps) * 2 + cast(int, missing["points"]) == 10_000
    assert 500 <= len(steps) < 2000


def test_a_folder_in_the_place_of_a_part_is_no_obstacle(served: Serve) -> None:
    program = recorded(served(name="odd"))
    (folder(program) / "metrics-9999.jsonl.gz").mkdir()
    program.publish(step=1, loss=1.0)
    program.stop()
    assert points(program) == [(0, 1, 1.0)]


BROKEN: list[Callable[[Path], object]] = [
    os.mkfifo,
    Path.mkdir,
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.write_text(""),
    lambda path: path.write_text("[" * 100_000),
    lambda path: path.write_text('{"id": 1}'),
    lambda path: path.write_text('{"value": NaN, "schema": [NaN], "actions": 1e999, "x": "\\ud800"}'),
    lambda path: path.write_text('{"facts": ' + "9" * 5000 + "}"),
    lambda path: path.write_bytes(b"\xff" * 100),
    lambda path: path.write_bytes(b" " * (2 << 20)),
]


@pytest.mark.parametrize("name", ["summary.json", "config.json", "state.json", "journal.jsonl"])
def test_a_broken_file_of_an_ended_run_breaks_no_command(served: Serve, name: str) -> None:
    program = served(name="odd")
    recorded(program).publish(step=1, loss=1.0)
    program.stop()
    path = folder(program) / name
    whole = path.read_bytes()
    for make in BROKEN:
        path.unlink()
        make(path)
        (run,) = stored_runs()
        assert run.phase in ("finished", "lost")
        for command in (["ls", "-a"], ["info", "odd"], ["metrics", "-r", "odd"], ["export", "odd"]):
            freak(*command)
        for command in (["get", "-r", "odd"], ["log", "odd"], ["describe", "-r", "odd"]):
            try:
                freak(*command)
            except AssertionError as refused:
                assert str(refused).startswith("exit 4")  # noqa: PT017
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        path.write_bytes(whole)


def test_of_a_journal_that_two_runs_share_each_has_its_own_part(served: Serve, tmp_path: Path) -> None:
    ids = []
    for name, error in (("first", RuntimeError("it broke")), ("second", None)):
        program = recorded(served(name=name, journal=tmp_path / "shared.jsonl"))
        freak("set", "epochs=20", "--note", f"of {name}")
        program.stop(error)
        ids.append(program.id)
    for name, other in (("first", "second"), ("second", "first")):
        told = freak("log", name).out
        assert f"of {name}" in told
        assert f"of {other}" not in told
    ends = [ending_in(tmp_path / "shared.jsonl", run_id, shared=True) for run_id in (*ids, "none")]
    assert [end and end["phase"] for end in ends] == ["failed", "finished", None]
    both = freak("log", "--journal", str(tmp_path / "shared.jsonl")).out
    assert "of first" in both
    assert "of second" in both


def test_a_folder_that_others_can_write_is_not_believed(served: Serve) -> None:
    program = served(name="open")
    recorded(program).stop()
    folder(program).chmod(0o777)
    (run,) = stored_runs()
    assert (run.phase, run.unreadable) == ("broken", "other users can write into this folder")
    freak("info", "open", code=3)


def test_a_link_to_the_folder_of_a_run_is_no_run(served: Serve, home: Path, tmp_path: Path) -> None:
    program = served(name="moved")
    program.stop()
    folder(program).rename(tmp_path / "elsewhere")
    (home / "runs" / program.id).symlink_to(tmp_path / "elsewhere")
    assert stored_runs() == []
