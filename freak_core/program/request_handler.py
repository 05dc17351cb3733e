"""Carries out the requests that arrive from the server, one after the other."""

import logging
import os
import platform
import socket
import threading
import time
from importlib import metadata
from pathlib import Path
from typing import Protocol

from freak_core.errors import Failed, Refused, described
from freak_core.messages.protocol import ActionInfo, Data, Hello, Reply, Request
from freak_core.program.deadline import check_deadline
from freak_core.program.event_log import Feed
from freak_core.program.store import Store
from freak_core.program.write_request import Write
from freak_core.receipts import Receipt
from freak_core.state.json_schema import json_schema
from freak_core.text.strict_json import JSON
from freak_core.text.timestamps import now

logger: logging.Logger = logging.getLogger("freak")


class Served(Protocol):
    """What a server must know of its program; ``Freak`` is one."""

    id: str
    name: str
    token: str
    read_token: str
    prefix: str
    host: str
    journal_path: Path
    folder: Path | None
    allowed_hosts: tuple[str, ...]
    uvicorn_log_level: str
    certificate: tuple[str, str | None] | None
    docs_url: str


class Responder:
    """Submits each request to the store and sends the outcome as a reply.

    Args:
        store: the state and its requests.
        feed: sends the replies.
        served: the program.
    """

    def __init__(self, store: Store, feed: Feed, served: Served) -> None:
        self._store = store
        self._feed = feed
        self._served = served
        self._started_at = now()
        self._answering: set[int] = set()
        # Here, not in hello(): both import modules, and a child forked while another thread imports would
        # find their locks held for ever.
        self._schema = json_schema(type(store.model))
        self._versions = {"python": platform.python_version(), "freak": _version()}

    def hello(self) -> Hello:
        """Return the first message to a server: the run, its tokens, its state and its receipts."""
        served, store = self._served, self._store
        # If the program holds the lock for long, go on without it: reads must be answered all the same.
        # What is read here is replaced as a whole, never changed in place.
        locked = store.lock.acquire(timeout=0.2)
        try:
            return {
                "type": "hello",
                "boot": served.id,
                "token": served.token,
                "read_token": served.read_token,
                "prefix": served.prefix,
                "host": served.host,
                "allowed_hosts": served.allowed_hosts,
                "docs_url": served.docs_url,
                "log_level": served.uvicorn_log_level,
                "certificate": served.certificate,
                "schema": self._schema,
                "actions": self._actions(),
                "revision": store.revision,
                "value": store.public(),
                "receipts": [r.model_dump(mode="json") for r in store.receipts.since(0)],
                "run": self._run(),
                "floor": 0,
                "events": [],
                "history": [],
                "folder": None if served.folder is None else str(served.folder),
            }
        finally:
            if locked:
                store.lock.release()

    @property
    def running(self) -> bool:
        """Whether the program takes requests."""
        return self._store.closed is None

    def read(self) -> tuple[int, JSON] | None:
        """Return revision and value of the state; None if the program holds the lock for long."""
        if not self._store.lock.acquire(timeout=0.2):
            return None
        try:
            self._store.refresh()
            return self._store.revision, self._store.public()
        finally:
            self._store.lock.release()

    def tell_actions(self) -> None:
        """Send the server the list of actions, after one was added."""
        self._feed.tell({"type": "actions", "actions": self._actions()})

    def answer(self, request: Request) -> None:
        """Carry out one request; never raises."""
        self._answering.add(threading.get_ident())
        try:
            with self._store.context.answering():
                self._answer(request)
        finally:
            self._answering.discard(threading.get_ident())

    def wait(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds until no other thread answers a request."""
        deadline = time.monotonic() + timeout
        while self._answering - {threading.get_ident()} and time.monotonic() < deadline:
            time.sleep(0.005)

    def _answer(self, request: Request) -> None:
        reply = Reply(type="reply", id=request["id"])
        try:
            reply["receipt"] = self._carry_out(request).model_dump(mode="json")
        except Refused as refused:
            reply["problem"] = refused.problem()
        except BaseException as error:  # whatever the program's code raises, this thread goes on
            logger.exception("Freak could not carry out a request")
            reply["problem"] = Failed(f"Freak failed: {described(error)}").problem()
        self._feed.tell(reply)

    def _carry_out(self, request: Request) -> Receipt:
        deadline = request["deadline"]
        if request["kind"] == "cancel":
            with self._store.lock:
                check_deadline(deadline)
                return self._store.cancel(str(request["target"]))
        write = Write(
            kind=request["kind"],
            path=tuple(request["path"]),
            body=request["body"],
            name=request["target"],
            by=request["by"],
            **request["options"],
        )
        receipt = self._store.submit(write, deadline)
        if receipt.status == "rejected" and (refused := receipt.refused()) is not None:
            raise refused  # a repeated request, whose first one was rejected
        return receipt

    def _actions(self) -> dict[str, ActionInfo]:
        return {
            name: {
                "description": action.description,
                "arguments": action.schema,
                "confirm": action.confirm,
            }
            for name, action in self._store.actions.items()
        }

    def _run(self) -> Data:
        return {
            "id": self._served.id,
            "name": self._served.name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "phase": "running",
            "world_size": 1,
            "started_at": self._started_at,
            "journal_path": str(self._served.journal_path),
            "apply": self._store.apply_when,
            "versions": self._versions,
        }


def _version() -> str:
    try:
        return metadata.version("freak-control")
    except metadata.PackageNotFoundError:
        return "unknown"
