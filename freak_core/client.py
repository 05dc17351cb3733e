"""The client: read and steer a run from Python, over HTTP."""

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx
from httpx_sse import SSEError

from freak_core.client_events import Event, EventStream
from freak_core.client_request import NOTHING, merge_patch, refusal_of, state_route, write_options
from freak_core.errors import NotFound, TooManyRequests, Unreachable
from freak_core.receipts import Receipt
from freak_core.runs import find_run


class Client:
    """Reads and steers one run.

    Args:
        url: where the server listens; a link with ``#token=`` brings the token along.
        token: the bearer token, where the URL has none; else ``FREAK_TOKEN`` from the environment.
        timeout: seconds to wait for an answer, on top of what a call says it waits.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 15.0) -> None:
        address, _, fragment = (url if "://" in url else f"http://{url}").partition("#token=")
        self.url = address.rstrip("/")
        self._timeout = timeout
        self._token = token or fragment or os.environ.get("FREAK_TOKEN", "")
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._http = httpx.Client(base_url=self.url + "/", headers=headers, timeout=timeout, trust_env=False)

    @classmethod
    def find(cls, run: str | None = None, *, wait: float = 0.0, timeout: float = 15.0) -> Self:
        """Return a client for a live run of this machine, by name, id or id prefix; or for the only one.

        Args:
            run: which one; the only one there is, without it.
            wait: seconds to wait for it to appear.
            timeout: as for the constructor.

        Raises:
            NotFound: there is no such run, or more than one.
        """
        deadline = time.monotonic() + wait
        while True:
            try:
                found = find_run(run)
            except NotFound:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.2)
            else:
                return cls(found.url, found.token, timeout=timeout)

    @property
    def link(self) -> str:
        """The link to open in a browser. It holds the token; give it only to people you trust."""
        return f"{self.url}/#token={self._token}"

    def get(self, path: str = "") -> Any:
        """Return the value at a path, ``"model.hidden.0"`` or ``"/model/hidden/0"``; without one, all."""
        return self._json("GET", state_route(path))

    def revision(self) -> str:
        """Return the ETag of the state, to be given as ``if_match``."""
        return self._send("GET", "state").headers["ETag"]

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the state."""
        return dict(self._json("GET", "schema"))

    def actions(self) -> dict[str, Any]:
        """Return the actions with the JSON schemas of their arguments."""
        return dict(self._json("GET", "actions"))

    def run(self) -> dict[str, Any]:
        """Return name, phase, step, pace and health of the run."""
        return dict(self._json("GET", "run"))

    def series(self, *names: str, since: int = -1, max_points: int = 1000) -> dict[str, list[Any]]:
        """Return the history of metrics by name, as lists of [step, seconds since the epoch, value].

        Args:
            names: metrics to return; all of them if you name none.
            since: only points after this step.
            max_points: at most so many of each; the lowest and highest are kept.
        """
        params: dict[str, Any] = {"since": since, "max_points": max_points}
        if names:
            params["names"] = ",".join(names)
        return dict(self._json("GET", "series", params=params))

    def receipts(self, since: int = 0, limit: int = 100) -> list[Receipt]:
        """Return receipts numbered above ``since``, oldest first."""
        found = self._json("GET", "receipts", params={"since": since, "limit": limit})
        return [Receipt.model_validate(receipt) for receipt in found]

    def receipt(self, receipt_id: str) -> Receipt:
        """Return one receipt.

        Raises:
            NotFound: there is none with this id among the newest.
        """
        return Receipt.model_validate(self._json("GET", f"receipts/{quote(receipt_id, safe='')}"))

    def set(
        self,
        values: Mapping[str, Any],
        *,
        wait: float = 0.0,
        note: str | None = None,
        if_match: str | None = None,
        dry_run: bool = False,
        key: str | None = None,
        at_step: int | None = None,
        at_epoch: int | None = None,
    ) -> Receipt:
        """Change values by paths of dots, all or none: ``set({"lr.hold": 3e-4}, wait=30)``.

        Args:
            values: new values by path.
            wait: seconds to wait, at most 60, until the change is applied; the receipt's status says.
            note: why, for whoever reads the journal.
            if_match: refuse if the state has changed since this ETag.
            dry_run: only validate.
            key: makes a repeated request return the first one's receipt.
            at_step: keep it back until the program has done this many steps.
            at_epoch: keep it back until the program is in this epoch.

        Raises:
            Rejected: a value is not valid; nothing was changed.
            Conflict: the state has changed since ``if_match``.
            Refused: any other refusal; see ``freak_core.errors``.
        """
        return self._write(
            "PATCH",
            "state",
            merge_patch(values),
            wait=wait,
            note=note,
            if_match=if_match,
            dry_run=dry_run,
            key=key,
            at_step=at_step,
            at_epoch=at_epoch,
        )

    def put(
        self,
        path: str,
        value: Any,
        *,
        wait: float = 0.0,
        note: str | None = None,
        if_match: str | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Receipt:
        """Replace the value at a path; arguments and errors as in ``set``."""
        asked: dict[str, Any] = {"wait": wait, "note": note, "key": key}
        return self._write("PUT", state_route(path), value, if_match=if_match, dry_run=dry_run, **asked)

    def reset(
        self,
        path: str = "",
        *,
        wait: float = 0.0,
        note: str | None = None,
        if_match: str | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Receipt:
        """Put the state, or the value at a path, back to what it was at the start; as in ``set``."""
        asked: dict[str, Any] = {"wait": wait, "note": note, "key": key}
        return self._write("DELETE", state_route(path), if_match=if_match, dry_run=dry_run, **asked)

    def call(
        self,
        action: str,
        *,
        wait: float = 0.0,
        note: str | None = None,
        key: str | None = None,
        at_step: int | None = None,
        at_epoch: int | None = None,
        **arguments: Any,
    ) -> Receipt:
        """Call an action of the program; ``receipt.result`` is what it returned.

        Raises:
            NotFound: there is no such action.
            Failed: it raised in the program.
        """
        route = f"actions/{quote(action, safe='')}"
        return self._write(
            "POST", route, arguments, wait=wait, note=note, key=key, at_step=at_step, at_epoch=at_epoch
        )

    def cancel(self, receipt_id: str) -> Receipt:
        """Withdraw a request that waits.

        Raises:
            RunOver: it is on its way or done.
        """
        return self._write("DELETE", f"receipts/{quote(receipt_id, safe='')}")

    def wait(self, receipt: Receipt, timeout: float = 60.0) -> Receipt:
        """Return the receipt once its request has ended.

        Raises:
            TimeoutError: it has not ended within ``timeout`` seconds; it may still.
        """
        deadline = time.monotonic() + timeout
        while not receipt.settled:
            if time.monotonic() > deadline:
                raise TimeoutError(f"request {receipt.id} is still {receipt.status} after {timeout} s")
            time.sleep(0.05)
            receipt = self.receipt(receipt.id)
        return receipt

    def events(self, *types: str, last_id: str | None = None) -> Iterator[Event]:
        """Yield what happens from now on, until the run ends; reconnects without loss or duplicates.

        Args:
            types: event types to yield; all of them if you name none.
            last_id: the id of the last event you have seen; ``"<run id>-0"`` for all that is remembered.
        """
        stream = EventStream(self._http, types, last_id)
        while not stream.ended:
            try:
                yield from stream
            except (httpx.HTTPError, SSEError):
                time.sleep(0.2)
                self.run()  # raises Unreachable when the server is gone for good

    def _write(self, method: str, route: str, body: Any = NOTHING, **asked: Any) -> Receipt:
        options = write_options(body, **asked)
        options["timeout"] = self._timeout + asked.get("wait", 0.0)
        for _ in range(100):
            try:
                return Receipt.model_validate(self._json(method, route, **options))
            except TooManyRequests as refused:
                time.sleep(refused.retry_after or 0.1)
        raise TooManyRequests("the server was too busy for a long time")

    def _json(self, method: str, route: str, **options: Any) -> Any:
        return self._send(method, route, **options).json()

    def _send(self, method: str, route: str, **options: Any) -> httpx.Response:
        response = self._patiently(method, route, **options)
        if response.status_code >= 400:
            raise refusal_of(response)
        return response

    def _patiently(self, method: str, route: str, **options: Any) -> httpx.Response:
        """Send a request, again where the connection broke: reads are harmless, writes carry a key."""
        for pause in (0.1, 0.5, 2.0, None):
            try:
                return self._http.request(method, route, **options)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                if pause is None:
                    raise Unreachable(f"{self.url} breaks off the connection: {error}") from error
                time.sleep(pause)
            except httpx.HTTPError as error:
                raise Unreachable(f"no answer from {self.url}: {error or type(error).__name__}") from error
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"
