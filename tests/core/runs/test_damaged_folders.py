"""Any damage to any file of an ended run: every command answers in time, and never for another run."""

import contextlib
import gzip
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freak_core import Client, Freak, NotFound, Refused
from freak_core.cli.exit_codes import ExitCode
from freak_core.runs.metric_parts import Damage
from freak_core.runs.overview import read_overview
from freak_core.runs.run_folder import RunFolder
from freak_core.runs.stored_runs import BROKEN, stored_runs
from tests.core.cli.shell import Ran, freak
from tests.core.runs.places import recorded
from tests.core.steered import Steered
from tests.faults.looking_back import READING, ask_client
from tests.pairs import diagonal, grid
from tests.soak import SOAK

EXAMPLES = 1000 if SOAK else 20
DEADLINE = 30
"""Seconds that all commands together have after one damage."""

NAMES = (
    *("summary.json", "config.json", "state.json", "journal.jsonl"),
    *("metrics-0001.jsonl.gz", "overview.jsonl.gz"),
)
MARK = "of-the-neighbour"
"""In every file of the other run."""

ANSWERS = {ExitCode.DONE, ExitCode.FAILED, ExitCode.NO_RUN, ExitCode.REFUSED}


Draw = Callable[[st.SearchStrategy[Any]], Any]


class Runs(NamedTuple):
    """Two ended runs in a home that is copied for each example."""

    home: Path
    hurt: str
    other: str


def leave_a_run(name: str, text: str) -> str:
    """Leave the folder of a run that has ended; return its id."""
    program = Freak(port=0, name=name).control(Steered(name=text))
    recorded(program)
    with Client(program.link) as client:
        client.set({"head.lr": 0.5}, note=text, wait=10)
    for step in (1, 2, 3, 2):
        program.publish(step=step, epoch=1, **{f"loss-{text}": step / 10})
    program.phase("training", text=text)
    program.stop()
    folder = RunFolder(program.id).path
    read_overview(folder, None, Damage()).write(folder)  # a run with so few points has none
    return program.id


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("damage") / "home"
        patch.setenv("FREAK_HOME", str(home))
        yield Runs(home, leave_a_run("hurt", "mine"), leave_a_run("neighbour", MARK))


@contextlib.contextmanager
def in_time(seconds: int) -> Iterator[None]:
    """Fail where the block takes longer, also if it hangs in a system call."""

    def fail(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"it took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# -- damage ---------------------------------------------------------------------------------------------


def cut(path: Path, data: bytes, draw: Draw) -> None:
    path.write_bytes(data[: draw(st.integers(0, len(data)))])


def flip(path: Path, data: bytes, draw: Draw) -> None:
    flipped = bytearray(data)
    for place in draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=5)):
        flipped[place] ^= draw(st.integers(1, 255))
    path.write_bytes(flipped)


def insert(path: Path, data: bytes, draw: Draw) -> None:
    place = draw(st.integers(0, len(data)))
    path.write_bytes(data[:place] + draw(st.binary(min_size=1, max_size=50)) + data[place:])


def double(path: Path, data: bytes, _: Draw) -> None:
    path.write_bytes(data * 2)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**53, -(2**63), 10**400, -1, 0])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "\0", "../..", "/", "\ud800", "x" * 5000, "9999-99-99", "finished", "training"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=5,
)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def another_value(path: Path, data: bytes, draw: Draw) -> None:
    """Put any JSON in the place of a value that the file has, or leave it out."""
    packed = path.suffix == ".gz"
    lines = (gzip.decompress(data) if packed else data).splitlines()
    number = draw(st.integers(0, len(lines) - 1))
    told = json.loads(lines[number])
    *parents, last = draw(st.sampled_from(list(places(told))))
    inside = told
    for key in parents:
        inside = inside[key]
    if draw(st.booleans()):
        inside[last] = draw(JSON)
    else:
        del inside[last]
    lines[number] = json.dumps(told).encode()
    text = b"\n".join(lines) + b"\n"
    path.write_bytes(gzip.compress(text) if packed else text)


