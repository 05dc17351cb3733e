"""``freak open``, ``tunnel`` and ``token``: how to get to a run."""

import contextlib
import os
import sys
import webbrowser
from typing import Annotated

import typer

from freak_core.cli.connect import find
from freak_core.cli.exit_codes import NoSuchRun, exits
from freak_core.cli.options import JsonOption, RunArgument, RunOption
from freak_core.cli.redirect_page import publish_page
from freak_core.cli.terminal import say, show, show_json
from freak_core.runs.run_file import Run
from freak_core.runs.tunnel import link_through_tunnel, tunnel_command

PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", min=1, max=65535, help="Port at your end of the tunnel; the run's own if you give none."
    ),
]
ReadOnlyOption = Annotated[bool, typer.Option("--read-only", help="With the token that may read only.")]


@exits
def link(
    name: RunArgument = None,
    print_only: Annotated[bool, typer.Option("--print", help="Start no browser.")] = False,
    read_only: ReadOnlyOption = False,
    port: PortOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the link of the dashboard, which holds the token, and open it where there is a browser."""
    found = _with_token(find(name or run), read_only=read_only)
    address = found.link if found.near and port is None else link_through_tunnel(found, port)
    if as_json:
        show_json({"link": address, "tunnel": None if found.near else tunnel_command(found, port)})
    else:
        show(address)
    if not found.near or "SSH_CONNECTION" in os.environ:
        say(f"from your machine, first: {tunnel_command(found, port)}")
    elif not print_only and sys.stdout.isatty() and _has_screen():
        with contextlib.suppress(OSError):  # no page, no browser: the link is printed
            webbrowser.open(publish_page(found, address).as_uri())


@exits
def tunnel(
    name: RunArgument = None, port: PortOption = None, run: RunOption = None, as_json: JsonOption = False
) -> None:
    """Print the ssh command that brings a run of another machine to yours."""
    found = find(name or run)
    if as_json:
        show_json({"tunnel": tunnel_command(found, port), "link": link_through_tunnel(found, port)})
    else:
        show(tunnel_command(found, port))
        say("let it run, and open what 'freak open' says")


@exits
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


def _with_token(run: Run, *, read_only: bool) -> Run:
    if not read_only:
        return run
    if not run.read_token:
        raise NoSuchRun("its file says nothing of a token that may read only; ask on the machine of the run")
    return run.model_copy(update={"token": run.read_token})


def _has_screen() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
