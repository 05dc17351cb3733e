"""The metrics of a run on disk: JSON lines in gzip files, ``metrics-0001.jsonl.gz`` and so on.

Each line has the points that some metrics got together, column by column, so that names and times are
written once and numbers are read fast:

    {"seq": 812, "segment": 0, "names": ["loss", "lr"], "step": [40, 41], "at": [1764379116.1, 1764379116.6],
     "values": [[0.53, 0.52], [0.1, 0.1]]}

``seq`` is the number of the newest event in the line. A line ``{"missing": {...}}`` says that points are
missing there, and why. A file is only appended to, and a reader needs no lock: what a kill cut off is left
out. A writer never goes on with a file that another writer has begun.
"""

import json
import math
import os
import re
import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from freak_core.runs.user_owned_file import open_own
from freak_core.text.strict_json import dumps

PART = re.compile(r"metrics-[0-9]{4,9}\.jsonl\.gz")
"""What the name of a part looks like."""

MOST_VALUES = 20_000
"""Values that a writer puts into one line."""

PART_BYTES = 4 << 20
"""Bytes after which a new part is begun: a server that is started again reads the newest part."""

LONGEST_LINE = 16 << 20
LARGEST_PART = 64 << 20
MOST_TEXT = 1 << 30
"""What a reader takes at most: bytes of a line, of a part, and of what is unpacked from a part."""

UNSORTED = 10.0
"""Seconds by which the points of two threads may be out of their order."""

MOST_DAMAGE = 100
_READ = 1 << 16
_GZIP = 31
"""``wbits`` of zlib for gzip."""


@dataclass(slots=True)
class Batch:
    """The points that some metrics got together: a step and a time for each row, a column for each metric."""

    seq: int
    segment: int
    names: Sequence[str]
    step: list[float | None]
    at: list[float]
    values: list[list[float | None]]

    def add(self, seq: int, step: float | None, at: float, values: Iterable[float | None]) -> None:
        """Add a point to each metric."""
        self.seq = seq
        self.step.append(step)
        self.at.append(at)
        for column, value in zip(self.values, values, strict=True):
            column.append(value)

    def line(self) -> dict[str, object]:
        """Return the batch as a line of a part has it."""
        return {name: getattr(self, name) for name in self.__slots__}

    def points(self, wanted: Collection[str] | None) -> "dict[str, Points]":
        """Return the points of each wanted metric, or of all.

        Raises:
            TypeError, OverflowError: a value is no number that a float holds.
        """
        columns = zip(self.names, self.values, strict=True)
        chosen = {name: column for name, column in columns if not wanted or name in wanted}
        if not chosen:
            return {}
        segment = array("L", [self.segment]) * len(self.at)
        step, at = _column(self.step), _column(self.at)
        return {name: Points(segment, step, at, _column(column)) for name, column in chosen.items()}


class MetricParts:
    """Appends batches to the metrics of a run. One writer at a time; each begins a part of its own.

    Args:
        folder: the folder of the run; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._size = 0
        self._packer: Any = None

    def append(self, lines: Sequence[Mapping[str, object]]) -> None:
        """Write some lines, all or none; a reader can unpack them at once.

        Raises:
            OSError: the disk does not take them. The next call begins a new part.
        """
        path = self._begin() if self._path is None or self._size > PART_BYTES else self._path
        text = b"".join(dumps(line).encode() + b"\n" for line in lines)
        data = self._packer.compress(text) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        try:
            self._write(path, data)
        except OSError:
            self._path = None  # the packer is ahead of the file
            raise

    def close(self) -> None:
        """Write the end of the part, so that other programs find it complete.

        Raises:
            OSError: the disk does not take it; nothing is lost.
        """
        path, self._path = self._path, None
        if path is not None and self._size:
            self._write(path, self._packer.flush(zlib.Z_FINISH))

    def _begin(self) -> Path:
        self.close()
        taken = [int(path.name[8:-9]) for path in parts(self._folder)]
        self._path = self._folder / f"metrics-{max(taken, default=0) + 1:04d}.jsonl.gz"
        self._size = 0
        self._packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        return self._path

    def _write(self, path: Path, data: bytes) -> None:
        # Closed after each write: only then NFS shows the data to other machines.
        new = os.O_CREAT | os.O_EXCL if self._size == 0 else 0
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | new
        descriptor = os.open(path, flags, 0o600)
        try:
            if os.fstat(descriptor).st_size != self._size:
                raise OSError(f"{path} was changed by another program")
            try:
                written = os.write(descriptor, data)
                if written != len(data):
                    raise OSError(f"{path}: only {written} of {len(data)} bytes were written")
            except OSError:
                os.ftruncate(descriptor, self._size)
                if self._size == 0:
                    path.unlink(missing_ok=True)
                raise
        finally:
            os.close(descriptor)
        self._size += len(data)


def parts(folder: Path) -> list[Path]:
    """Return the parts of a run's metrics, oldest first; none if the folder cannot be read."""
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return []
    found = [name for name in names if PART.fullmatch(name)]
    return [folder / name for name in sorted(found, key=lambda name: (len(name), name))]