def any_json(path: Path, _: bytes, draw: Draw) -> None:
    text = json.dumps(draw(JSON)).encode() + b"\n"
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def other_run(path: Path) -> Path:
    """Return the same file of the other run."""
    (others,) = (each for each in path.parent.parent.iterdir() if each != path.parent)
    return others / path.name


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return what puts something else in the place of a file."""

    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


def of_the_other(path: Path) -> None:
    """Copy what says whose it is from the other run."""
    if path.name in ("summary.json", "journal.jsonl"):
        shutil.copy(other_run(path), path)


PLACES: dict[str, Callable[[Path], object]] = {
    "nothing in it": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "a folder": replaced(Path.mkdir),
    "a pipe": replaced(os.mkfifo),
    "a link to the other run": replaced(lambda path: path.symlink_to(other_run(path))),
    "a link to itself": replaced(lambda path: path.symlink_to(path)),
    "a link to nothing": replaced(lambda path: path.symlink_to("none")),
    "a link to a device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "a copy from the other run": of_the_other,
    "huge": lambda path: os.truncate(path, 300 << 20),
    "of another user": lambda path: os.chown(path, 65534, 65534) if os.geteuid() == 0 else None,
    "open to all": lambda path: path.chmod(0o666),
    "closed to all": lambda path: path.chmod(0),
}
CONTENTS: tuple[Callable[[Path, bytes, Draw], object], ...] = (
    cut,
    flip,
    insert,
    double,
    another_value,
    any_json,
)


def damage(folder: Path, draw: Draw) -> None:
    """Damage one or two files of a folder."""
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)):
        path = folder / name
        if draw(st.integers(0, 3)):
            draw(st.sampled_from(CONTENTS))(path, path.read_bytes(), draw)
        else:
            PLACES[draw(st.sampled_from([*PLACES]))](path)


# -- what holds -----------------------------------------------------------------------------------------


def assert_every_reader_answers(runs: Runs) -> None:
    listed = {Path(each["folder"]).name: each for each in freak("ls", "-a", "--json").json}
    assert listed.keys() == {runs.hurt, runs.other}
    assert listed[runs.other]["state"] == "finished"
    row = listed[runs.hurt]
    assert row["state"] != BROKEN or row["error"]
    said = freak("ls", "-a").err
    (run,) = (each for each in stored_runs() if each.path.name == runs.hurt)
    assert run.phase == BROKEN or run.unreadable in said
    assert run.phase == BROKEN or run.summary is not None or run.facts()["missing"]
    for command in READING:
        ran = Ran(tuple(word.format(run=runs.hurt) for word in command), None)
        assert ran.code in ANSWERS, (command, ran.code, ran.err)
        if command[0] not in ("ls", "prune"):
            assert MARK not in ran.out + ran.err, command
        if row["state"] == BROKEN and "{run}" in command:
            assert ran.code == ExitCode.NO_RUN, (command, ran.out)
    if run.phase == BROKEN:
        with pytest.raises(NotFound):
            Client.find(runs.hurt, ended=True)
    else:
        told = ask_client(runs.hurt)
        assert told["run"]["id"] == runs.hurt
        assert MARK not in str({name: each for name, each in told.items() if not isinstance(each, Refused)})


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_any_damage_to_a_folder_is_answered_in_time_and_never_with_another_run(
    runs: Runs, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        home = Path(place) / "home"
        shutil.copytree(runs.home, home)
        patch.setenv("FREAK_HOME", str(home))
        damage(home / "runs" / runs.hurt, data.draw)
        with in_time(DEADLINE):
            assert_every_reader_answers(runs)


@pytest.mark.parametrize(("name", "place"), grid(NAMES, list(PLACES), few=diagonal(NAMES, list(PLACES))))
def test_whatever_is_in_the_place_of_a_file_each_command_answers(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, place: str
) -> None:
    shutil.copytree(runs.home, tmp_path / "home")
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    PLACES[place](tmp_path / "home" / "runs" / runs.hurt / name)
    with in_time(DEADLINE):
        assert_every_reader_answers(runs)


@pytest.mark.parametrize(
    ("name", "command"), [("state.json", ("get", "--run")), ("config.json", ("describe", "--run"))]
)
def test_a_value_that_was_changed_on_disk_is_not_shown(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, command: tuple[str, ...]
) -> None:
    shutil.copytree(runs.home, tmp_path / "home")
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    path = tmp_path / "home" / "runs" / runs.hurt / name
    whole = path.read_text()
    assert freak(*command, runs.hurt).out
    for changed in (whole.replace("mine", "many"), whole.replace('"crc32"', '"crc64"')):
        path.write_text(changed)
        assert "checksum" in freak(*command, runs.hurt, code=ExitCode.REFUSED).err


def test_a_copy_of_a_folder_is_exported_with_its_segments(runs: Runs, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs.home / "runs" / runs.hurt, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_HOME", str(tmp_path / "another home"))
        rows = freak("export", copy.as_uri()).out.splitlines()
    assert [row.split(",")[1:3] for row in rows[1:]] == [["0", "1"], ["0", "2"], ["0", "3"], ["1", "2"]]
