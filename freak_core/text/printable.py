"""Text of a program, made safe to print: what a terminal obeys is escaped."""

import re

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they turn the direction of the text around them
    "\u2028\u2029"  # line separators
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # invisible
    "\ud800-\udfff]"  # no text at all
)
_BREAKS = re.compile("[\t\n]")


def harmless(text: str) -> str:
    """Return a text with all characters escaped that a terminal obeys, but tab and newline."""
    return _OBEYED.sub(_escaped, text)


def one_line(text: str) -> str:
    """Return a text as one line: tabs and newlines are escaped, too, so that a name cannot forge a row."""
    return _BREAKS.sub(lambda found: "\\n" if found[0] == "\n" else "\\t", harmless(text))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
