"""The messages between the program and its server process: one JSON object a line, told apart by ``type``.

    program → server    hello      the run, the tokens, the schema, and everything so far
                        event      state, receipt, run, progress or metrics, numbered; a state event has
                                   ``changed``, what differs from the state that was sent before
                        actions    the actions, where the program has registered another
                        reply      to one request: a receipt or a problem
    server → program    request    a write: patch, put, reset, action, json_patch or cancel

End-of-file means that the other side is gone.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Literal, NotRequired, TypeAlias, TypedDict

from freak_core.messages.write_options import WriteOptions
from freak_core.text.strict_json import JSON, dumps

EventType = Literal["state", "receipt", "run", "progress", "metrics"]
EVENT_TYPES: tuple[EventType, ...] = ("state", "receipt", "run", "progress", "metrics")
UNRECORDED = "unrecorded_points"
"""The fact of a run that says how many points of metrics the program has published and could not send."""

Data: TypeAlias = dict[str, Any]
"""A JSON object whose keys depend on the kind of message."""


class ActionInfo(TypedDict):
    """An action, as clients see it. ``arguments`` is a JSON schema."""

    description: str
    arguments: Data
    confirm: bool


class Event(TypedDict):
    """Something that has happened. ``seq`` counts the events of a run; it is set when one is passed on."""

    type: Literal["event"]
    event: EventType
    data: Data
    seq: NotRequired[int]


class Hello(TypedDict):
    """The first message to a server.

    ``boot`` is the id of the run, which ETags begin with. ``events`` are the newest, ``floor`` is the number
    of the event before them, ``history`` has older metrics. ``folder`` is where metrics, state and ending are
    written; None for nowhere.
    """

    type: Literal["hello"]
    boot: str
    token: str
    read_token: str
    prefix: str
    host: str
    allowed_hosts: Sequence[str]
    docs_url: str
    log_level: str
    certificate: tuple[str, str | None] | None
    schema: Data
    actions: dict[str, ActionInfo]
    revision: int
    value: Data
    receipts: list[Data]
    run: Data
    floor: int
    events: list[Event]
    history: list[Data]
    folder: NotRequired[str | None]


class Actions(TypedDict):
    """The actions of a program, after one was added."""

    type: Literal["actions"]
    actions: dict[str, ActionInfo]


class Reply(TypedDict):
    """The answer to the request with this ``id``: either a receipt or a problem document."""

    type: Literal["reply"]
    id: str
    receipt: NotRequired[Data]
    problem: NotRequired[Data]


class Order(TypedDict):
    """What a request asks for. ``path`` has keys; ``target`` is an action to call, or a receipt to cancel."""

    kind: Literal["patch", "put", "reset", "action", "json_patch", "cancel"]
    path: list[str]
    body: JSON
    target: str | None
    by: str
    options: WriteOptions


class Request(Order):
    """An order on its way to the program. The reply has the same ``id``.

    ``deadline`` is a time of ``time.monotonic``, which is the same in all processes of a machine. The program
    does not begin with a request after it: the client has been told that it is not carried out.
    """

    type: Literal["request"]
    id: str
    deadline: float


FromProgram: TypeAlias = Hello | Event | Actions | Reply
Message: TypeAlias = FromProgram | Request


def encode(message: Message) -> bytes:
    """Return a message as one line of bytes."""
    return dumps(message).encode() + b"\n"


def write(stream: BinaryIO, data: bytes) -> None:
    """Write all of ``data`` to an unbuffered stream."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def read(stream: BinaryIO) -> Iterator[FromProgram]:
    """Yield the messages of a program until it is gone."""
    for line in stream:
        if not line.endswith(b"\n"):
            return
        yield json.loads(line)
