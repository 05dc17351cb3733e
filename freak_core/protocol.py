"""What the program and its server process say to each other: one JSON object a line.

    program → server    hello      who we are, the tokens, the schema, everything so far
                        event      numbered: state, receipt, run, progress, metrics
                        reply      to one request: a receipt or a problem
    server → program    request    a write: patch, put, reset, action or cancel

End-of-file means that the other side is gone.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal

from freak_core.strict_json import dumps

Message = dict[str, Any]
EventType = Literal["state", "receipt", "run", "progress", "metrics"]
EVENT_TYPES: tuple[EventType, ...] = ("state", "receipt", "run", "progress", "metrics")


def encode(message: Message) -> bytes:
    """Return a message as one line of bytes."""
    return dumps(message).encode() + b"\n"


def write(stream: BinaryIO, data: bytes) -> None:
    """Write all of ``data`` to an unbuffered stream."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def read(stream: BinaryIO) -> Iterator[Message]:
    """Yield messages until the other side is gone."""
    for line in stream:
        if not line.endswith(b"\n"):
            return
        yield json.loads(line)
