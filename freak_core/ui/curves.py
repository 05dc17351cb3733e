"""The curves of ended runs for the page that compares runs. What was read is kept until its files change."""

import os
from collections import OrderedDict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from freak_core.runs.metric_parts import PART, Damage, Points
from freak_core.runs.overview import Kept, Overview, read_overview
from freak_core.runs.run_folder import OVERVIEW
from freak_core.runs.stored_series import Range, stored_series
from freak_core.text.strict_json import dumps

KEEP_POINTS = 3_000_000
"""Points that are kept in memory, of all runs together: about 120 MB."""

Mark = frozenset[tuple[str, int, int]]
"""Name, size and time of each file that the curves of a run come from."""


class _Read(NamedTuple):
    mark: Mark
    names: frozenset[str] | None
    overview: Overview

    @property
    def points(self) -> int:
        return sum(len(kept.points) for kept in self.overview.metrics.values())


class Curves:
    """Reads the curves of ended runs, for one thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, _Read] = OrderedDict()

    def of(self, folder: Path, names: Collection[str] | None, wanted: Range, at_most: int) -> str:
        """Return curves as JSON: ``{"loss": [[step, at, value, segment], ...]}``.

        Args:
            folder: the folder of a run.
            names: the metrics; None for all.
            wanted: which points.
            at_most: points of each metric.
        """
        overview = self._overview(folder, None if names is None else frozenset(names))
        found = stored_series(folder, overview, wanted, at_most, Damage())
        return "{" + ",".join(f"{dumps(name)}:{_as_json(points)}" for name, points in found.items()) + "}"

    def _overview(self, folder: Path, names: frozenset[str] | None) -> Overview:
        mark = frozenset(_marks(folder))
        read = self._kept.pop(folder, None)
        if read is None or read.mark != mark:
            read = _Read(mark, names, read_overview(folder, names, Damage()))
        elif read.names is not None and (names is None or not names <= read.names):
            more = None if names is None else names - read.names
            fresh = read_overview(folder, more, Damage())
            read.overview.metrics.update(fresh.metrics)
            read = _Read(mark, None if names is None else read.names | names, read.overview)
        self._kept[folder] = read
        while len(self._kept) > 1 and sum(each.points for each in self._kept.values()) > KEEP_POINTS:
            self._kept.popitem(last=False)
        chosen = read.overview.metrics
        return _only({name: chosen[name] for name in chosen if names is None or name in names})


def _only(metrics: dict[str, Kept]) -> Overview:
    overview = Overview()
    overview.metrics = metrics
    return overview


def _marks(folder: Path) -> Iterator[tuple[str, int, int]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == OVERVIEW or PART.fullmatch(entry.name):
                    found = entry.stat(follow_symlinks=False)
                    yield entry.name, found.st_size, found.st_mtime_ns
    except OSError:
        return


def _as_json(points: Points) -> str:
    return dumps([[step, at, value, segment] for segment, step, at, value in points.rows()])
