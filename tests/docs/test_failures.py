"""Every row of docs/failures.md names a test that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_event_is_shown_by_a_test() -> None:
    page = (ROOT / "docs/failures.md").read_text("utf-8").partition("<!-- endings -->")[0]
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| event")]
    assert len(rows) >= 25
    for row in rows:
        found = re.search(r"`(tests/\S+\.py)::(test_\w+)`", row)
        assert found, row
        assert f"def {found[2]}(" in (ROOT / found[1]).read_text("utf-8"), row
