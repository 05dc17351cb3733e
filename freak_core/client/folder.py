"""A run that has ended, read from its folder: it answers the requests of a client as its server did."""

import math
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import httpx

from freak_core.errors import Malformed, NotFound, Refused, RunOver
from freak_core.phases import because
from freak_core.receipts import Receipt
from freak_core.runs.metric_parts import Damage
from freak_core.runs.overview import read_overview
from freak_core.runs.stored_runs import StoredRun
from freak_core.runs.stored_series import Axis, Range, stored_series
from freak_core.text import paths
from freak_core.text.strict_json import dumps
from freak_core.text.timestamps import time_of

MOST_RECEIPTS = 1000


class FolderTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers HTTP requests from the folder of a run. Every write is refused: the run is over.

    Args:
        run: the run.
    """

    def __init__(self, run: StoredRun) -> None:
        self._run = run
        self._routes: dict[str, Callable[[httpx.QueryParams], object]] = {
            "run": lambda _: {**run.facts(), "access": "reader"},
            "schema": lambda _: run.config()["schema"],
            "actions": lambda _: run.config()["actions"],
            "receipts": self._receipts,
            "series": self._series,
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        try:
            if request.method != "GET":
                why = f" ({because(self._run.facts())})" if because(self._run.facts()) else ""
                raise RunOver(f"the run {self._run.name!r} has ended: {self._run.phase}{why}")
            return self._answer(unquote(request.url.raw_path.decode().partition("?")[0])[1:], request)
        except Refused as refused:
            return _json(refused.problem(), status=refused.status)
        except (ValueError, RecursionError) as error:
            problem = NotFound(f"cannot read the folder {self._run.path}: {type(error).__name__}").problem()
            return _json(problem, status=404)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of a client that awaits."""
        return self.handle_request(request)

    def _answer(self, route: str, request: httpx.Request) -> httpx.Response:
        head, _, rest = route.partition("/")
        if head == "state":
            revision, value = self._run.state()
            pointer = request.url.raw_path.decode().partition("?")[0].removeprefix("/state")
            found = paths.get(value, paths.from_pointer(unquote(pointer)))
            return _json(found, {"ETag": f'"{self._run.id}-{revision}"'})
        if head == "events":
            types = request.url.params.get("types")
            wanted = set(types.split(",")) if types else None
            events = self._events(wanted, request.headers.get("Last-Event-ID"))
            headers = {"content-type": "text/event-stream"}
            return httpx.Response(200, headers=headers, content="".join(events).encode())
        if head == "receipts" and rest:
            return _json(self._receipt(rest).model_dump(mode="json"))
        if rest or head not in self._routes:
            raise NotFound(f"a run that has ended does not have {route!r}")
        return _json(self._routes[head](request.url.params))

    def _receipt(self, receipt_id: str) -> Receipt:
        found = [receipt for receipt in self._run.receipts() if receipt.id == receipt_id]
        if not found:
            raise NotFound(f"there is no receipt {receipt_id!r} in the journal")
        return found[0]

    def _receipts(self, params: httpx.QueryParams) -> object:
        since, last = int(params.get("since", 0)), params.get("last")
        newer = [receipt for receipt in self._run.receipts() if receipt.seq > since]
        newer = newer[: int(params.get("limit", 100))] if last is None else newer[-int(last) :]
        return [receipt.model_dump(mode="json") for receipt in newer[:MOST_RECEIPTS]]

    def _series(self, params: httpx.QueryParams) -> object:
        names = params.get("names")
        most = int(params.get("max_points", 1000))
        if most < 5:
            raise Malformed("max_points must be at least 5")
        wanted = None if names is None else {names, *names.split(",")}
        axis: Axis = "time" if params.get("axis") == "time" else "step"
        asked = Range(axis, float(params.get("since", -1)), float(params.get("until", "inf")))
        overview = read_overview(self._run.path, wanted, Damage())
        found = stored_series(self._run.path, overview, asked, most, Damage())
        return {
            name: [[step, at, value] for _, step, at, value in points.rows()]
            for name, points in found.items()
        }

    def _events(self, wanted: set[str] | None, last_id: str | None) -> Iterator[str]:
        """Yield what happened in the run after ``last_id``, in the order of time; only the end without it."""
        last = _number(last_id)
        happened: list[tuple[float, str, dict[str, object]]] = []
        if last is not None and (wanted is None or "receipt" in wanted):
            for receipt in self._run.receipts():
                when = time_of(receipt.applied.at if receipt.applied else receipt.requested_at)
                happened.append(
                    (when.timestamp() if when else 0.0, "receipt", receipt.model_dump(mode="json"))
                )
        if last is not None and (wanted is None or "metrics" in wanted):
            happened += self._metrics()
        happened.sort(key=lambda event: event[0])
        happened.append((math.inf, "run", self._ending()))
        for number, (_, kind, data) in enumerate(happened, start=1):
            if last is None or number > last:
                yield f"id: {self._run.id}-e{number}\nevent: {kind}\ndata: {dumps(data)}\n\n"

    def _ending(self) -> dict[str, object]:
        facts = self._run.facts()
        names = ("phase", "error", "stopped_by", "reason")
        return {name: facts[name] for name in names if facts.get(name) is not None}

    def _metrics(self) -> Iterator[tuple[float, str, dict[str, object]]]:
        found, _ = self._run.points()
        together: dict[tuple[float, int | float | None], dict[str, float | None]] = {}
        for name, points in found.items():
            for _, step, at, value in points.rows():
                together.setdefault((at, step), {})[name] = value
        for (at, step), values in together.items():
            yield at, "metrics", {"step": step, "at": at, "values": values}


def _json(value: object, headers: dict[str, str] | None = None, status: int = 200) -> httpx.Response:
    content = dumps(value).encode()
    return httpx.Response(
        status, headers={"content-type": "application/json", **(headers or {})}, content=content
    )


def _number(event_id: str | None) -> int | None:
    """Return the number in the id of an event of ours; 0 for one that the live run has sent."""
    if not event_id:
        return None
    number = event_id.rpartition("-e")[2]
    return int(number) if number.isdecimal() and len(number) < 16 else 0
