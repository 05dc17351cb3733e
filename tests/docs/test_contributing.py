"""docs/contributing.md names files that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_answer_of_the_thirty_questions_is_a_file() -> None:
    page = (ROOT / "docs" / "contributing.md").read_text()
    answers = re.findall(r"^\| .*\? \| `([^`]+)` \|$", page, re.MULTILINE)
    assert len(answers) == len(set(answers)) == 30
    assert [answer for answer in answers if not (ROOT / answer).is_file()] == []


def test_every_folder_of_the_architecture_is_there_and_every_folder_is_named() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for package in ("freak_core", "freak_lightning"):
        folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        table = page.partition(f"| {package} |")[2].partition("\n\n")[0]
        assert set(re.findall(r"`(\w+)/`", table)) >= folders
