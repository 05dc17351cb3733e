"""What compares runs: their curves, and their values side by side."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from freak_core.client.client import Client
from freak_core.client.comparison import Compared, compared, read
from freak_core.client.documents import RunFacts
from freak_core.errors import Malformed, NotFound, Refused
from freak_core.runs.run_folder import runs_folder
from freak_core.runs.stored_runs import StoredRun
from freak_core.runs.stored_series import Range
from freak_core.text.strict_json import dumps
from freak_core.ui.curves import Curves
from freak_core.ui.live_runs import LiveRuns

MOST_RUNS = 200
"""Runs that are compared at a time."""


class Comparison:
    """Reads what compares runs, live or ended.

    Args:
        live: the live runs.
        stored: finds the ended ones.
    """

    def __init__(self, live: LiveRuns, stored: Callable[[str], StoredRun]) -> None:
        self._live = live
        self._stored = stored
        self._curves = Curves()
        self._thread = ThreadPoolExecutor(1, "freak-curves")  # the list does not wait for curves

    async def series(self, runs: str, names: str | None, wanted: Range, at_most: int) -> bytes:
        """Return the curves of some runs as JSON, by their ids; a run that cannot be read has none."""
        ids = _ids(runs)
        curves = await asyncio.gather(*(self._series_of(each, names, wanted, at_most) for each in ids))
        parts = (f"{dumps(run_id)}:{each}" for run_id, each in zip(ids, curves, strict=True))
        return ("{" + ",".join(parts) + "}").encode()

    async def _series_of(self, run_id: str, names: str | None, wanted: Range, at_most: int) -> str:
        try:
            connection = await self._live.connection(run_id)
            if connection is not None:
                asked: dict[str, Any] = {"max_points": at_most, "axis": wanted.axis, "since": wanted.since}
                asked |= {} if names is None else {"names": names}
                asked |= {} if wanted.until == float("inf") else {"until": wanted.until}
                return dumps(await connection.json(f"series?{urlencode(asked)}"))
            if await asyncio.to_thread(self._stored, run_id):
                folder = runs_folder() / run_id
                listed = None if names is None else {names, *names.split(",")}
                loop = asyncio.get_running_loop()
                read = partial(self._curves.of, folder, listed, wanted, at_most)
                return await loop.run_in_executor(self._thread, read)
        except Refused:
            pass
        return "{}"

    def close(self) -> None:
        """Read no more curves."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def compared(self, runs: str) -> list[dict[str, Any]]:
        """Return the values of some runs side by side, as ``freak compare --json`` prints them."""
        return await asyncio.gather(*(self._compared(each) for each in _ids(runs)))

    async def _compared(self, run_id: str) -> dict[str, Any]:
        try:
            connection = await self._live.connection(run_id)
            if connection is None:
                stored = await asyncio.to_thread(self._stored, run_id)
                return {**await asyncio.to_thread(_of_folder, stored)}
            routes = ("run", "state", "series?max_points=5")
            facts, state, series = await asyncio.gather(*map(connection.json, routes))
            newest = {name: points[-1][2] for name, points in series.items() if points}
            return {**compared(facts, state, newest)}
        except Refused as refused:
            return {"id": run_id, "unreadable": refused.detail}


def _of_folder(stored: StoredRun) -> Compared:
    """Return what is compared of an ended run; its summary has the newest values, which saves a long look."""
    if stored.summary is None:
        with Client(stored.path.absolute().as_uri()) as client:
            return read(client)
    state: object = {}
    with contextlib.suppress(NotFound):
        _, state = stored.state()
    newest = {name: point[2] for name, point in stored.summary.newest.items()}
    return compared(cast(RunFacts, stored.facts()), state, newest)


def _ids(runs: str) -> list[str]:
    """Return the ids in a list with commas.

    Raises:
        Malformed: there are none, or too many.
    """
    ids = list(dict.fromkeys(filter(None, runs.split(","))))
    if not 0 < len(ids) <= MOST_RUNS:
        raise Malformed(f"runs= takes 1 to {MOST_RUNS} ids with commas between them, not {len(ids)}")
    return ids