@dataclass(slots=True)
class Damage:
    """What a reader of parts could not read, and what their writer says that is missing."""

    unreadable: list[str] = field(default_factory=list)
    missing: list[Mapping[str, object]] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Note what could not be read; not more often than anybody reads."""
        if len(self.unreadable) < MOST_DAMAGE:
            self.unreadable.append(what)


def add_missing(missing: list[Mapping[str, object]], told: Mapping[str, object]) -> None:
    """Note what is missing. Points that are missing for a reason already noted are added up."""
    more = told.get("points")
    for place, each in enumerate(missing):
        known = each.get("points")
        if type(known) is int and type(more) is int and each.get("why") == told.get("why"):
            missing[place] = {**each, "points": known + more, "until": told.get("at")}
            return
    missing.append(told)


def read_batches(part: Path, damage: Damage, names: Collection[str] | None = None) -> Iterator[Batch]:
    """Yield the batches of one part, in their order; what is torn at its end is left out.

    Args:
        part: the file.
        damage: notes what cannot be read.
        names: the metrics that are wanted. Others may be left out of the batches, which is much faster.
    """
    try:
        with open_own(part) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_PART:
                damage.note(f"{part.name} has more than {LARGEST_PART} bytes")
                return
            for line in _lines(file):
                found = _parsed((names and _only(line, names)) or line, damage)
                if found is not None:
                    yield found
    except (OSError, zlib.error, ValueError) as error:
        damage.note(f"{part.name}: {error}")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the whole lines of a gzip file that may still be written.

    Raises:
        ValueError: there is more in it than a reader takes.
        zlib.error: what follows is not gzip.
    """
    unpacker = zlib.decompressobj(_GZIP)
    rest, unpacked = b"", 0
    while data := file.read(_READ):
        while data:
            text = unpacker.decompress(data, 16 * _READ)
            data = unpacker.unconsumed_tail
            unpacked += len(text)
            *lines, rest = (rest + text).split(b"\n") if b"\n" in text else (rest + text,)
            yield from lines
            if len(rest) > LONGEST_LINE or unpacked > MOST_TEXT:
                raise ValueError("there is more in it than is read")
            if unpacker.eof:
                return


_VALUES = b',"values":[['


def _only(line: bytes, names: Collection[str]) -> bytes | None:
    """Return the line of a batch with no values but those of some metrics; None if it looks different."""
    head, found, values = line.partition(_VALUES)
    if not found or not values.endswith(b"]]}"):
        return None
    try:
        told = json.loads(head + b"}")
        listed = list(told["names"])
        kept = [i for i, name in enumerate(listed) if name in names]
        told["names"] = [listed[i] for i in kept]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    columns = values[:-3].split(b"],[")
    if len(listed) != len(columns):
        return None
    chosen = b"],[".join(columns[i] for i in kept)
    return dumps(told).encode()[:-1] + _VALUES[:-1] + (b"[" + chosen + b"]" if kept else b"") + b"]}"


