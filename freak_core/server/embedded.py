"""Embedded: the same routes inside the user's own app, in the user's own process."""

import asyncio
from typing import Any, Protocol

from fastapi import FastAPI, Request

from freak_core.errors import ConfigurationError
from freak_core.protocol import Hello
from freak_core.protocol import Request as WriteRequest
from freak_core.server.api.access import Access
from freak_core.server.app import mount_pages, mount_routes
from freak_core.server.mirror.mirror import Mirror


class Program(Protocol):
    """The program's side of the link."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""

    def hello(self) -> Hello:
        """Return who we are."""

    def answer(self, request: WriteRequest) -> None:
        """Carry out one request; the reply comes as a message."""

    def read(self) -> tuple[int, Any] | None:
        """Return revision and value of the state at this moment, None where that would take long."""


class EmbeddedMirror(Mirror):
    """A mirror in the program's own process: it reads the state itself instead of a copy.

    Attributes:
        access: who may reach it; the tokens are the program's.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(self._carry_out)
        self.adopt(program)

    def adopt(self, program: Program) -> None:
        """Speak for a program from now on."""
        self._program = program
        hello = program.hello()
        self.access: Access = Access(
            hello["token"], hello["read_token"], hosts=hello["allowed_hosts"] or None
        )

    @property
    def taken(self) -> bool:
        """Whether the program that it speaks for still runs."""
        return self._program.running and not self.ended

    async def check(self, request: Request) -> None:
        """Let a request with a token pass, as a dependency of every route; see ``Access``."""
        await self.access(request)

    async def same_site(self, request: Request) -> None:
        """Let a request without a token pass; see ``Access``."""
        await self.access.same_site(request)

    async def current(self) -> tuple[int, Any]:
        """Return revision and value as they are now, with what the program itself has just changed."""
        return await asyncio.to_thread(self._program.read) or await super().current()

    def _carry_out(self, request: WriteRequest) -> None:
        asyncio.get_running_loop().run_in_executor(None, self._program.answer, request)


def mount(app: FastAPI, program: Program) -> EmbeddedMirror:
    """Mount the routes into ``app``; requests are carried out on a worker thread of its event loop.

    An app that has them from a program before keeps them, for this one. Whoever serves the app decides
    under which names it is reached: unless ``allowed_hosts`` says otherwise the Host header is not checked.
    The token is needed here too.

    Raises:
        ConfigurationError: the program before still runs.
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
                f"another Freak has {prefix or '/'} of this app: stop() it, or use another prefix"
            )
        mirror.adopt(program)
        return mirror
    mirror = mirrors[prefix] = EmbeddedMirror(program)
    mount_routes(app, mirror, mirror.check, prefix)
    if prefix:  # without one, these pages would be in the place of the app's own
        mount_pages(app, mirror.same_site, prefix, hello["docs_url"])
    return mirror
