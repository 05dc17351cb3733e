"""The journal: one JSON line per receipt, on disk before the request is acknowledged."""

import json
import logging
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from freak_core.text.strict_json import dumps

logger: logging.Logger = logging.getLogger("freak")

WAITING = 2000
"""How many lines wait in memory while the disk takes none; beyond that the oldest are dropped."""


LONGEST = 16 << 20
"""Bytes of a line that are read at most. A receipt has at most about four times ``strict_json.MAX_BODY``."""


Line: TypeAlias = dict[str, Any]
"""A line of a journal: the header of a run, a receipt, or what a run says of itself."""


class Journal:
    """An append-only file of JSON lines, mode 0600.

    The first line of every run is a header, ``{"freak_journal": 1, ...}``. A receipt has one line for
    each status it reached: the last line of an id tells how it ended. A line is handed to the operating
    system before ``append`` returns, so it outlives a SIGKILL of the program.

    A full or missing disk degrades the journal (see ``healthy``) and never stops the program. Lines that
    could not be written wait in memory. They are written in their order once the disk takes them again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.healthy: bool = True
        self._file: BinaryIO | None = None
        self._torn = False
        self._closed = False
        self._waiting: deque[tuple[str | None, bytes]] = deque()
        self._given_up: deque[str | None] = deque(maxlen=5 * WAITING)

    def open(self, header: dict[str, object]) -> None:
        """Create the file, or go on after its last whole line, and write the header."""
        self.append({"freak_journal": 1, **header})

    def append(self, entry: Line) -> bool:
        """Write one line; return whether it is safe with the operating system."""
        if self._closed:
            return False
        line = dumps(entry, ascii_only=False).encode("utf-8", "replace") + b"\n"
        self._waiting.append((entry.get("id"), line))
        if len(self._waiting) > WAITING:
            self._given_up.append(self._waiting.popleft()[0])
        return self._write_waiting()

    def holds(self, receipt_id: str) -> bool:
        """Whether every line of a receipt that was appended is safe with the operating system."""
        waits = any(receipt_id == waiting for waiting, _ in self._waiting)
        return not waits and receipt_id not in self._given_up

    def close(self) -> None:
        """Close the file; more than once is fine."""
        if self._waiting and not self._closed:
            self._write_waiting()
        self._closed = True
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_waiting(self) -> bool:
        try:
            while self._waiting:
                self._write(self._waiting[0][1])
                self._waiting.popleft()
        except OSError as error:
            if self.healthy:
                logger.warning(
                    "Freak cannot write its journal %s (%s); control goes on without it", self.path, error
                )
            self.healthy = False
            return False
        if not self.healthy:
            logger.warning("Freak writes its journal %s again", self.path)
        self.healthy = True
        return True

    def _write(self, line: bytes) -> None:
        if self._file is None:
            self._file = self._opened()
        data = b"\n" + line if self._torn else line
        self._torn = True  # until the whole line is written
        if self._file.write(data) != len(data):
            raise OSError("a line was written in part")
        self._torn = False

    def _opened(self) -> BinaryIO:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        size = os.fstat(descriptor).st_size
        # The last line lacks its end after a kill in the middle of a write.
        self._torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        return os.fdopen(descriptor, "ab", buffering=0)


def read_journal(path: Path) -> Iterator[Line]:
    """Yield the entries of a journal, oldest first; lines that are not complete or too long are left out.

    Args:
        path: the file; of a live run, the ``journal_path`` of ``freak info``.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        for _, entry in journal_lines(file):
            yield entry


def journal_lines(file: BinaryIO) -> Iterator[tuple[int, Line]]:
    """Yield the entries of a journal, each with the number of its line, from 1."""
    for number, line in enumerate(_lines(file), start=1):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):  # the second for a line that nests too deep
            continue
        if isinstance(entry, dict):
            yield number, entry


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; an empty one in place of one that is longer than ``LONGEST``."""
    while line := file.readline(LONGEST):
        if len(line) < LONGEST or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST)
        yield b""
