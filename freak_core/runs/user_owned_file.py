"""Files that only this user can have written. Links, pipes and devices are not read either."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

LARGEST = 1 << 20
"""Bytes of a file that ``read_own`` reads at most. A run file has about one thousand."""

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe would wait for a writer


class ForeignFileError(PermissionError):
    """Another user owns a file, or may write it."""


def open_own(path: Path) -> BinaryIO:
    """Open a regular file that only this user, or root, can have written.

    Raises:
        ForeignFileError: another user owns the file or may write it.
        OSError: there is no such file, or it is a symbolic link, a pipe or a device.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        found = os.fstat(descriptor)
        mode = stat.S_IMODE(found.st_mode)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is not a regular file")
        if found.st_uid not in (0, os.geteuid()):
            raise ForeignFileError(f"Freak does not read {path}: another user owns it (uid {found.st_uid})")
        if mode & 0o022:
            raise ForeignFileError(
                f"Freak does not read {path}: other users can write it (mode {mode:04o}); "
                f"if you trust what it says: chmod go-w {path}"
            )
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_own(path: Path, largest: int = LARGEST) -> str:
    """Return the text of a file that only this user, or root, can have written.

    Raises:
        OSError: as for ``open_own``, or the file has more than ``largest`` bytes.
        ValueError: the file is not UTF-8.
    """
    with open_own(path) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise OSError(f"{path} has more than {largest} bytes")
    return data.decode()


def is_private(path: Path) -> bool:
    """Return True if a file or folder belongs to this user and nobody else can write it.

    Raises:
        OSError: there is no such file.
    """
    found = path.lstat()
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o022
