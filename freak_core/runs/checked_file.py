"""JSON files with a checksum: a reader sees whether what it reads is what Freak wrote."""

import re
import zlib
from collections.abc import Mapping
from pathlib import Path

from freak_core.runs.run_folder import write_private
from freak_core.runs.user_owned_file import LARGEST, read_own
from freak_core.text.strict_json import dumps

_BEGINNING = re.compile(r'\{"crc32":"([0-9a-f]{8})",')


def write_checked(path: Path, told: Mapping[str, object]) -> None:
    """Write a JSON object, which is not empty, atomically and with mode 0600. Its checksum is its first key.

    Raises:
        OSError: the disk is full or does not take it; no part of the file is left.
    """
    rest = dumps(told)[1:]
    write_private(path, f'{{"crc32":"{zlib.crc32(rest.encode()):08x}",{rest}')


def read_checked(path: Path, largest: int = LARGEST, *, demanded: bool = True) -> str:
    """Return the text of a file that ``write_checked`` has written.

    Args:
        path: the file.
        largest: how many bytes it has at most.
        demanded: whether a file without a checksum is refused.

    Raises:
        OSError: it cannot be read, or another user can have written it.
        ValueError: it is not as it was written.
    """
    text = read_own(path, largest)
    found = _BEGINNING.match(text)
    if found is None and demanded:
        raise ValueError("it has no checksum")
    if found is not None and int(found[1], 16) != zlib.crc32(text[found.end() :].encode()):
        raise ValueError("it is damaged: its checksum is another one")
    return text
