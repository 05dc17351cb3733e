"""The announcement: where a run is, and how to get there from another machine."""

import contextlib
import shlex
import sys
from urllib.parse import urlsplit

from freak_core.addresses import DEFAULT_PORT
from freak_core.runs.run_file import Run


def announce(run: Run) -> None:
    """Say where the run is; with the token only where a person reads along, never in a log file.

    Never raises: stderr may be None, closed, on a full disk, or anything that a library put in its place.
    """
    with contextlib.suppress(AttributeError, OSError, ValueError):
        if sys.stderr.isatty():
            said = f"{run.link}\n  from another machine, first: {tunnel_command(run)}"
        else:
            said = f"{run.url} on {run.host}; for the link: freak open {shlex.quote(run.name)}"
        told = f"Freak controls {run.name!r}: {said}"
        print(told.encode("utf-8", "backslashreplace").decode(), file=sys.stderr, flush=True)  # noqa: T201


def tunnel_command(run: Run, port: int | None = None) -> str:
    """Return the command that makes a port of another machine, the run's own if you give none, lead to it."""
    address = urlsplit(run.url)
    here = port or address.port or DEFAULT_PORT
    there = address.port or 80
    pod = run.launcher.get("kubernetes_pod")
    if pod:
        namespace = run.launcher.get("kubernetes_namespace")
        scope = f"-n {shlex.quote(namespace)} " if namespace else ""
        return f"kubectl port-forward {scope}pod/{shlex.quote(pod)} {here}:{there}"
    gate = run.launcher.get("slurm_submit_host", run.host)
    jump = f"-J {_account(gate)} " if gate != run.host else ""
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    end = shlex.quote(address.path.partition(":")[0]) if address.scheme == "unix" else f"{host}:{there}"
    return f"ssh -N {jump}-L {here}:{end} {_account(run.host)}"


def link_through_tunnel(run: Run, port: int | None = None) -> str:
    """Return the link that works at the near end of the tunnel."""
    address = urlsplit(run.link)
    prefix = address.path.partition(":")[2] + "/" if address.scheme == "unix" else address.path
    return f"http://127.0.0.1:{port or address.port or DEFAULT_PORT}{prefix}#{address.fragment}"


def _account(host: str) -> str:
    import getpass  # here, since a program under control imports as little as it can

    try:
        return f"{getpass.getuser()}@{host}"
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return host
