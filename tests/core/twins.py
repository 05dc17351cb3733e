"""Runs one test with ``Client`` and with ``AsyncClient``."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from typing import Any, Self

from freak_core import AsyncClient, Client

TWINS = ("Client", "AsyncClient")


class Awaited:
    """An ``AsyncClient`` whose answers are waited for, on an event loop in a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: AsyncClient) -> None:
        self._loop = loop
        self.client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        return self._waiting(found) if inspect.iscoroutinefunction(found) else found

    def _waiting(self, method: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(method(*args, **kwargs), self._loop).result(120)

        return call

    def events(self, *types: str, **options: Any) -> Iterator[Any]:
        stream: Any = self.client.events(*types, **options)

        async def following() -> Any:
            return await anext(stream, None)

        async def closing() -> None:
            await stream.aclose()

        try:
            while (event := self._waiting(following)()) is not None:
                yield event
        finally:
            self._waiting(closing)()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting(self.client.close)()


class Twin:
    """Makes clients of one kind; close it at the end."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def __call__(self, *args: Any, **options: Any) -> Any:
        if self.kind == "Client":
            return Client(*args, **options)
        return Awaited(self._loop, AsyncClient(*args, **options))

    def find(self, *args: Any, **options: Any) -> Any:
        if self.kind == "Client":
            return Client.find(*args, **options)
        finding = AsyncClient.find(*args, **options)
        return Awaited(self._loop, asyncio.run_coroutine_threadsafe(finding, self._loop).result(120))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())  # as asyncio.run() does
        self._loop.close()
