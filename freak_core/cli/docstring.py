"""The docstring of an action, as people read it in a terminal."""

import inspect
import re

_SECTION = re.compile(
    r"^(?:Args|Arguments|Parameters):[ \t]*\n((?:[ \t]+.*(?:\n|$)|[ \t]*\n)*)", re.MULTILINE
)
_ENTRY = re.compile(r"^(\*{0,2}[\w, *]+?)(?:\s*\([^)]*\))?:\s+(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_MARKUP = re.compile(r"``?([^`\n]+)``?")


def text_and_arguments(docstring: str) -> tuple[str, dict[str, str]]:
    """Return the text without its section of arguments, and what that section says of each argument.

    The marks of code are left out.
    """
    found = _SECTION.search(docstring)
    section = inspect.cleandoc("\n" + found[1]) if found else ""
    arguments = {
        name.strip(" *"): _plain(" ".join(about.split()))
        for names, about in _ENTRY.findall(section)
        for name in names.split(",")
    }
    text = _SECTION.sub("", docstring) if arguments else docstring
    return _plain(text).strip(), arguments


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\1", text)
