"""The client for code that awaits: ``await client.set(...)``, ``async for event in client.events()``."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

from freak_core.client import calls
from freak_core.client.client import Client
from freak_core.client.requests import Options
from freak_core.client.retries import Conversation, Event, found
from freak_core.client.transport import Address, Awaiting
from freak_core.html_tables import State
from freak_core.receipts import Receipt


class AsyncClient:
    """Reads and steers one run; the twin of ``Client``, whose methods tell arguments and errors."""

    def __init__(self, url: str, token: str | None = None, *, timeout: float = 15.0) -> None:
        self._address = Address.parse(url, token)
        self._connection = Awaiting(self._address, timeout)
        self._conversation = Conversation(self._connection, timeout)
        self.read_token: str | None = None

    @classmethod
    async def find(cls, run: str | None = None, *, wait: float = 0.0, timeout: float = 15.0) -> Self:
        """Return a client for a live run of this machine, by name, id or id prefix; or for the only one."""
        there = await found(run, wait, Awaiting.pause)
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

    async def get(self, path: str = "") -> Any:
        """Return the value at a path, ``"model.hidden.0"`` or ``"/model/hidden/0"``; without one, all."""
        return await self._conversation.ask(calls.get(path))

    async def state(self) -> State:
        """Return the whole state, as a dict that a notebook shows as a table."""
        return await self._conversation.ask(calls.state())

    async def revision(self) -> str:
        """Return the ETag of the state, to be given as ``if_match``."""
        return await self._conversation.ask(calls.revision())

    async def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the state."""
        return await self._conversation.ask(calls.document("schema"))

    async def actions(self) -> dict[str, Any]:
        """Return the actions with the JSON schemas of their arguments."""
        return await self._conversation.ask(calls.document("actions"))

    async def run(self) -> dict[str, Any]:
        """Return name, phase, step, pace and health of the run."""
        return await self._conversation.ask(calls.run())

    async def series(self, *names: str, since: int = -1, max_points: int = 1000) -> dict[str, list[Any]]:
        """Return the history of metrics by name, as lists of [step, seconds since the epoch, value]."""
        return await self._conversation.ask(calls.series(names, since, max_points))

    async def receipts(self, since: int = 0, limit: int = 100, *, last: int | None = None) -> list[Receipt]:
        """Return receipts numbered above ``since``, oldest first; with ``last``, the newest ones."""
        return await self._conversation.ask(calls.receipts(since, limit, last))

    async def receipt(self, receipt_id: str) -> Receipt:
        """Return one receipt."""
        return await self._conversation.ask(calls.receipt(receipt_id))

    async def set(
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
        """Change values by paths of dots, all or none: ``set({"lr.hold": 3e-4}, wait=30)``."""
        asked = Options(
            wait=wait,
            note=note,
            if_match=if_match,
            dry_run=dry_run,
            key=key,
            at_step=at_step,
            at_epoch=at_epoch,
        )
        return await self._conversation.ask(calls.patch(values, asked))

    async def put(
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
        return await self._conversation.ask(calls.put(path, value, asked))

    async def reset(
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
        return await self._conversation.ask(calls.reset(path, asked))

    async def call(
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
        """Call an action of the program; ``receipt.result`` is what it returned."""
        asked = Options(wait=wait, note=note, key=key, at_step=at_step, at_epoch=at_epoch)
        return await self._conversation.ask(calls.action(action, {**(given or {}), **arguments}, asked))

    async def cancel(self, receipt_id: str) -> Receipt:
        """Withdraw a request that waits."""
        return await self._conversation.ask(calls.cancel(receipt_id))

    async def wait(self, receipt: Receipt | str, timeout: float = 60.0) -> Receipt:
        """Return a receipt, given itself or its id, once its request has ended; its status says how."""
        return await self._conversation.wait(receipt, timeout)

    async def wait_for(
        self,
        *,
        step: int | None = None,
        epoch: int | None = None,
        phase: str | None = None,
        timeout: float = 60.0,
    ) -> dict[str, Any]:
        """Return the facts of the run once it is at this step and epoch, or past them, and in this phase."""
        return await self._conversation.wait_for(step, epoch, phase, timeout)

    def events(
        self, *types: str, last_id: str | None = None, reconnect: float = 10.0
    ) -> AsyncIterator[Event]:
        """Yield what happens from now on, until the run ends; without loss or duplicates after a break."""
        return self._conversation.events(types, last_id, reconnect)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.url!r})"

    def _repr_html_(self) -> str:
        with Client(self.url, self._address.token, timeout=3.0) as client:  # a notebook awaits nothing here
            return client._repr_html_()
