"""Where ``freak ui`` of this home is: its token, which stays, and the servers that run now.

<home>/ui/token                   mode 0600: the token
<home>/ui/<host>-<port>.json      mode 0600: a server that runs, with its process
"""

import secrets
import socket
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from freak_core.addresses import link
from freak_core.runs.process import Process, this_process
from freak_core.runs.run_folder import home, write_private
from freak_core.runs.user_owned_file import read_own

DEFAULT_PORT = 4440
"""The port of ``freak ui``: the same each time, so that a bookmark stays good."""


class Place(BaseModel):
    """A ``freak ui`` that runs, or has been killed."""

    url: str
    token: str = Field(repr=False)
    process: Process

    @property
    def link(self) -> str:
        """The link to open in a browser, token included."""
        return link(self.url, self.token)


def token_of_home() -> str:
    """Return the token of this home; the first call makes it.

    Raises:
        OSError: it can neither be read nor written, or another user can write it.
    """
    path = _folder() / "token"
    try:
        found = read_own(path).strip()
    except FileNotFoundError:
        found = ""
    if not found:
        write_private(path, secrets.token_urlsafe(32))
        found = read_own(path).strip()  # of two that begin at the same moment, the last one counts
    return found


def announce(url: str, token: str, port: int) -> Path:
    """Write down where this process serves; return the file, which the caller removes.

    Raises:
        OSError: it cannot be written.
    """
    path = _folder() / f"{socket.gethostname()}-{port}.json"
    write_private(path, Place(url=url, token=token, process=this_process()).model_dump_json())
    return path


def running(port: int | None = None) -> Place | None:
    """Return a ``freak ui`` of this home that runs on this machine, at a port or at any."""
    for path in sorted((home() / "ui").glob(f"*-{port or '*'}.json")):
        try:
            found = Place.model_validate_json(read_own(path))
        except (OSError, ValueError, ValidationError):
            continue
        if found.process.is_running():
            return found
    return None


def _folder() -> Path:
    folder = home() / "ui"
    home().parent.mkdir(parents=True, exist_ok=True)
    home().mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_page(name: str, page: str) -> Path:
    """Write a page into the folder, for this user only; return its path.

    Raises:
        OSError: it cannot be written.
    """
    path = _folder() / name
    write_private(path, page)
    return path
