"""control(): the one line that puts a state under remote control."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel

from freak_core.program.freak import Freak
from freak_core.program.write_request import Apply

if TYPE_CHECKING:
    from fastapi import FastAPI


def control(
    state: BaseModel,
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
) -> Freak:
    """Put ``state`` under remote control, in one line; see ``Freak`` for the arguments.

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
    )
    return freak.control(state, serve=serve)
