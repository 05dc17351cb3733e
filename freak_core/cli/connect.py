"""Which run: from what somebody typed, or from there being only one, to a client for it."""

import os
import re
import shlex
from urllib.parse import urlsplit

import typer

from freak_core.addresses import is_loopback
from freak_core.cli.exit_codes import NoSuchRun
from freak_core.cli.finished_runs import newest_ended, obituary
from freak_core.client.client import Client
from freak_core.errors import NotFound, Unreachable
from freak_core.phases import ENDED
from freak_core.runs.live_runs import chosen, list_runs, named
from freak_core.runs.run_file import Run
from freak_core.runs.tunnel import tunnel_command

_ADDRESS = re.compile(r"[\w.-]+:\d+(/.*)?|\w+://.*|\[[0-9a-fA-F:]+\]:\d+(/.*)?")


def connect(wanted: str | None, *, reading: bool = False, timeout: float = 10.0) -> Client:
    """Return a client for a run by id, name, job id, the beginning of one, or URL; or for the only one.

    With ``reading``, its token is the one that may only read, where the run's file has one.
    The run has ``timeout`` seconds to answer.

    Raises:
        NoSuchRun: there is none, more than one, or it is on a machine that cannot be reached from here.
    """
    if wanted and _is_address(wanted):
        return Client(wanted, _token_for(wanted), timeout=timeout)
    run = find(wanted)
    if not run.near:
        raise NoSuchRun(
            f"{run.name!r} is on {run.host}, out of reach from here. Make a tunnel:\n"
            f"  {tunnel_command(run)}\nthen, in another shell:\n"
            f'  export FREAK_RUN="$(freak open {shlex.quote(run.name)})"'
        )
    return _ClientOf(run, (reading and run.read_token) or run.token, timeout)


class _ClientOf(Client):
    """A client that can tell a run that has ended meanwhile from one that does not answer."""

    def __init__(self, run: Run, token: str, timeout: float) -> None:
        super().__init__(run.url, token, timeout=timeout)
        self._id = run.id

    def __exit__(self, *raised: object) -> None:
        self.close()
        lost = any(isinstance(each, Unreachable) for each in raised)
        facts = newest_ended(self._id) if lost else None
        if facts is not None and facts["state"] in ENDED:
            raise NoSuchRun(obituary(facts)) from None


def find(wanted: str | None) -> Run:
    """Return a run by what somebody typed, on whatever machine.

    Raises:
        NoSuchRun: there is none, or more than one.
    """
    if wanted and _is_address(wanted):
        return _at(connect(wanted))
    runs = list_runs()
    try:
        return chosen(wanted, runs)
    except NotFound as refused:
        facts = None if named(wanted, runs) else newest_ended(wanted, {run.id for run in runs})
        if facts is not None and wanted is not None:
            raise NoSuchRun(obituary(facts)) from None
        the_last = f"\n{obituary(facts)}" if facts is not None else ""
        what_to_do = "\nname one with --run or FREAK_RUN" if runs else the_last
        raise NoSuchRun(refused.detail + what_to_do) from None


def _at(client: Client) -> Run:
    with client:
        facts = client.run()
        token = client.link.partition("#token=")[2]
    known = {name: facts[name] for name in ("id", "name", "host", "pid", "started_at")}
    return Run(**known, url=client.url, token=token, journal=facts.get("journal_path"))


def _is_address(wanted: str) -> bool:
    """Whether somebody gave a URL, and no name.

    Raises:
        typer.BadParameter: it is a broken one.
    """
    if not _ADDRESS.fullmatch(wanted):
        return False
    try:
        _place(wanted)
    except ValueError as error:
        raise typer.BadParameter(f"{wanted!r} is no URL: {error}") from None
    return True


def _token_for(url: str) -> str | None:
    """Return the token of the run of this machine that listens there, unless somebody gave one."""
    if "#token=" in url or os.environ.get("FREAK_TOKEN"):
        return None
    return next((run.token for run in list_runs() if run.near and _place(run.url) == _place(url)), None)


def _place(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url if "://" in url else f"//{url}")
    host = parts.hostname or ""
    return "localhost" if is_loopback(host) else host, parts.port
