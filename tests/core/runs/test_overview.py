"""The overview of a run's metrics: what the curves of a long run are read from."""

import gzip
import itertools
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from freak_core.runs.metric_parts import Batch, Damage, MetricParts, parts
from freak_core.runs.overview import FEW, KEEP, Overview, read_overview
from freak_core.runs.pruning import delete
from freak_core.runs.run_folder import OVERVIEW, RunFolder
from freak_core.runs.stored_runs import open_run
from freak_core.runs.stored_series import Range, stored_series
from tests.core.conftest import Serve
from tests.core.runs.places import recorded
from tests.core.ui.folders import leave_points, leave_run
from tests.waiting import eventually

MANY = 30_000
NAMES = ["loss", 'odd "name", Ü']


def last_steps(folder: Path, names: set[str] | None = None) -> dict[str, float]:
    overview = read_overview(folder, names, Damage())
    return {name: kept.points.step[-1] for name, kept in overview.metrics.items()}


@pytest.fixture
def folder(home: Path) -> Path:
    """The folder of a run with an overview."""
    folder = leave_run(1, NAMES).path
    leave_points(folder, NAMES, MANY, lambda step: step / MANY)
    return folder


def test_a_long_run_leaves_one_and_a_short_run_none(served: Serve) -> None:
    short, long = recorded(served(name="short")), recorded(served(name="long"))
    short.publish(step=1, loss=0.5)
    metrics = [f"m{i}" for i in range(50)]
    for step in range(FEW // 50 + 10):
        long.log(dict.fromkeys(metrics, float(step)), step=step)
    last = FEW // 50 + 9
    eventually(lambda: last_steps(RunFolder(long.id).path, {"m0"}).get("m0") == last)
    short.stop()
    long.stop()
    assert not (RunFolder(short.id).path / OVERVIEW).exists()
    path = RunFolder(long.id).path / OVERVIEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for part in parts(path.parent):
        part.unlink()
    assert last_steps(path.parent) == dict.fromkeys(metrics, last)


def test_it_is_limited_and_even_and_has_the_ends(folder: Path) -> None:
    kept = read_overview(folder, None, Damage()).metrics[NAMES[0]]
    assert (kept.told, kept.thinned) == (MANY, True)
    assert KEEP / 4 < len(kept.points) <= KEEP
    steps = list(kept.points.step)
    assert (steps[0], steps[-1], steps) == (0, MANY - 1, sorted(steps))
    assert max(b - a for a, b in itertools.pairwise(steps)) < 200


def test_it_is_read_in_place_of_the_parts_and_only_what_is_wanted(folder: Path) -> None:
    damage = Damage()
    for part in parts(folder):
        part.write_bytes(b"x" * part.stat().st_size)  # of the same size: nothing came later
    assert last_steps(folder, {NAMES[1]}) == {NAMES[1]: MANY - 1}
    assert set(read_overview(folder, None, damage).metrics) == set(NAMES)
    assert damage.unreadable == []


def test_what_came_later_is_read_from_the_parts(folder: Path) -> None:
    later = Batch(MANY + 1, 1, NAMES, [5.0], [1.8e9], [[1.0], [None]])
    MetricParts(folder).append([later.line()])
    assert last_steps(folder) == dict.fromkeys(NAMES, 5.0)
    whole = stored_series(folder, read_overview(folder, None, Damage()), Range(), 100, Damage())
    assert list(whole["loss"].segment)[-2:] == [0, 1]
    assert len(whole["loss"]) <= 100


def broken() -> dict[str, Callable[[Path], object]]:
    def pipe(path: Path) -> None:
        path.unlink()
        os.mkfifo(path)

    def link(path: Path) -> None:
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")

    return {
        "torn": lambda path: path.write_bytes(path.read_bytes()[:-30]),
        "no gzip": lambda path: path.write_bytes(b"{}"),
        "no JSON": lambda path: path.write_bytes(gzip.compress(b"{")),
        "no header": lambda path: path.write_bytes(gzip.compress(b"[1]")),
        "other columns": lambda path: path.write_bytes(
            gzip.compress(b'{"seq": 1}\n{"name": "loss", "told": 9, "ordinal": [1], "segment": []}')
        ),
        "uneven columns": lambda path: path.write_bytes(
            gzip.compress(
                b'{"seq": 1}\n{"name": "loss", "told": 9, "ordinal": [1], "segment": [0], "step": [], '
                b'"at": [1], "value": [1]}'
            )
        ),
        "a bomb": lambda path: path.write_bytes(gzip.compress(b" " * (200 << 20), 1)),
        "others may write": lambda path: path.chmod(0o666),
        "a pipe": pipe,
        "a link": link,
    }


@pytest.mark.parametrize("how", broken())
def test_whatever_is_in_its_place_the_parts_are_read(folder: Path, how: str) -> None:
    broken()[how](folder / OVERVIEW)
    assert last_steps(folder) == dict.fromkeys(NAMES, MANY - 1)


def test_steps_that_a_run_took_again_are_all_in_a_closer_look(home: Path) -> None:
    folder = leave_run(2).path
    written, overview, at = MetricParts(folder), Overview(), 1e9
    for segment in range(3):
        for start in range(0, MANY, 1000):
            steps = [float(step) for step in range(start, start + 1000)]
            times = [at + i for i in range(1000)]
            at += 1000
            batch = Batch(int(at), segment, ["loss"], [*steps], times, [[*steps]])
            written.append([batch.line()])
            overview.add(batch)
    written.close()
    overview.write(folder)
    closer = Range("step", 14_999, 15_099)
    found = stored_series(folder, read_overview(folder, None, Damage()), closer, 1000, Damage())["loss"]
    assert [(s, n) for s, n, _, _ in found.rows()] == [
        (s, n) for s in range(3) for n in range(15_000, 15_100)
    ]
    times = Range("time", 1e9 + 100, 1e9 + 200)
    found = stored_series(folder, read_overview(folder, None, Damage()), times, 1000, Damage())["loss"]
    assert list(found.step) == list(range(101, 201))


def test_it_is_deleted_with_the_run(folder: Path) -> None:
    run = open_run(folder)
    assert run is not None
    assert delete(run) == []
    assert not folder.exists()


def test_a_recorder_that_follows_another_one_goes_on_with_it(served: Serve) -> None:
    program = recorded(served(name="again"))
    folder = RunFolder(program.id).path
    for step in range(FEW + 100):
        program.log({"loss": float(step)}, step=step)
    eventually(lambda: last_steps(folder).get("loss") == FEW + 99, within=60)
    killed = program.server_pid
    assert killed is not None
    os.kill(killed, 9)
    eventually(lambda: program.server_pid not in (None, killed), within=60)
    program.log({"loss": 0.5}, step=FEW + 200)
    eventually(lambda: last_steps(folder).get("loss") == FEW + 200, within=60)
    program.stop()
    for part in parts(folder):
        part.unlink()
    kept = read_overview(folder, None, Damage()).metrics["loss"]
    assert (kept.points.step[0], kept.points.step[-1]) == (0, FEW + 200)
    assert kept.told == FEW + 101
