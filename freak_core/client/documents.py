"""The JSON documents that a run answers with, as types."""

from typing import Literal, NotRequired, TypeAlias, TypedDict

from freak_core.text.strict_json import JSON

MetricPoint: TypeAlias = "list[float | None]"
"""``[step, seconds since the epoch, value]``; ``value`` is ``None`` if the program logged NaN or infinity."""


class RunFacts(TypedDict):
    """The facts of a run, as ``GET /run`` answers. A program may add facts of its own.

    Attributes:
        id, name, host, pid, started_at: as in ``freak ls``; ``started_at`` is RFC 3339.
        phase: the run phase: ``running``, ``training``, ``paused``, ``finished`` and so on.
        world_size: the number of ranks.
        step, epoch, total_steps: progress, if the program publishes it.
        logged_step: the step that loggers use, in a training whose trainer counts others.
        steps_per_second, eta_s: the recent speed, and the seconds left at this speed.
        seconds_since_progress, stalled: seconds since the last step, and whether that is unusually
            long.
        revision, pending: the revision of the state, and the number of requests that are not applied yet.
        journal, journal_path: ``degraded`` if the journal cannot be written, and its file.
        apply, versions: when requests are applied, and versions of Python and libraries.
        access: what your token may do: ``owner`` or ``reader``.
        error: why the run has failed.
        in_force: once a training has started, what its steps use: ``groups`` has the scheduled and
            effective values of each param group, ``trainer`` the trainer's settings, ``by_path`` a text
            for each path in the state that can change one of them.
    """

    id: str
    name: str
    host: str
    pid: int
    started_at: str
    phase: str
    world_size: int
    step: NotRequired[int | None]
    logged_step: NotRequired[int | None]
    epoch: NotRequired[int | None]
    total_steps: NotRequired[int | None]
    steps_per_second: float | None
    eta_s: float | None
    seconds_since_progress: float | None
    stalled: bool
    revision: int
    pending: int
    journal: Literal["ok", "degraded"]
    journal_path: str
    apply: str
    versions: dict[str, str]
    access: Literal["owner", "reader"]
    error: NotRequired[str | None]
    in_force: NotRequired[dict[str, JSON]]


_Keywords = TypedDict("_Keywords", {"$ref": str, "$defs": "dict[str, Schema]"}, total=False)


class Schema(_Keywords, total=False):
    """A JSON schema, with the keywords that pydantic writes; ``unit`` is Freak's own."""

    type: str | list[str]
    properties: "dict[str, Schema]"
    additionalProperties: "Schema | bool"  # noqa: N815  JSON schema's name, like the next ones
    required: list[str]
    items: "Schema | bool"
    prefixItems: "list[Schema]"  # noqa: N815
    anyOf: "list[Schema]"  # noqa: N815
    oneOf: "list[Schema]"  # noqa: N815
    allOf: "list[Schema]"  # noqa: N815
    enum: list[JSON]
    const: JSON
    default: JSON
    title: str
    description: str
    readOnly: bool  # noqa: N815
    minimum: float
    exclusiveMinimum: float  # noqa: N815
    maximum: float
    exclusiveMaximum: float  # noqa: N815
    multipleOf: float  # noqa: N815
    pattern: str
    format: str
    unit: str


class ActionDescription(TypedDict):
    """An action, as ``GET /actions`` describes it.

    Attributes:
        description: the docstring of its function.
        arguments: the JSON schema of its arguments.
        confirm: whether a person should be asked before it is called.
    """

    description: str
    arguments: Schema
    confirm: bool
