"""Finds the run that a command is about, and connects to it."""

import contextlib
import re
import shlex
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

import typer

from freak_core.addresses import token_in
from freak_core.cli.durations import short
from freak_core.cli.exit_codes import NoSuchRun
from freak_core.cli.terminal import say
from freak_core.client.client import Client
from freak_core.client.transport import completed
from freak_core.errors import NotFound, Unreachable
from freak_core.phases import ENDED, because
from freak_core.reach.forwarding import Forwarding
from freak_core.runs.live_runs import chosen, list_runs, named
from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import RunFolder
from freak_core.runs.stored_runs import StoredRun, find_stored, open_run
from freak_core.runs.tunnel import tunnel_command
from freak_core.text.timestamps import age
from freak_core.token_file import token_of_environment

_ADDRESS = re.compile(r"[\w.-]+:\d+(/.*)?|\w+://.*|\[[0-9a-fA-F:]+\]:\d+(/.*)?")


def connect(
    wanted: str | None,
    *,
    reading: bool = False,
    ended: bool = False,
    silent: bool = False,
    timeout: float = 10.0,
) -> Client:
    """Return a client for a run.

    Args:
        wanted: its id, name or job id, the beginning of an id or name, or its URL. Default: the only run.
        reading: use the read-only token, if the run's file has one.
        ended: where no live run fits, read the folder of the newest ended run with this name or id,
            and say on stderr how it ended.
        silent: do not say how it ended.
        timeout: seconds that the run has to answer.

    Raises:
        NoSuchRun: no run or several runs fit, or the run cannot be reached from this machine.
    """
    if wanted and wanted.startswith("file://"):
        return Client(wanted, timeout=timeout)
    if wanted and _is_address(wanted):
        found = _run_at(wanted)
        if found is None:
            return Client(wanted, timeout=timeout)
        run = found  # by its own URL: what was typed may lead elsewhere, too
    else:
        stored = ended_run(wanted) if ended else None
        if stored is not None:
            if not silent:
                say(how_it_ended(stored))
            return Client(stored.path.absolute().as_uri(), timeout=timeout)
        run = find(wanted)
    try:
        return ClientOf(run, (reading and run.read_token) or run.token, timeout)
    except Unreachable as refused:
        raise NoSuchRun(
            f"{refused.detail}\nOr open a tunnel:\n"
            f"  {tunnel_command(run)}\nthen, in another shell:\n"
            f'  export FREAK_RUN="$(freak open {shlex.quote(run.name)})"'
        ) from None


class ClientOf(Client):
    """A client that says so if its run does not answer because it has ended meanwhile.

    Args:
        run: the run, of this machine or another one.
        token: the token for it.
        timeout: seconds that the run has to answer, once its machine is reached.
        forwarding: reaches the other machine; the caller closes it. Default: one of its own.

    Raises:
        NoSuchRun: the run has ended.
        Unreachable: the machine cannot be reached.
    """

    def __init__(self, run: Run, token: str, timeout: float, forwarding: Forwarding | None = None) -> None:
        super().__init__(run.url, token, timeout=timeout, ssl_ca_certs=run.ssl_certfile)
        self._id = run.id
        try:
            own = forwarding or Forwarding(say)
            completed(self._connection.reach(run, own, shared=forwarding is not None))
        except Unreachable:
            self.close()
            self._unless_ended()
            raise

    def __exit__(self, *raised: object) -> None:
        self.close()
        if any(isinstance(each, Unreachable) for each in raised):
            self._unless_ended()

    def _unless_ended(self) -> None:
        """Raise ``NoSuchRun`` if the run has ended by now."""
        ended = find_stored(self._id, {run.id for run in list_runs()})
        if ended is not None and ended.phase in ENDED:
            raise NoSuchRun(how_it_ended(ended)) from None


def find(wanted: str | None) -> Run:
    """Return a run of any machine that shares Freak's folder; ``wanted`` as in ``connect``.

    Raises:
        NoSuchRun: no run or several runs fit.
    """
    if wanted and _is_address(wanted):
        return _at(connect(wanted))
    runs = list_runs()
    try:
        return chosen(wanted, runs)
    except NotFound as refused:
        ended = None if named(wanted, runs) else find_stored(wanted, {run.id for run in runs})
        if ended is not None and wanted is not None:
            raise NoSuchRun(how_it_ended(ended)) from None
        last = f"\n{how_it_ended(ended)}" if ended is not None else ""
        what_to_do = "\nchoose one with --run or FREAK_RUN" if runs else last
        raise NoSuchRun(refused.detail + what_to_do) from None


def ended_run(wanted: str | None) -> StoredRun | None:
    """Return the newest ended run with this name or id, unless a live run has it, or none was named."""
    runs = list_runs()
    if wanted is None or named(wanted, runs):
        return None
    return find_stored(wanted, {run.id for run in runs})


def folder_of(client: Client) -> StoredRun | None:
    """Return what the folder of a run tells: the folder that the client reads, or the one in this home."""
    if client.url.startswith("file://"):
        return open_run(Path(unquote(urlsplit(client.url).path)))
    return open_run(RunFolder(client.run()["id"]).path)


def how_it_ended(run: StoredRun) -> str:
    """Return a sentence that says how and when a run has ended."""
    facts = run.facts()
    why = f" ({because(facts)})" if because(facts) else ""
    seconds = age(run.ended_at)
    ago = "" if seconds is None else f", {short(seconds)} ago"
    return f"the run {run.name!r} has ended: {run.phase}{why}{ago}"


def _at(client: Client) -> Run:
    with client:
        facts = client.run()
        token = token_in(client.link)[1]
    return Run(
        id=facts["id"],
        name=facts["name"],
        host=facts["host"],
        pid=facts["pid"],
        started_at=facts["started_at"],
        url=client.url,
        token=token,
        journal=facts.get("journal_path"),
    )


def _is_address(wanted: str) -> bool:
    """Whether ``wanted`` is a URL rather than a name.

    Raises:
        typer.BadParameter: the URL is not valid.
    """
    if not _ADDRESS.fullmatch(wanted):
        return False
    try:
        _place(wanted)
    except ValueError as error:
        raise typer.BadParameter(f"{wanted!r} is not a URL: {error}") from None
    return True


def _run_at(url: str) -> Run | None:
    """Return the run of this machine that listens at the very address of ``url``, unless a token is given."""
    if "#token=" in url or token_of_environment():
        return None
    host, port = _place(url)
    return next((run for run in list_runs() if run.near and _is_at(_place(run.url), host, port)), None)


def _is_at(place: tuple[str, int | None], host: str, port: int | None) -> bool:
    """Whether a run listens at a host and port; ``localhost`` is what the hosts file says."""
    if host != "localhost" or place[1] != port:
        return place == (host, port)
    with contextlib.suppress(OSError):
        return place[0] in {each[4][0] for each in socket.getaddrinfo(host, port)}
    return False


def _place(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url if "://" in url else f"//{url}")
    return parts.hostname or "", parts.port
