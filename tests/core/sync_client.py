"""Write freak_core/client/client.py from async_client.py: ``make client``."""

import re
from pathlib import Path

import freak_core.client

FOLDER = Path(freak_core.client.__file__).parent
SOURCE, TARGET = FOLDER / "async_client.py", FOLDER / "client.py"

HEADER = '# Written by "make client" from async_client.py: edit that file, not this one.\n'

RULES = {
    r"``AsyncClient``: reads and steers a run from code that awaits": "``Client``: reads and steers a run",
    r"from code that awaits; ``Client`` has": "from plain code or a notebook; ``AsyncClient`` has",
    r"to call directly\.": "to await.",
    r"import Address, AsyncConnection\n": "import Address, BlockingConnection, completed, completed_each\n",
    r"await (self\.close\(\)|client\.(?!_))": r"\1",
    r"return (self\._conversation\.events\(.*\))\n": r"return completed_each(\1)\n",
    r"await ((?:self\._|client\._|found\().*)\n": r"completed(\1)\n",
    r"async def ": "def ",
    r"__a(enter|exit)__": r"__\1__",
    r"AsyncIterator": "Iterator",
    r"AsyncConnection": "BlockingConnection",
    r'(class |f")AsyncClient': r"\1Client",
}
"""Patterns and their replacements, applied in this order; the source has each of them."""


def sync_client() -> str:
    """Return the source of ``Client``."""
    text = SOURCE.read_text()
    for pattern, replacement in RULES.items():
        text, times = re.subn(pattern, replacement, text)
        assert times, f"{SOURCE.name} has no {pattern!r}"
    head, rest = text.split("\n", 1)
    return f"{head}\n\n{HEADER}{rest}"


if __name__ == "__main__":
    TARGET.write_text(sync_client())
