"""Every code block in README.md and docs/ is tried as it stands, and prints what the page says."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from freak_core import AsyncClient, Client
from tests.docs.blocks import PAGES, ROOT, blocks_in, matches
from tests.docs.reader import NOT_RUN, Example, Reader

NOT_TRIED = {
    ("README.md", "setup"): 2,
    ("docs/benchmarks.md", "setup"): 1,
    ("docs/clusters.md", "cluster"): 5,
    ("docs/ui.md", "cluster"): 1,
}
"""Blocks that no test can run, by page and by the word that says so in the page. Keep it short."""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    example = Example(tmp_path_factory.mktemp("example"))
    yield example
    example.close()


@pytest.mark.timeout(600)  # the long pages wait for several trainings
@pytest.mark.parametrize("page", [page for page in PAGES if blocks_in(page)])
def test_everything_that_a_page_shows_works(
    page: str, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FREAK_HOME", str(example.home))
    reader = Reader(page, tmp_path, example)
    try:
        reader.read()
    finally:
        reader.close()
    assert reader.tried == blocks_in(page)


def test_only_listed_blocks_are_not_run() -> None:
    marked = [
        (page, word)
        for page in PAGES
        for block in blocks_in(page)
        for word in set(block.words) & set(NOT_RUN)
    ]
    assert Counter(marked) == NOT_TRIED


def test_blocks_that_set_a_machine_up_name_what_there_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    makefile = (ROOT / "Makefile").read_text()
    lines = [
        line
        for page in PAGES
        for block in blocks_in(page)
        if "setup" in block.words
        for line in block.text.splitlines()
    ]
    for line in lines:
        if line.startswith("make "):
            assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE), line
        for extra in re.findall(r"\.\[(\w+)\]", line):
            assert extra in project["optional-dependencies"], line


def test_no_command_has_a_token_in_its_arguments() -> None:
    for page in PAGES:
        for block in blocks_in(page):
            if block.language == "sh":
                assert not re.search(r"(curl|wget)[^\n]*Bearer", block.text), block.place


def test_every_public_client_method_has_a_docstring() -> None:
    public = {name for name in vars(Client) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncClient) if not name.startswith("_")}
    for name in public:
        assert getattr(Client, name).__doc__
        assert getattr(AsyncClient, name).__doc__


def test_links_between_pages_lead_somewhere() -> None:
    for page in [*PAGES, *(f"docs/reference/{path.name}" for path in (ROOT / "docs/reference").glob("*.md"))]:
        for target in re.findall(r"\]\((?!http)([^)]+)", (ROOT / page).read_text()):
            name, _, anchor = target.partition("#")
            there = (ROOT / page).parent / name if name else ROOT / page
            assert there.exists(), f"{page} → {target}"
            assert not anchor or anchor in anchors(there), f"{page} → {target}"


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in PAGES:
        if page.startswith("docs/") and page != "docs/README.md":
            assert f"]({page.removeprefix('docs/')})" in index, page


@pytest.mark.parametrize(
    ("printed", "documented", "same"),
    [
        ("#3 patch: applied, at step 41\n  lr.hold: null → 0.1\n", "#1 patch: applied, at step 7\n...", True),
        ("#3 patch: rejected, at step 41\n", "#1 patch: applied, at step 7\n", False),
        ("a\nb\n", "a\n", False),
        ("path: /tmp/x y\n", "path: ... y\n", True),
    ],
)
def test_what_is_printed_is_compared(printed: str, documented: str, same: bool) -> None:
    assert matches(printed, documented) is same
