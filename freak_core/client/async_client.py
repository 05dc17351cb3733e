"""``AsyncClient``: reads and steers a run from code that awaits."""

import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from freak_core.client import calls
from freak_core.client.documents import ActionDescription, MetricPoint, RunFacts, Schema
from freak_core.client.metric_frame import metric_frame
from freak_core.client.notebook import client_page
from freak_core.client.retries import Conversation, Event, found
from freak_core.client.transport import Address, AsyncConnection
from freak_core.messages.write_options import WriteOptions
from freak_core.reach.forwarding import Forwarding
from freak_core.receipts import Receipt
from freak_core.runs.stored_runs import StoredRun
from freak_core.text.html_tables import State

if TYPE_CHECKING:
    from pandas import DataFrame


logger = logging.getLogger("freak")


class AsyncClient:
    """Reads and steers one run, from code that awaits; ``Client`` has the same methods to call directly.

    Args:
        url: the address of the server, ``http://host:port`` or ``unix:///path/to/socket``; a link that was
            copied from the run has the token in it. ``file:///path`` of the folder of a run that has ended.
        token: the bearer token, if the URL has none. Default: the environment variable ``FREAK_TOKEN``, or
            what is in the file that ``FREAK_TOKEN_FILE`` names.
        timeout: seconds to wait for an answer, added to the ``wait`` of a call.
        ssl_ca_certs: file of certificates to trust besides the system's, for a server with HTTPS.

    Every method raises the refusals of the server as errors of ``freak_core.errors``. If the connection
    breaks or the server is busy, the request is sent again before ``Unreachable`` or ``TooManyRequests`` is
    raised. A write that is sent again is carried out once: each has an Idempotency-Key.

    Raises:
        ConfigurationError: ``url`` is not a valid URL, or the token file cannot be read.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 15.0,
        ssl_ca_certs: str | os.PathLike[str] | None = None,
    ) -> None:
        self._address = Address.parse(url, token)
        self._connection = AsyncConnection(self._address, timeout, ssl_ca_certs)
        self._conversation = Conversation(self._connection, timeout)
        self.read_token: str | None = None

    @classmethod
    async def find(
        cls,
        run: str | None = None,
        *,
        wait: float = 0.0,
        timeout: float = 15.0,
        ended: bool = False,
        ssh: bool = True,
    ) -> Self:
        """Return a client for a live run, or for one that has ended.

        If no run of this machine fits, a run of another machine that shares the home folder is reached with
        ``ssh``, or with ``kubectl port-forward`` in a pod. A warning of the logger ``freak`` says so.

        Args:
            run: the name of the run, its id, its job id, or how an id or name begins. Default: the only
                live run.
            wait: seconds to wait for the run to appear.
            timeout: as for the constructor.
            ended: if no live run fits, take the newest ended run with this name or id. Its client reads what
                is in the folder of the run, and refuses every write with ``RunOver``.
            ssh: connect to other machines. The environment variable ``FREAK_NO_SSH`` forbids it, too.

        Raises:
            NotFound: no live run or several live runs fit; the message lists them.
            Unreachable: the run is on another machine, and ssh does not reach it; the message says why.
        """
        there = await found(run, wait, AsyncConnection.pause, ended=ended, ssh=ssh)
        if isinstance(there, StoredRun):
            return cls(there.path.absolute().as_uri(), timeout=timeout)
        client = cls(there.url, there.token, timeout=timeout, ssl_ca_certs=there.ssl_certfile)
        client.read_token = there.read_token
        try:
            await client._connection.reach(there, Forwarding(logger.warning))
        except BaseException:
            await client.close()
            raise
        return client

    @property
    def url(self) -> str:
        """The address of the server, without the token."""
        return self._address.url

    @property
    def link(self) -> str:
        """The link to the dashboard. It contains the token: give it only to people who may steer the run."""
        return self._address.link

    async def get(self, path: str = "") -> Any:
        """Return the value at a path of the state.

        Args:
            path: keys with dots, ``"model.hidden.0"``, or a JSON Pointer, ``"/model/hidden/0"``. Default: the
                whole state.

        Raises:
            NotFound: the state has no such path.
        """
        return await self._conversation.ask(calls.get(path))

    async def state(self) -> State:
        """Return the whole state as a dict; a notebook shows it as a table."""
        return await self._conversation.ask(calls.state())

    async def revision(self) -> str:
        """Return the ETag of the state, to be passed as ``if_match``."""
        return await self._conversation.ask(calls.revision())

    async def schema(self) -> Schema:
        """Return the JSON schema of the state."""
        return await self._conversation.ask(calls.schema())

    async def actions(self) -> dict[str, ActionDescription]:
        """Return the actions by name, each with its description and the JSON schema of its arguments."""
        return await self._conversation.ask(calls.actions())

    async def run(self) -> RunFacts:
        """Return the facts of the run: its name, run phase, epoch, step, speed, and whether it is stalled."""
        return await self._conversation.ask(calls.run())

    @overload
    async def series(
        self, *names: str, since: int = -1, max_points: int = 1000, frame: Literal[False] = False
    ) -> dict[str, list[MetricPoint]]: ...
    @overload
    async def series(
        self, *names: str, since: int = -1, max_points: int = 1000, frame: Literal[True]
    ) -> "DataFrame": ...
    async def series(
        self, *names: str, since: int = -1, max_points: int = 1000, frame: bool = False
    ) -> "dict[str, list[MetricPoint]] | DataFrame":
        """Return the history of metrics by name: lists of ``[step, seconds since the epoch, value]``.

        Args:
            names: metrics to return. Default: all metrics.
            since: only points after this step.
            max_points: the largest number of points of each metric; minima and maxima are kept.
            frame: return a pandas ``DataFrame`` instead, with the columns ``metric``, ``step``, ``time`` and
                ``value``.

        Raises:
            ConfigurationError: ``frame`` is true, and pandas is not installed.
        """
        points = await self._conversation.ask(calls.series(names, since, max_points))
        return metric_frame(points) if frame else points

    async def receipts(self, since: int = 0, limit: int = 100, *, last: int | None = None) -> list[Receipt]:
        """Return receipts, oldest first.

        Args:
            since: only receipts with a higher number (``seq``) than this.
            limit: the largest number of receipts to return, counted from the oldest.
            last: return this many of the newest receipts instead; ``limit`` is ignored.
        """
        return await self._conversation.ask(calls.receipts(since, limit, last))

    async def receipt(self, receipt_id: str) -> Receipt:
        """Return one receipt.

        Args:
            receipt_id: the ``id`` of the receipt.

        Raises:
            NotFound: the run remembers no receipt with this id; old ones are in the journal only.
        """
        return await self._conversation.ask(calls.receipt(receipt_id))

    async def set(self, values: Mapping[str, object], **options: Unpack[WriteOptions]) -> Receipt:
        """Change values of the state, all of them or none: ``await client.set({"lr.hold": 3e-4}, wait=30)``.

        Args:
            values: new values by path, such as ``"lr.hold"`` or ``"layers.0.size"``.
            options: ``wait``: seconds to wait, at most 60, until the request has ended. ``note``: the
                reason, for the journal. ``if_match``: refuse the request if the state has changed since this
                revision. ``dry_run``: only validate. ``key``: the Idempotency-Key. ``at_step``,
                ``at_epoch``: apply the request when the program is that far.

        Raises:
            Rejected: a value is not valid; nothing was changed.
            Conflict: the state has changed since ``if_match``.
            Failed: the program raised an error while the change was applied, within ``wait``; nothing was
                changed.
            Refused: any other refusal; see ``freak_core.errors``.
        """
        return await self._conversation.ask(calls.patch(values, options))

    async def patch(
        self,
        operations: Sequence[Mapping[str, object]],
        **options: Unpack[WriteOptions],
    ) -> Receipt:
        """Apply a JSON Patch (RFC 6902), all operations or none: add, remove and move items of lists.

        Args:
            operations: such as ``[{"op": "remove", "path": "/layers/0"}]``; ``op`` is ``add``, ``remove``,
                ``replace``, ``move``, ``copy`` or ``test``. ``{"op": "merge", "path": "/layers/0", "value":
                {"size": 3}}`` changes some fields of an item.
            options: as in ``set``.

        Raises:
            PatchTestFailed: a ``test`` found another value; nothing was changed.
            Rejected: there is no such path, or a value is not valid; nothing was changed.
            Malformed: this is no JSON Patch.
        """
        return await self._conversation.ask(calls.json_patch(operations, options))

    async def put(self, path: str, value: object, **options: Unpack[WriteOptions]) -> Receipt:
        """Replace the value at a path; options and errors as in ``set``.

        Args:
            path: as in ``get``; an item of a list is named by its index, ``"model.hidden.0"``.
            value: the new value.
            options: as in ``set``.
        """
        return await self._conversation.ask(calls.put(path, value, options))

    async def reset(self, path: str = "", **options: Unpack[WriteOptions]) -> Receipt:
        """Set a value back to its initial value; options and errors as in ``set``.

        Args:
            path: as in ``get``. Default: the whole state.
            options: as in ``set``.
        """
        return await self._conversation.ask(calls.reset(path, options))

    async def call(
        self,
        action: str,
        given: Mapping[str, object] | None = None,
        /,
        *,
        wait: float = 0.0,
        note: str | None = None,
        key: str | None = None,
        at_step: int | None = None,
        at_epoch: int | None = None,
        **arguments: object,
    ) -> Receipt:
        """Call an action of the program; ``receipt.result`` is its return value.

        Args:
            action: the name of the action.
            given: arguments of the action whose names are those of options, such as ``{"key": 3}``.
            arguments: the other arguments of the action.
            wait: seconds to wait, at most 60, until the action has ended.
            note: the reason, for whoever reads the journal.
            key: the Idempotency-Key: a call that is sent again with it returns the receipt of the first one.
            at_step: call the action when the program has done this many steps.
            at_epoch: call the action when the program is in this epoch.

        Raises:
            NotFound: the program has no such action.
            Rejected: an argument is not valid.
            Failed: the action raised an error in the program, within ``wait``.
        """
        body = {**(given or {}), **arguments}
        options = WriteOptions(wait=wait, note=note, key=key, at_step=at_step, at_epoch=at_epoch)
        return await self._conversation.ask(calls.action(action, body, options))

    async def cancel(self, receipt_id: str) -> Receipt:
        """Cancel a request that was accepted and is not applied yet.

        Args:
            receipt_id: the ``id`` of its receipt.

        Raises:
            RunOver: the request is being applied or has ended.
        """
        return await self._conversation.ask(calls.cancel(receipt_id))

    async def wait(self, receipt: Receipt | str, timeout: float = 60.0) -> Receipt:
        """Wait until a request has ended and return its receipt; ``receipt.status`` is the outcome.

        Args:
            receipt: the receipt, or its id.
            timeout: seconds to wait.

        Raises:
            TimeoutError: the request has not ended within ``timeout``; it stays accepted.
        """
        return await self._conversation.wait(receipt, timeout)

    async def wait_for(
        self,
        *,
        step: int | None = None,
        epoch: int | None = None,
        phase: str | None = None,
        timeout: float = 60.0,
    ) -> RunFacts:
        """Wait until the run has reached a step, an epoch and a run phase; return the facts of the run.

        Args:
            step, epoch: reached when the run is there or past it. Default: any.
            phase: reached when the run is in this run phase, such as ``"training"``. Default: any.
            timeout: seconds to wait.

        Raises:
            RunOver: the run has ended before.
            TimeoutError: the run is not there within ``timeout``.
        """
        return await self._conversation.wait_for(step, epoch, phase, timeout)

    def events(
        self,
        *types: str,
        last_id: str | None = None,
        reconnect: float = 10.0,
    ) -> AsyncIterator[Event]:
        """Yield the events of the run until it ends; if the connection breaks, none is lost or repeated.

        Args:
            types: event types to yield: ``state``, ``receipt``, ``run``, ``progress``, ``metrics``.
                Default: all.
            last_id: the id of the last event that you have seen; ``"<run id>-0"`` starts with the oldest
                event that the run remembers. Default: only new events.
            reconnect: seconds without a server, after a break, until it gives up.

        Raises:
            Unreachable: there is no server.
        """
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
        return client_page(self._address, repr(self))
