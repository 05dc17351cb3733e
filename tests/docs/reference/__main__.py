"""Write docs/reference from the source: ``python -m tests.docs.reference``, or ``make reference``."""

import sys
import tempfile
from pathlib import Path

from tests.docs.reference.pages import FOLDER, KNOWN, UNDOCUMENTED, unexplained, written


def main() -> int:
    """Write the pages; list what no docstring explains, and fail where that is new."""
    with tempfile.TemporaryDirectory() as home:
        pages, missing = written(Path(home))
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages.items():
        (FOLDER / name).write_text(text)
    UNDOCUMENTED.write_text("".join(f"{each}\n" for each in missing if each in KNOWN))
    new = unexplained(missing)
    for each in new:
        print(f"undocumented: {each}", file=sys.stderr)
    return 1 if new else 0


if __name__ == "__main__":
    raise SystemExit(main())
