"""Rows of a grid: all of them in ``make soak``; in ``make test`` so few that each pair of values meets."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from tests.soak import SOAK

Row = tuple[Any, ...]
Pair = tuple[tuple[int, Any], tuple[int, Any]]


def pairs_of(row: Iterable[Any]) -> set[Pair]:
    """Return each two values of a row, with their columns."""
    return set(itertools.combinations(enumerate(row), 2))


def pairwise(*factors: Sequence[Any]) -> list[Row]:
    """Return few rows in which any two values of two factors meet; the same rows every time."""
    rows: list[Row] = []
    left = set().union(*(pairs_of(row) for row in itertools.product(*factors)))
    while left:
        rows.append(max(itertools.product(*factors), key=lambda row: len(pairs_of(row) & left)))
        left -= pairs_of(rows[-1])
    return rows


def diagonal(*factors: Sequence[Any]) -> list[Row]:
    """Return few rows with each value of each factor: for two factors, whose pairs are the whole grid."""
    return [tuple(each[i % len(each)] for each in factors) for i in range(max(map(len, factors)))]


def grid(*factors: Sequence[Any], few: Sequence[Row] | None = None) -> list[Row]:
    """Return all rows, or in ``make test`` a few: those given, else the pairwise ones."""
    if SOAK:
        return list(itertools.product(*factors))
    return list(few) if few is not None else pairwise(*factors)
