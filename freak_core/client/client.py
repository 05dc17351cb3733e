"""The client: read and steer a run from Python, over HTTP."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from freak_core.client import calls
from freak_core.client.requests import Options
from freak_core.client.retries import Conversation, Event, found
from freak_core.client.transport import Address, Blocking, completed
from freak_core.errors import Refused
from freak_core.html_tables import State, run_page, sorry
from freak_core.receipts import Receipt


class Client:
    """Reads and steers one run. It works in plain code and in a notebook; ``AsyncClient`` is its twin.

    Args:
        url: where the server listens, or ``unix:///path/to/socket``; a link brings its token along.
        token: the bearer token, where the URL has none; else ``FREAK_TOKEN`` from the environment.
        timeout: seconds to wait for an answer, on top of what a call says it waits.

    Every call raises what the server says, as the class of the same meaning; see ``freak_core.errors``. Where
    the connection breaks, or the server has too much to do, it asks again before it raises ``Unreachable`` or
    ``TooManyRequests``; a write is still carried out once only.

    Raises:
        ConfigurationError: ``url`` is none.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 15.0) -> None:
        self._address = Address.parse(url, token)
        self._connection = Blocking(self._address, timeout)
        self._conversation = Conversation(self._connection, timeout)
        self.read_token: str | None = None

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
        there = completed(found(run, wait, Blocking.pause))
        client = cls(there.url, there.token, timeout=timeout)
        client.read_token = there.read_token
        return client

    @property
    def url(self) -> str:
        """Where the server is, without the token."""
        return self._address.url

    @property
    def link(self) -> str:
        """The link to open in a browser. It holds the token; give it only to people you trust."""
        return self._address.link

    def get(self, path: str = "") -> Any:
        """Return the value at a path, ``"model.hidden.0"`` or ``"/model/hidden/0"``; without one, all."""
        return completed(self._conversation.ask(calls.get(path)))

    def state(self) -> State:
        """Return the whole state, as a dict that a notebook shows as a table."""
        return completed(self._conversation.ask(calls.state()))

    def revision(self) -> str:
        """Return the ETag of the state, to be given as ``if_match``."""
        return completed(self._conversation.ask(calls.revision()))

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the state."""
        return completed(self._conversation.ask(calls.document("schema")))

    def actions(self) -> dict[str, Any]:
        """Return the actions with the JSON schemas of their arguments."""
        return completed(self._conversation.ask(calls.document("actions")))

    def run(self) -> dict[str, Any]:
        """Return name, phase, step, pace and health of the run."""
        return completed(self._conversation.ask(calls.run()))

    def series(self, *names: str, since: int = -1, max_points: int = 1000) -> dict[str, list[Any]]:
        """Return the history of metrics by name, as lists of [step, seconds since the epoch, value].

        Args:
            names: metrics to return; all of them if you name none.
            since: only points after this step.
            max_points: at most so many of each; the lowest and highest are kept.
        """
        return completed(self._conversation.ask(calls.series(names, since, max_points)))

    def receipts(self, since: int = 0, limit: int = 100, *, last: int | None = None) -> list[Receipt]:
        """Return receipts numbered above ``since``, oldest first; with ``last``, the newest ones."""
        return completed(self._conversation.ask(calls.receipts(since, limit, last)))

    def receipt(self, receipt_id: str) -> Receipt:
        """Return one receipt.

        Raises:
            NotFound: there is none with this id among the newest.
        """
        return completed(self._conversation.ask(calls.receipt(receipt_id)))

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
            Failed: the program raised while it was applied, within ``wait``; nothing was changed.
            Refused: any other refusal; see ``freak_core.errors``.
        """
        asked = Options(
            wait=wait,
            note=note,
            if_match=if_match,
            dry_run=dry_run,
            key=key,
            at_step=at_step,
            at_epoch=at_epoch,
        )
        return completed(self._conversation.ask(calls.patch(values, asked)))

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
        at_step: int | None = None,
        at_epoch: int | None = None,
    ) -> Receipt:
        """Replace the value at a path; arguments and errors as in ``set``."""
        asked = Options(
            wait=wait,
            note=note,
            if_match=if_match,
            dry_run=dry_run,
            key=key,
            at_step=at_step,
            at_epoch=at_epoch,
        )
        return completed(self._conversation.ask(calls.put(path, value, asked)))

    def reset(
        self,
        path: str = "",
        *,
        wait: float = 0.0,
        note: str | None = None,
        if_match: str | None = None,
        dry_run: bool = False,
        key: str | None = None,
        at_step: int | None = None,
        at_epoch: int | None = None,
    ) -> Receipt:
        """Put the state, or the value at a path, back to what it was at the start; as in ``set``."""
        asked = Options(
            wait=wait,
            note=note,
            if_match=if_match,
            dry_run=dry_run,
            key=key,
            at_step=at_step,
            at_epoch=at_epoch,
        )
        return completed(self._conversation.ask(calls.reset(path, asked)))

    def call(
        self,
        action: str,
        given: Mapping[str, Any] | None = None,
        /,
        *,
        wait: float = 0.0,
        note: str | None = None,
        key: str | None = None,
        at_step: int | None = None,
        at_epoch: int | None = None,
        **arguments: Any,
    ) -> Receipt:
        """Call an action of the program; ``receipt.result`` is what it returned.

        Its arguments are keywords, or ``given`` where one is called as an option is: ``{"key": 3}``.

        Raises:
            NotFound: there is no such action.
            Failed: it raised in the program.
        """
        asked = Options(wait=wait, note=note, key=key, at_step=at_step, at_epoch=at_epoch)
        return completed(self._conversation.ask(calls.action(action, {**(given or {}), **arguments}, asked)))

    def cancel(self, receipt_id: str) -> Receipt:
        """Withdraw a request that waits.

        Raises:
            RunOver: it is on its way or done.
        """
        return completed(self._conversation.ask(calls.cancel(receipt_id)))

    def wait(self, receipt: Receipt | str, timeout: float = 60.0) -> Receipt:
        """Return a receipt, given itself or its id, once its request has ended; its status says how.

        Raises:
            TimeoutError: it has not ended within ``timeout`` seconds; it may still.
        """
        return completed(self._conversation.wait(receipt, timeout))

    def wait_for(
        self,
        *,
        step: int | None = None,
        epoch: int | None = None,
        phase: str | None = None,
        timeout: float = 60.0,
    ) -> dict[str, Any]:
        """Return the facts of the run once it is at this step and epoch, or past them, and in this phase.

        Raises:
            RunOver: it has ended before.
            TimeoutError: it has not come that far within ``timeout`` seconds.
        """
        return completed(self._conversation.wait_for(step, epoch, phase, timeout))

    def events(self, *types: str, last_id: str | None = None, reconnect: float = 10.0) -> Iterator[Event]:
        """Yield what happens from now on, until the run ends; without loss or duplicates after a break.

        Args:
            types: event types to yield; all of them if you name none.
            last_id: the id of the last event you have seen; ``"<run id>-0"`` for all that is remembered.
            reconnect: seconds without any server, in the middle, before it gives up.

        Raises:
            Unreachable: there is no server.
        """
        stream = self._conversation.events(types, last_id, reconnect)
        try:
            while True:
                try:
                    event = completed(anext(stream))
                except StopAsyncIteration:
                    return
                yield event
        finally:
            completed(stream.aclose())

    def close(self) -> None:
        """Close the connection."""
        completed(self._connection.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def _repr_html_(self) -> str:
        try:
            return run_page(self.run(), self.state(), self.url)
        except Refused as refused:
            return sorry(repr(self), refused)
