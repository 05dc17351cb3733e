"""``freak open``, ``tunnel`` and ``token``: the link, the ssh command and the token of a run."""

import contextlib
import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from freak_core.cli.browser import has_screen, redirect
from freak_core.cli.commands.ui import page_of, serve_until_interrupted, tell, with_page
from freak_core.cli.connect import ended_run, find, how_it_ended
from freak_core.cli.exit_codes import NoSuchRun
from freak_core.cli.options import JsonOption, RunArgument, RunOption
from freak_core.cli.terminal import say, show, show_json
from freak_core.runs.run_file import Run
from freak_core.runs.run_folder import PAGE, RunFolder
from freak_core.runs.stored_runs import StoredRun
from freak_core.runs.tunnel import link_through_tunnel, tunnel_command
from freak_core.ui.running_ui import DEFAULT_PORT, running

PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=1,
        max=65535,
        metavar="PORT",
        help="Port at your end of the tunnel to another machine. Default: the port of the run.",
    ),
]
ReadOnlyOption = Annotated[bool, typer.Option("--read-only", help="Use the read-only token.")]


def link(
    name: RunArgument = None,
    print_only: Annotated[bool, typer.Option("--print", help="Do not open a browser.")] = False,
    read_only: ReadOnlyOption = False,
    port: PortOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the link to the dashboard, token included, and open it in a browser if there is a screen.

    An ended run is shown by freak ui. If that is not running, this command starts it and serves it until
    Ctrl-C.
    """
    ended = ended_run(name or run)
    if ended is not None:
        _open_ended(ended, print_only=print_only, as_json=as_json)
        return
    found = _with_token(find(name or run), read_only=read_only)
    address = found.link if found.near and port is None else link_through_tunnel(found, port)
    if as_json:
        show_json({"link": address, "tunnel": None if found.near else tunnel_command(found, port)})
    else:
        show(address)
    if not found.near or "SSH_CONNECTION" in os.environ:
        say(f"first, on your own machine: {tunnel_command(found, port)}")
    elif not print_only and sys.stdout.isatty() and has_screen():
        with contextlib.suppress(OSError):  # without a browser the printed link must do
            webbrowser.open(redirect_page(found, address).as_uri())


def _open_ended(run: StoredRun, *, print_only: bool, as_json: bool) -> None:
    """Open the page of an ended run in ``freak ui``.

    Raises:
        NoSuchRun: ``freak ui`` does not run, and only its link is wanted.
    """
    page = page_of(run.path.name)
    say(how_it_ended(run))
    serves = running()
    if serves is None and (print_only or as_json):
        raise NoSuchRun("to see the page of a run that has ended, start 'freak ui'")
    if as_json and serves is not None:
        show_json({"link": with_page(serves.link, page), "tunnel": None})
    elif serves is not None:
        tell(serves.link, page, no_open=print_only)
    else:
        serve_until_interrupted("127.0.0.1", DEFAULT_PORT, page, no_open=False)


def tunnel(
    name: RunArgument = None, port: PortOption = None, run: RunOption = None, as_json: JsonOption = False
) -> None:
    """Print the command, ssh or kubectl, that makes a run on another machine reachable from yours."""
    found = find(name or run)
    if as_json:
        show_json({"tunnel": tunnel_command(found, port), "link": link_through_tunnel(found, port)})
    else:
        show(tunnel_command(found, port))
        say("run this command on your own machine, leave it running, and open the link of 'freak open'")


def token(
    name: RunArgument = None,
    read_only: ReadOnlyOption = False,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the token of a run, for 'Authorization: Bearer TOKEN'."""
    found = _with_token(find(name or run), read_only=read_only)
    if as_json:
        show_json({"token": found.token})
    else:
        show(found.token)


def redirect_page(run: Run, link: str) -> Path:
    """Write a page that redirects a browser to ``link`` into the folder of the run; return its path.

    A browser is started with this page, since other users can see the arguments of a process.
    """
    return RunFolder(run.id).write_secret(PAGE, redirect(link))


def _with_token(run: Run, *, read_only: bool) -> Run:
    if not read_only:
        return run
    if not run.read_token:
        raise NoSuchRun("the read-only token is not known here; run this command on the machine of the run")
    return run.model_copy(update={"token": run.read_token})
