"""The journal: one JSON line per receipt, on disk before the request is acknowledged."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

logger = logging.getLogger("freak")


class Journal:
    """An append-only file of JSON lines, mode 0600.

    The first line of every run is a header, ``{"freak_journal": 1, ...}``. A receipt has one line for
    each status it reached: the last line of an id tells how it ended. A line is handed to the operating
    system before ``append`` returns, so it outlives a SIGKILL of the program.

    A disk that is full or gone degrades the journal (see ``healthy``) and never stops the program.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.healthy = True
        self._file: BinaryIO | None = None
        self._torn = False

    def open(self, header: dict[str, Any]) -> None:
        """Create the file, or go on after its last whole line, and write the header."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "r+b", buffering=0)
            self._torn = _ends_torn(self._file)
        except OSError as error:
            self._degrade(error)
        self.append({"freak_journal": 1, **header})

    def append(self, entry: dict[str, Any]) -> bool:
        """Write one line; return whether it is safe with the operating system."""
        if self._file is None:
            return False
        line = json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        try:
            written = self._file.write(b"\n" + line if self._torn else line)
            self._torn = written != len(line) + self._torn
            if self._torn:
                raise OSError("the line was written in part")
        except OSError as error:
            self._torn = True
            self._degrade(error)
            return False
        self.healthy = True
        return True

    def close(self) -> None:
        """Close the file; more than once is fine."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _degrade(self, error: OSError) -> None:
        if self.healthy:
            logger.warning(
                "Freak cannot write its journal %s (%s); control goes on without it", self.path, error
            )
        self.healthy = False


def _ends_torn(file: BinaryIO) -> bool:
    """Whether the last line lacks its end, as after a kill in the middle of a write."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return False
    file.seek(size - 1)
    return file.read(1) != b"\n"


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a journal, oldest first; torn lines are left out."""
    with path.open("rb") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry
