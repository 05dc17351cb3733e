"""The overview: a limited number of points of each metric of a run, in one file that is read at once.

The parts of a long run take seconds to read. The overview is written beside them, now and then and at the end
of the run, if there are many points. Its lines are JSON, in gzip:

    {"freak_overview": 1, "seq": 812, "part": "metrics-0003.jsonl.gz", "size": 81213}
    {"name": "loss", "told": 100000, "ordinal": [0, 57, ...], "segment": [...], "step": [...], "at": [...],
     "value": [...]}

``seq`` is the number of the newest event in it, ``part`` the newest part and ``size`` its bytes: what came
later is read from the parts. ``told`` is how many points a metric had, and the ordinals are the numbers of
those that are left.
"""

import contextlib
import gzip
import json
import math
import zlib
from array import array
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from freak_core.runs.metric_parts import Batch, Damage, Points, parts, read_batches
from freak_core.runs.run_folder import OVERVIEW, write_private
from freak_core.runs.thinning import thin
from freak_core.runs.user_owned_file import open_own
from freak_core.text.strict_json import dumps

KEEP = 2000
"""Points to keep of one metric; when there are more, half of them are dropped."""

KEEP_IN_ALL = 200_000
"""Points to keep of all metrics together; each has an equal share."""

FEW = 20_000
"""Points of all metrics together that need no overview: the parts are read fast enough."""

LARGEST_FILE = 32 << 20
LARGEST_TEXT = 128 << 20
"""What a reader takes at most: bytes of the file, and of what is unpacked from it."""

_COLUMNS = ("segment", "step", "at", "value")


class Kept:
    """What is kept of the points of one metric.

    Attributes:
        points: the points.
        ordinals: the number of each among all that the metric had.
        told: how many points the metric had.
    """

    def __init__(self) -> None:
        self.points: Points = Points()
        self.ordinals: array[int] = array("Q")
        self.told: int = 0

    @property
    def thinned(self) -> bool:
        """Whether points are left out."""
        return self.told > len(self.points)

    def add(self, batch: Points, keep: int) -> None:
        """Add points; keep at most ``keep`` of all."""
        self.points.extend(batch)
        self.ordinals.extend(range(self.told, self.told + len(batch)))
        self.told += len(batch)
        if len(self.points) > keep:
            self.points, self.ordinals = thinned(self.points, self.ordinals, max(5, keep // 2))


def thinned(points: Points, ordinals: Sequence[int], at_most: int) -> "tuple[Points, array[int]]":
    """Return the points to keep of a metric, at least five, and their ordinals; see ``thin``."""
    values = [None if math.isnan(value) else value for value in points.value]
    chosen = thin(values, ordinals, at_most)
    return taken(points, chosen), array("Q", [ordinals[i] for i in chosen])


def taken(points: Points, chosen: Sequence[int]) -> Points:
    """Return some of the points."""
    return Points(
        array("L", map(points.segment.__getitem__, chosen)),
        *(array("d", map(getattr(points, name).__getitem__, chosen)) for name in _COLUMNS[1:]),
    )


class Overview:
    """The points of every metric of a run, thinned evenly to a limited number.

    Attributes:
        metrics: what is kept of each metric, by its name.
        seq: the number of the newest event in it.
    """

    def __init__(self) -> None:
        self.metrics: dict[str, Kept] = {}
        self.seq: int = 0

    def add(self, batch: Batch, names: Collection[str] | None = None) -> None:
        """Add some metrics of a batch, or all. It is newer than all before.

        Raises:
            TypeError, OverflowError: it has a value that is no number; nothing is added.
        """
        for name, points in batch.points(names).items():
            kept = self.metrics.setdefault(name, Kept())
            kept.add(points, max(10, min(KEEP, KEEP_IN_ALL // len(self.metrics))))
        self.seq = max(self.seq, batch.seq)

    @property
    def worth_a_file(self) -> bool:
        """Whether all points have become so many that reading the parts takes a while."""
        return sum(kept.told for kept in self.metrics.values()) > FEW

    def write(self, folder: Path) -> None:
        """Write the overview into the folder of its run.

        Raises:
            OSError: the disk does not take it; an earlier one stays.
        """
        newest = parts(folder)[-1:]
        part = {"part": newest[0].name, "size": newest[0].stat().st_size} if newest else {}
        lines = [dumps({"freak_overview": 1, "seq": self.seq, **part})]
        for name, kept in self.metrics.items():
            columns = {column: getattr(kept.points, column).tolist() for column in _COLUMNS}
            told = {"name": name, "told": kept.told, "ordinal": kept.ordinals.tolist(), **columns}
            lines.append(dumps(told))  # NaN becomes null
        write_private(folder / OVERVIEW, gzip.compress("\n".join(lines).encode(), 1))


def read_overview(folder: Path, names: Collection[str] | None, damage: Damage) -> Overview:
    """Return the overview of some metrics, or of all: that of the file, and what the parts have since then.

    Without a file, or with a broken one, all parts are read, which takes long for a long run.
    """
    try:
        overview, header = _read(folder, names)
    except (OSError, EOFError, zlib.error, ValueError, TypeError, OverflowError, RecursionError, KeyError):
        overview, header = Overview(), {}
    found = parts(folder)
    known = [part.name for part in found]
    if header.get("part") in known:
        found = found[known.index(header["part"]) :]
        with contextlib.suppress(OSError):  # a link in its place, or it was just deleted
            if found[0].lstat().st_size == header.get("size"):
                found = found[1:]
    for part in found:
        for batch in read_batches(part, damage, names):
            if batch.seq > overview.seq or not header:
                try:
                    overview.add(batch, names)
                except (TypeError, OverflowError):
                    damage.note("a line has a value that is no number")
    return overview


def _read(folder: Path, names: Collection[str] | None) -> tuple[Overview, dict[str, Any]]:
    with open_own(folder / OVERVIEW) as file:
        packed = file.read(LARGEST_FILE + 1)
    unpacker = zlib.decompressobj(31)
    text = unpacker.decompress(packed, LARGEST_TEXT)
    if len(packed) > LARGEST_FILE or not unpacker.eof:
        raise ValueError("the overview is torn, or larger than any that Freak writes")
    first, *lines = text.split(b"\n")
    header = json.loads(first)
    overview = Overview()
    overview.seq = _count(header["seq"])
    for line in lines:
        if not names or line.startswith(tuple(_start(name) for name in names)):
            told = json.loads(line)
            overview.metrics[str(told["name"])] = _kept(told)
    return overview, header


def _start(name: str) -> bytes:
    """Return how the line of a metric begins: a line that nobody asks for need not be parsed."""
    return f'{{"name":{dumps(name)},'.encode()


def _kept(told: Mapping[str, Any]) -> Kept:
    kept = Kept()
    kept.told, kept.ordinals = _count(told["told"]), array("Q", told["ordinal"])
    step, at, value = (
        array("d", [math.nan if each is None else each for each in told[name]]) for name in _COLUMNS[1:]
    )
    kept.points = Points(array("L", told["segment"]), step, at, value)
    if len({len(kept.ordinals), *(len(getattr(kept.points, name)) for name in _COLUMNS)}) != 1:
        raise ValueError("columns of different lengths")
    return kept


def _count(number: object) -> int:
    if type(number) is not int or not 0 <= number < 1 << 53:
        raise ValueError(f"{number!r} is no count")
    return number
