"""The folder of a run: where its files are, and who may read them.

    <home>/runs/<id>/      mode 0700
        run.json           how to reach the run, token included; removed when the run ends
        run.html           a page that sends a browser to the run, token included; removed with run.json
        restart.json       the same, under torchrun, for the next start of a program that fails (restart.py)
        journal.jsonl      the receipts, unless ``Freak(journal=...)`` names another file; kept
        summary.json       what is known of the run: how far it came, how it ended; kept, like all that follow
        config.json        the state at the start, its schema and the actions
        state.json         the state now, at last the final one
        metrics-0001.jsonl.gz, ...   the metrics
        overview.jsonl.gz  a limited number of points of each metric

Freak 0.1.0 wrote ``<home>/runs/<id>.json`` and ``<id>.html`` in place of the first two; they are still found.
"""

import contextlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

RUN_FILE = "run.json"
PAGE = "run.html"
JOURNAL = "journal.jsonl"
SUMMARY = "summary.json"
CONFIG = "config.json"
STATE = "state.json"
OVERVIEW = "overview.jsonl.gz"

_UNSAFE = re.compile(r"[^\w-]")
"""Characters that an id has only where a server made it up: ``/`` would lead out of the folder."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of the run ``id``. It may not exist yet."""

    id: str

    @property
    def path(self) -> Path:
        """``<home>/runs/<id>``."""
        return runs_folder() / _UNSAFE.sub("_", self.id)

    @property
    def run_file(self) -> Path:
        """The file that says how to reach the run."""
        return self.path / RUN_FILE

    @property
    def journal(self) -> Path:
        """The default journal of the run."""
        return self.path / JOURNAL

    def make(self) -> Path:
        """Create the folder, if it is missing, for this user only; return its path.

        Raises:
            OSError: it cannot be created.
        """
        home().parent.mkdir(parents=True, exist_ok=True)
        home().mkdir(mode=0o700, exist_ok=True)
        # In a home that everybody may write, a user may open single runs to others; the list stays private.
        shared = home().stat().st_mode & stat.S_IWOTH
        runs_folder().mkdir(mode=0o711 if shared else 0o700, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        return self.path

    def write_secret(self, name: str, text: str) -> Path:
        """Write a file into the folder, atomically and with mode 0600; return its path.

        Raises:
            OSError: the disk is full or does not take it; no part of the file is left.
        """
        path = self.make() / name
        write_private(path, text)
        return path


def write_private(path: Path, text: str | bytes) -> None:
    """Write a file atomically and with mode 0600.

    Raises:
        OSError: the disk is full or does not take it; no part of the file is left.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def home() -> Path:
    """Return Freak's folder: ``$FREAK_HOME``, or else the platform's user state folder."""
    return Path(os.environ.get("FREAK_HOME") or platformdirs.user_state_dir("freak"))


def runs_folder() -> Path:
    """Return the folder that holds the folders of all runs."""
    return home() / "runs"


def run_files() -> Iterator[Path]:
    """Yield the run files of this home, those of Freak 0.1.0 included."""
    yield from runs_folder().glob(f"*/{RUN_FILE}")
    yield from runs_folder().glob("*.json")


def forget_tokens(run_file: Path) -> None:
    """Remove every file that holds the tokens of a run; also its folder, if nothing else is in it.

    Raises:
        OSError: a file cannot be removed.
    """
    run_file.unlink(missing_ok=True)
    run_file.with_suffix(".html").unlink(missing_ok=True)
    if run_file.name == RUN_FILE:
        for scrap in run_file.parent.glob(".*.tmp"):  # left by a program that was killed as it wrote
            scrap.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            run_file.parent.rmdir()


def forget_old_pages(age: float) -> None:
    """Remove pages older than ``age`` seconds whose run has no run file here.

    ``freak open URL`` writes such a page for a run of another home.
    """
    for pattern in (f"*/{PAGE}", "*.html"):
        for page in runs_folder().glob(pattern):
            with contextlib.suppress(OSError):
                run_file = page.with_suffix(".json")
                if not run_file.exists() and seconds_since_change(page) > age:
                    forget_tokens(run_file)


def seconds_since_change(path: Path) -> float:
    """Return the seconds since a file was changed, by the clock of its disk: a file server has its own clock.

    Raises:
        OSError: there is no such file.
    """
    changed = path.stat().st_mtime
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".clock") as fresh:
            return Path(fresh.name).stat().st_mtime - changed
    except OSError:  # this user may only read here
        return time.time() - changed
