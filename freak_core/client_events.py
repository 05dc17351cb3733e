"""The stream of events, as a client follows it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import httpx
from httpx_sse import connect_sse

from freak_core.client_request import refusal_of
from freak_core.wire import ENDED


class Event(NamedTuple):
    """One thing that happened: ``type`` is state, receipt, run, progress, metrics or reset."""

    id: str
    type: str
    data: Any


class EventStream:
    """Events of a run, from where the last connection broke off.

    Args:
        http: the client's connection.
        types: event types to yield; all of them if there are none.
        last_id: the id of the last event that was seen.
    """

    def __init__(self, http: httpx.Client, types: Sequence[str], last_id: str | None) -> None:
        self._http = http
        self._types = types
        self._last_id = last_id
        self.ended = False

    def __iter__(self) -> Iterator[Event]:
        """Yield events of one connection.

        Raises:
            httpx.HTTPError: it broke off.
            Refused: the server refuses.
        """
        for event in self._connection():
            self._last_id = event.id or self._last_id
            if event.data is None:  # only says where we are
                continue
            self.ended = event.type == "run" and event.data.get("phase") in ENDED
            if not self._types or event.type in (*self._types, "reset"):
                yield event

    def _connection(self) -> Iterator[Event]:
        params = {"types": ",".join({*self._types, "run"})} if self._types else {}
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        timeout = httpx.Timeout(15.0, read=60.0)
        with connect_sse(
            self._http, "GET", "events", params=params, headers=headers, timeout=timeout
        ) as source:
            if source.response.status_code >= 400:
                source.response.read()
                raise refusal_of(source.response)
            for sse in source.iter_sse():
                yield Event(sse.id, sse.event, json.loads(sse.data) if sse.data else None)
