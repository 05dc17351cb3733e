"""Embedded: the same routes inside the user's own app, in the user's own process."""

import asyncio
from typing import Any, Protocol

from fastapi import FastAPI

from freak_core.server.access import Access
from freak_core.server.app import mount_pages, mount_routes
from freak_core.server.mirror import Mirror
from freak_core.wire import Message


class Program(Protocol):
    """The program's side of the link."""

    def hello(self) -> Message:
        """Return who we are."""

    def answer(self, request: Message) -> None:
        """Carry out one request; the reply comes as a message."""

    def read(self) -> tuple[int, Any]:
        """Return revision and value of the state at this moment."""


class EmbeddedMirror(Mirror):
    """A mirror in the program's own process: it reads the state itself instead of a copy."""

    def __init__(self, program: Program) -> None:
        super().__init__(self._carry_out)
        self._program = program

    def adopt(self, program: Program) -> None:
        """Speak for another program from now on: the next state under control."""
        self._program = program

    async def current(self) -> tuple[int, Any]:
        """Return revision and value as they are now, with what the program itself has just changed."""
        return await asyncio.to_thread(self._program.read)

    def _carry_out(self, request: Message) -> None:
        asyncio.get_running_loop().run_in_executor(None, self._program.answer, request)


def mount(app: FastAPI, program: Program) -> EmbeddedMirror:
    """Mount the routes into ``app``; requests are carried out on a worker thread of its event loop.

    Whoever serves the app decides under which names it is reached: unless ``allowed_hosts`` says
    otherwise the Host header is not checked. The token is needed here too.
    """
    mirror = EmbeddedMirror(program)
    hello = program.hello()
    access = Access(hello["token"], hello["read_token"], hosts=hello["allowed_hosts"] or None)
    mount_routes(app, mirror, access, hello["prefix"])
    if hello["prefix"]:  # without one, these pages would be in the place of the app's own
        mount_pages(app, access, hello["prefix"], hello["docs_url"])
    return mirror
