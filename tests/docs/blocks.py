"""The fenced blocks of README.md and docs/, and what their first line says about them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
)
"""Pages that people write. Those in docs/reference are generated, and have no fenced blocks."""


@dataclass(frozen=True)
class Block:
    """A fenced block.

    ``words`` stand after the language, as in ````` ```python program file=crawler.py`````. ``line`` is the
    number of its first line in the page. ``prints`` is the text block right after it: what it prints.
    """

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str
    prints: str | None = None

    @property
    def place(self) -> str:
        """Where to find it, as editors understand it."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that it is the content of, if any."""
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)


def blocks_in(page: str) -> list[Block]:
    """Return the blocks of a page, those that say what another prints with that one."""
    text = (ROOT / page).read_text()
    found: list[Block] = []
    end_of_last = 0
    for match in re.finditer(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 2
        block = Block(page, line, match[1], tuple(match[2].split()), match[3])
        follows = found and not text[end_of_last : match.start()].strip()
        if block.language == "text" and follows:
            before = found.pop()
            block = Block(before.page, before.line, before.language, before.words, before.text, block.text)
        found.append(block)
        end_of_last = match.end()
    return found


def matches(printed: str, documented: str) -> bool:
    """Whether a program printed what a page says.

    Words with a digit or a slash in them may differ: steps, times, ids, paths. A line ``...`` stands for any
    lines, and ``...`` in a line for any characters. A training may be found validating.
    """
    pattern = ""
    for line in documented.strip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            parts = [r"[^\S\n]+".join(map(_word, part.split())) for part in line.split("...")]
            pattern += r"[^\S\n]*" + r"[^\n]*".join(parts) + r"[^\S\n]*\n"
    return re.fullmatch(pattern, printed.strip() + "\n") is not None


def _word(word: str) -> str:
    if word == "training":
        return "(?:training|validating)"
    return r"\S+" if re.search(r"[\d/]", word) else re.escape(word)
