"""``control``: puts an object under remote control, in one line."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from freak_core.program.arguments import Apply
from freak_core.program.freak import Freak

if TYPE_CHECKING:
    from fastapi import FastAPI

State = TypeVar("State", bound=BaseModel)


def control(
    state: State,
    app: "FastAPI | None" = None,
    serve: bool | None = None,
    prefix: str | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    docs_url: str | None = "/docs",
    uvicorn_log_level: str = "error",
    *,
    name: str | None = None,
    token: str | None = None,
    apply: Apply = "now",
    journal: str | os.PathLike[str] | None = None,
    allowed_hosts: Sequence[str] = (),
    uds: str | os.PathLike[str] | None = None,
    token_file: str | os.PathLike[str] | None = None,
    ssl_certfile: str | os.PathLike[str] | None = None,
    ssl_keyfile: str | os.PathLike[str] | None = None,
) -> Freak[State]:
    """Put ``state`` under remote control, in one line; see ``Freak`` for the other arguments.

    Args:
        state: a pydantic model instance; it is changed in place.
        serve: ``False`` to start the server later with ``serve()``; ``True`` to serve your own ``app``, too,
            in a thread of this process. Default: serve unless you pass an ``app``.

    >>> from pydantic import BaseModel
    >>> class State(BaseModel):
    ...     lr: float = 1e-3
    >>> freak = control(State())
    >>> freak.stop()
    """
    freak = Freak(
        app,
        prefix,
        host,
        port,
        docs_url,
        uvicorn_log_level,
        name=name,
        token=token,
        apply=apply,
        journal=journal,
        allowed_hosts=allowed_hosts,
        uds=uds,
        token_file=token_file,
        ssl_certfile=ssl_certfile,
        ssl_keyfile=ssl_keyfile,
    )
    return freak.control(state, serve=serve)