def _parsed(line: bytes, damage: Damage) -> Batch | None:
    """Return the batch of a line; None for a line that is none."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, dict) and isinstance(told.get("missing"), dict):
        if len(damage.missing) < MOST_DAMAGE:
            add_missing(damage.missing, told["missing"])
        return None
    if not isinstance(told, dict) or not _is_batch(told):
        damage.note("a line is no line of metrics")
        return None
    return Batch(**{name: told[name] for name in Batch.__slots__})


def _is_batch(told: Mapping[str, object]) -> bool:
    numbers = [told.get("seq"), told.get("segment")]
    names, values = told.get("names"), told.get("values")
    columns = [told.get("step"), told.get("at"), *(values if isinstance(values, list) else [None])]
    return (
        all(type(number) is int and 0 <= number < 1 << 53 for number in numbers)
        and isinstance(names, list)
        and set(map(type, names)) <= {str}
        and len(columns) == 2 + len(names)
        and set(map(type, columns)) == {list}
        and len(set(map(len, columns))) == 1
    )


@dataclass(slots=True)
class Points:
    """The points of one metric, in the order in which they were reported, column by column.

    Attributes:
        segment: the number of the segment. A run that goes back to an earlier step begins a new one.
        step: the step; NaN where there was none.
        at: seconds since the epoch.
        value: the value; NaN where it was not finite.
    """

    segment: "array[int]" = field(default_factory=lambda: array("L"))
    step: "array[float]" = field(default_factory=lambda: array("d"))
    at: "array[float]" = field(default_factory=lambda: array("d"))
    value: "array[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.value)

    def add(self, segment: int, step: float | None, at: float, value: float | None) -> None:
        """Add a point."""
        self.segment.append(segment)
        self.step.append(math.nan if step is None else step)
        self.at.append(at)
        self.value.append(math.nan if value is None else value)

    def extend(self, points: "Points") -> None:
        """Add points that are newer than all before."""
        self.segment.extend(points.segment)
        self.step.extend(points.step)
        self.at.extend(points.at)
        self.value.extend(points.value)

    def rows(self) -> Iterator[tuple[int, int | float | None, float, float | None]]:
        """Yield segment, step, time and value of each point."""
        for segment, step, at, value in zip(self.segment, self.step, self.at, self.value, strict=True):
            when = at if math.isfinite(at) else 0.0
            yield segment, _number(step), when, value if math.isfinite(value) else None


def read_points(
    folder: Path, names: Collection[str] | None, damage: Damage, period: tuple[float, float] | None = None
) -> dict[str, Points]:
    """Return the points of some metrics of a run, or of all.

    Args:
        folder: the folder of the run.
        names: of the metrics.
        damage: notes what cannot be read.
        period: the times between which points are wanted. Parts that have none are left out.
    """
    found: dict[str, Points] = {}
    for part in parts(folder) if period is None else _parts_of(folder, period):
        for batch in read_batches(part, damage, names):
            try:
                added = batch.points(names)
            except (TypeError, OverflowError):
                damage.note("a line has a value that is no number")
                continue
            for name, points in added.items():
                found.setdefault(name, Points()).extend(points)
    return found


def _parts_of(folder: Path, period: tuple[float, float]) -> list[Path]:
    """Return the parts that may have points of a period: a part has those until the next one begins."""
    found = parts(folder)
    begins = [_beginning(part) for part in found]
    ends = [*begins[1:], math.inf]
    since, until = period[0] - UNSORTED, period[1] + UNSORTED
    return [
        part for part, begin, end in zip(found, begins, ends, strict=True) if begin <= until and end >= since
    ]


def _beginning(part: Path) -> float:
    """Return the time of the first point of a part; of one without any, a time before all others."""
    first = next((batch.at[0] for batch in read_batches(part, Damage()) if batch.at), None)
    return first if isinstance(first, int | float) else -math.inf


def _column(values: Sequence[float | None]) -> "array[float]":
    try:
        return array("d", values)  # type: ignore[arg-type]  # the usual case, without a None
    except TypeError:
        return array("d", [math.nan if value is None else value for value in values])


def _number(step: float) -> int | float | None:
    if not math.isfinite(step):
        return None
    return int(step) if step.is_integer() else step
