"""Freak: remote control of running programs."""

from importlib import import_module
from typing import TYPE_CHECKING

from freak_core.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    Failed,
    FreakError,
    Malformed,
    NotFound,
    PatchTestFailed,
    PortTaken,
    Refused,
    Rejected,
    RunOver,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unreachable,
    UnsupportedMedia,
    refusal,
)
from freak_core.phases import Ending
from freak_core.receipts import Applied, ChangedValue, Receipt
from freak_core.runs.journal import read_journal
from freak_core.text.strict_json import plain

if TYPE_CHECKING:
    from freak_core.client.async_client import AsyncClient
    from freak_core.client.client import Client
    from freak_core.program.actions import Action
    from freak_core.program.control import control
    from freak_core.program.freak import Freak
    from freak_core.program.store import Store
    from freak_core.program.write_request import Entry, Write

__all__ = [
    "AccessDenied",
    "Action",
    "Applied",
    "AsyncClient",
    "ChangedValue",
    "Client",
    "ConfigurationError",
    "Conflict",
    "Ending",
    "Entry",
    "Failed",
    "Freak",
    "FreakError",
    "Malformed",
    "NotFound",
    "PatchTestFailed",
    "PortTaken",
    "Receipt",
    "Refused",
    "Rejected",
    "RunOver",
    "Store",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unreachable",
    "UnsupportedMedia",
    "Write",
    "control",
    "plain",
    "read_journal",
    "refusal",
]


_IMPORTED_WHEN_USED = {
    "AsyncClient": "freak_core.client.async_client",
    "Client": "freak_core.client.client",
    "Action": "freak_core.program.actions",
    "control": "freak_core.program.control",
    "Freak": "freak_core.program.freak",
    "Store": "freak_core.program.store",
    "Entry": "freak_core.program.write_request",
    "Write": "freak_core.program.write_request",
}


def __getattr__(name: str) -> object:
    """Import a program's part only in a program, and a client's, which needs httpx, only in a client."""
    if name not in _IMPORTED_WHEN_USED:
        raise AttributeError(f"module 'freak_core' has no attribute {name!r}")
    found: object = getattr(import_module(_IMPORTED_WHEN_USED[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
