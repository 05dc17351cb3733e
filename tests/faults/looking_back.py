"""Every way of looking at a run that has ended."""

from pathlib import Path
from typing import Any

from freak_core import Client, Refused
from tests.core.cli.shell import Ran

READING = (
    ("ls", "-a"),
    ("ls", "-a", "--json"),
    ("info", "{run}"),
    ("info", "{run}", "--json"),
    ("get", "--run", "{run}"),
    ("describe", "--run", "{run}"),
    ("metrics", "--run", "{run}"),
    ("log", "{run}"),
    ("log", "{run}", "--json"),
    ("watch", "{run}", "--since", "0"),
    ("watch", "{run}", "--since", "0", "--json"),
    ("compare", "{run}", "{run}"),
    ("export", "{run}"),
    ("export", "{run}", "--format", "json"),
    ("prune",),
)
"""Commands that read the folder of an ended run and change nothing."""


def run_commands(run: str) -> dict[str, Ran]:
    """Run each command for a run; return what it printed. An exception in one fails the test."""
    ran = {}
    for command in READING:
        words = tuple(word.format(run=run) for word in command)
        ran[" ".join(command).replace(" {run}", "")] = Ran(words, None)
    return ran


def ask_client(run: str | Path) -> dict[str, Any]:
    """Return what a client of an ended run answers; of exceptions, only ``Refused`` is an answer."""
    client = Client(run.as_uri()) if isinstance(run, Path) else Client.find(run, ended=True)
    told: dict[str, Any] = {}
    with client:
        for name in ("run", "state", "schema", "actions", "receipts", "series", "revision"):
            try:
                told[name] = getattr(client, name)()
            except Refused as refused:
                told[name] = refused
        told["events"] = list(client.events(last_id="0"))
    return told
