"""The routes inside the user's own app, in the user's own process."""

import asyncio
from typing import Protocol

from fastapi import FastAPI, Request

from freak_core.errors import ConfigurationError, Unreachable
from freak_core.messages.protocol import FromProgram, Hello
from freak_core.messages.protocol import Request as WriteRequest
from freak_core.server.api.access import Access
from freak_core.server.app import mount_pages, mount_routes
from freak_core.server.mirror.mirror import Mirror
from freak_core.server.mirror.recorder import Recorder, recording
from freak_core.text.strict_json import JSON, dumps


class Program(Protocol):
    """What the server needs of a program in its own process."""

    @property
    def running(self) -> bool:
        """True until the program ends."""

    def hello(self) -> Hello:
        """Return the first message to a server."""

    def answer(self, request: WriteRequest) -> None:
        """Carry out one request. The reply comes to the mirror as a message."""

    def read(self) -> tuple[int, JSON] | None:
        """Return revision and value of the state now; None if that would take long."""


class EmbeddedMirror(Mirror):
    """A mirror in the program's own process: it reads the state itself, not a copy.

    Attributes:
        access: checks the program's tokens.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(self._carry_out)
        self._recorder: Recorder | None = None
        self.adopt(program)

    def adopt(self, program: Program) -> None:
        """Serve this program from now on."""
        self._program = program
        hello = program.hello()
        self.forked: bool = False
        """Whether this process is a child that the program has forked: what it has is frozen."""
        self.access: Access = Access(
            hello["token"], hello["read_token"], hosts=hello["allowed_hosts"] or None
        )

    def receive(self, message: FromProgram) -> None:
        """Store one message from the program, and record it."""
        super().receive(message)
        if message["type"] == "hello":
            self._recorder = recording(self, message)
        elif self._recorder is not None:
            self._recorder.receive(message)

    def end(self) -> None:
        """Note that the program has ended: event streams end, writes are refused, the record is completed."""
        super().end()
        if self._recorder is not None:
            self._recorder.close(0.5)
            self._recorder = None

    @property
    def taken(self) -> bool:
        """True while the program that it serves runs."""
        return self._program.running and not self.ended

    async def check(self, request: Request) -> None:
        """Accept a request with a token; see ``Access``."""
        self._refuse_in_child()
        await self.access(request)

    async def same_site(self, request: Request) -> None:
        """Accept a request to a page that needs no token; see ``Access``."""
        self._refuse_in_child()
        await self.access.same_site(request)

    def _refuse_in_child(self) -> None:
        if self.forked:
            raise Unreachable(
                "this worker process was forked from the program and has none of its changes: "
                "call control() in the worker, or serve the app from one process"
            )

    async def current(self) -> tuple[int, JSON]:
        """Return revision and value of the state now, with changes that the program itself made."""
        return await asyncio.to_thread(self._program.read) or await super().current()

    def as_json(self, value: object) -> str:
        """Return a value as JSON. It may be the program's own, which changes in place: nothing is kept."""
        return dumps(value)

    def _carry_out(self, request: WriteRequest) -> None:
        asyncio.get_running_loop().run_in_executor(None, self._program.answer, request)


def mount(app: FastAPI, program: Program) -> EmbeddedMirror:
    """Add the routes to ``app``. Requests are carried out on worker threads of its event loop.

    If ``app`` has the routes of an earlier program under the same prefix, they serve this program from now
    on. Requests need a token. The Host header is checked only with ``allowed_hosts``.

    Raises:
        ConfigurationError: the earlier program still runs.
    """
    hello = program.hello()
    prefix = hello["prefix"]
    if not hasattr(app.state, "freak_mirrors"):
        app.state.freak_mirrors = {}
    mirrors: dict[str, EmbeddedMirror] = app.state.freak_mirrors
    mirror = mirrors.get(prefix)
    if mirror is not None:
        if mirror.taken:
            raise ConfigurationError(
                f"another Freak serves {prefix or '/'} of this app: stop() it, or use another prefix"
            )
        mirror.adopt(program)
        return mirror
    mirror = mirrors[prefix] = EmbeddedMirror(program)
    mount_routes(app, mirror, mirror.check, prefix)
    if prefix:  # without a prefix, these pages would replace pages of the app
        mount_pages(app, mirror.same_site, prefix, hello["docs_url"])
    return mirror
