"""Docstrings in Google style: their parts, and the same text in Markdown."""

import re
from dataclasses import dataclass, field

SECTIONS = ("Args", "Attributes", "Raises", "Returns", "Yields")


@dataclass
class Docstring:
    """The parts of a docstring. ``items`` holds names and texts by section, such as ``Args``."""

    text: str = ""
    items: dict[str, dict[str, str]] = field(default_factory=dict)
    prose: dict[str, str] = field(default_factory=dict)
    """The text of the sections that have no names, such as ``Returns``."""

    @property
    def arguments(self) -> dict[str, str]:
        """The texts of parameters and attributes, by name."""
        return self.items.get("Args", {}) | self.items.get("Attributes", {})


def parsed(docstring: str | None) -> Docstring:
    """Return the parts of a docstring as ``inspect.getdoc`` gives it."""
    found = Docstring()
    body: list[str] = []
    sections: dict[str, list[str]] = {}
    section = None
    for line in (docstring or "").splitlines():
        head = line.rstrip(":")
        if line.endswith(":") and head in SECTIONS:
            section = sections.setdefault(head, [])
        elif section is not None and (not line or line.startswith(" ")):
            section.append(line)
        else:
            section = None
            body.append(line)
    found.text = "\n".join(body).strip()
    for name, lines in sections.items():
        if name in ("Returns", "Yields"):
            found.prose[name] = " ".join(" ".join(lines).split())
        else:
            found.items[name] = _items(lines)
    return found


def _items(lines: list[str]) -> dict[str, str]:
    """Return names and texts; ``freak, sync: ...`` is a text for each of the names."""
    texts: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        start = re.match(r" {4}([\w.*, ]+): +(.*)", line)
        if start:
            names = [name.strip(" *") for name in start[1].split(",")]
            texts |= dict.fromkeys(names, start[2])
        elif line.strip():
            texts |= {name: f"{texts[name]} {line.strip()}" for name in names}
    return texts


def markdown(text: str) -> str:
    """Return a docstring's text in Markdown: its code in one backtick, its examples indented."""
    lines: list[str] = []
    example = False
    for line in text.splitlines():
        example = line.startswith(">>>") or (example and bool(line))
        if line.startswith((">>>", "...")) or example:
            lines.append(f"    {line}")
        elif line.endswith("::"):
            lines.append(inline(line[:-1]))
        else:
            lines.append(line if line.startswith("    ") else inline(line))
    return "\n".join(lines)


def inline(text: str) -> str:
    """Return a line of a docstring in Markdown."""
    return re.sub(r":\w+:`([^`]+)`", r"`\1`", text).replace("``", "`")


def cell(text: str) -> str:
    """Return a text that fits into a cell of a Markdown table."""
    return " ".join(inline(text).split()).replace("|", "\\|")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])
