"""The metrics of a run on disk: what was written is read, whatever happened to the file."""

import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freak_core.runs.metric_parts import LARGEST_PART, Batch, Damage, MetricParts, parts, read_points


def line(step: int, segment: int = 0, **values: float | None) -> dict[str, Any]:
    """Return a line with one point of each metric."""
    return Batch(step, segment, list(values), [step], [float(step)], [[v] for v in values.values()]).line()


def written(folder: Path, count: int = 20) -> Path:
    """Write that many points of ``loss``, each by itself; return the only part."""
    writer = MetricParts(folder)
    for step in range(count):
        writer.append([line(step, loss=step / 7, acc=None)])
    (part,) = parts(folder)
    return part


def steps(folder: Path, damage: Damage | None = None, name: str = "loss") -> list[float | None]:
    found = read_points(folder, {name}, damage or Damage())
    return [row[1] for row in found[name].rows()] if name in found else []


def test_points_are_read_as_they_were_written_while_more_are_to_come(tmp_path: Path) -> None:
    writer = MetricParts(tmp_path)
    writer.append([line(0, loss=0.1), line(5, loss=1e300, acc=None)])
    damage = Damage()
    found = read_points(tmp_path, None, damage)
    assert list(found["loss"].rows()) == [(0, 0, 0.0, 0.1), (0, 5, 5.0, 1e300)]
    writer.append([line(3, 1, loss=-0.5)])
    assert list(read_points(tmp_path, None, damage)["loss"].rows())[2] == (1, 3, 3.0, -0.5)
    assert list(found["acc"].rows()) == [(0, 5, 5.0, None)]
    assert damage == Damage()
    assert parts(tmp_path)[0].stat().st_mode & 0o777 == 0o600
    writer.close()
    assert len(gzip.decompress(parts(tmp_path)[0].read_bytes()).splitlines()) == 3  # as zcat reads it


def test_a_part_that_is_cut_off_anywhere_loses_only_its_end(tmp_path: Path) -> None:
    part = written(tmp_path)
    whole, counts = part.read_bytes(), []
    for length in range(len(whole), -1, -1):
        part.write_bytes(whole[:length])
        damage = Damage()
        found = steps(tmp_path, damage)
        assert found == list(range(len(found)))
        assert not damage.unreadable
        counts.append(len(found))
    assert counts[0] == 20
    assert counts == sorted(counts, reverse=True)


def test_a_second_writer_begins_a_part_of_its_own(tmp_path: Path) -> None:
    part = written(tmp_path)
    part.write_bytes(part.read_bytes()[:-15])  # the first one was killed
    MetricParts(tmp_path).append([line(20, loss=1.0)])
    assert len(parts(tmp_path)) == 2
    assert steps(tmp_path) == [*range(19), 20]


def test_a_part_that_another_program_changes_or_removes_is_left_alone(tmp_path: Path) -> None:
    writer = MetricParts(tmp_path)
    for change in (lambda part: part.write_bytes(b"other"), Path.unlink):
        writer.append([line(1, loss=1.0)])
        change(parts(tmp_path)[-1])
        with pytest.raises(OSError, match=r"changed by another|No such file"):
            writer.append([line(2, loss=1.0)])
        writer.append([line(3, loss=1.0)])
        assert steps(tmp_path)[-1] == 3


def test_what_a_full_disk_takes_in_part_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = written(tmp_path, 3)
    writer = MetricParts(tmp_path)
    writer.append([line(3, loss=1.0)])
    real = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: real(descriptor, data[: len(data) // 2]))
    with pytest.raises(OSError, match="bytes were written"):
        writer.append([line(4, loss=1.0)])
    monkeypatch.undo()
    writer.append([line(4, loss=1.0)])
    damage = Damage()
    assert steps(tmp_path, damage) == [0, 1, 2, 3, 4]
    assert damage == Damage()
    assert part in parts(tmp_path)


def packed(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(gzip.compress(text.encode("utf-8", "surrogatepass")))  # type: ignore[return-value]


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LARGEST_PART + 1)


def bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(b"0" * (40 << 20)))


GOOD = json.dumps(line(1, loss=1.0))


HOSTILE: list[Callable[[Path], object]] = [
    os.mkfifo,
    Path.mkdir,
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.write_bytes(b"no gzip"),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(gzip.compress(b"x\n")[:-8] + b"\xff" * 100),
    sparse,
    bomb,
    packed("[" * 100_000 + "\n"),
    packed("9" * 5000 + "\n"),
    packed("null\n[]\n{}\n" + '{"missing": 3}\n' + '{"missing": {}}\n'),
    packed(GOOD.replace("[1.0]", '["x"]') + "\n"),
    packed(GOOD.replace("[1.0]", "[" + "9" * 400 + "]") + "\n"),
    packed(GOOD.replace("[1.0]", "1.0") + "\n"),
    packed(GOOD.replace('"segment": 0', '"segment": -1') + "\n"),
    packed(GOOD.replace('"segment": 0', '"segment": 1e99') + "\n"),
    packed(GOOD.replace('"step": [1]', '"step": [1, 2]') + "\n"),
    packed(GOOD.replace('"step": [1]', '"step": [[1]]') + "\n"),
    packed(GOOD.replace('["loss"]', "[7]") + "\n"),
    packed(GOOD.replace('["loss"]', '[["loss"]]') + "\n"),
]


@pytest.mark.parametrize("make", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_is_in_the_place_of_a_part_the_others_are_read(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    written(tmp_path, 3)
    make(tmp_path / "metrics-0002.jsonl.gz")
    part = tmp_path / "metrics-0003.jsonl.gz"
    part.write_bytes(gzip.compress(f"{GOOD}\n".replace('"loss"', '"more"').encode()))
    began = time.monotonic()
    found = read_points(tmp_path, None, Damage())
    assert time.monotonic() - began < 20  # a pipe would be waited for forever
    assert [row[1] for row in found["loss"].rows()][:3] == [0, 1, 2]
    assert [row[1] for row in found["more"].rows()] == [1]


def test_numbers_that_json_lacks_are_no_values(tmp_path: Path) -> None:
    packed(GOOD.replace("[1.0]", "[NaN]") + "\n" + GOOD.replace("[1.0]", "[1e999]") + "\n")(
        tmp_path / "metrics-0001.jsonl.gz"
    )
    values = [row[3] for row in read_points(tmp_path, None, Damage())["loss"].rows()]
    assert values == [None, None]
