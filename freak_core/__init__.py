"""Freak: remote control of running programs."""

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
from freak_core.program.actions import Action
from freak_core.program.control import control
from freak_core.program.freak import Freak
from freak_core.program.store import Store
from freak_core.program.write_request import Entry, Write
from freak_core.receipts import Applied, ChangedValue, Receipt
from freak_core.runs.journal import read_journal
from freak_core.text.strict_json import plain

if TYPE_CHECKING:
    from freak_core.client.async_client import AsyncClient
    from freak_core.client.client import Client

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


def __getattr__(name: str) -> object:
    """Import the clients, and httpx with them, only where somebody asks for one: a trainer never does."""
    if name == "Client":
        from freak_core.client.client import Client

        return Client
    if name == "AsyncClient":
        from freak_core.client.async_client import AsyncClient

        return AsyncClient
    raise AttributeError(f"module 'freak_core' has no attribute {name!r}")
