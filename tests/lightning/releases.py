"""Look up Lightning's private names in two releases between the lowest and the latest; in the soak, in each.

python -m tests.lightning.releases DIR

Each release is installed into a folder of its own under DIR, without what it depends on; the second time is
quick. The tests run with that folder first on the path.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.soak import SOAK

MINOR = ("2.5.6", "2.6.0")
"""The last release of one minor version and the first of the next."""

EVERY = ("2.5.1", "2.5.2", "2.5.3", "2.5.4", "2.5.5", "2.5.6", "2.6.0", "2.6.1", "2.6.4", "2.6.5")
"""2.6.2 and 2.6.3 were compromised: never install them."""

RELEASES = EVERY if SOAK else MINOR

RUN = """
import sys, pytest
from lightning import pytorch
assert pytorch.__version__ == sys.argv[1], f"this is Lightning {pytorch.__version__}, not {sys.argv[1]}"
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/lightning/test_private_names.py"]))
"""


def install(folder: Path, release: str) -> None:
    """Install a release into its folder, unless it is there."""
    if (folder / release / "lightning").exists():
        return
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*pip, "--target", str(folder / release), f"lightning=={release}"], check=True, timeout=300
    )


def passes(folder: Path, release: str) -> bool:
    """Run the tests of private names with a release; print what they say in a line, or all if they fail."""
    environment = {**os.environ, "PYTHONPATH": str((folder / release).absolute())}
    command = [sys.executable, "-c", RUN, release]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=170, check=False)
    printed = (ran.stdout + ran.stderr).strip()
    print(f"Lightning {release}: {printed if ran.returncode else printed.splitlines()[-1]}", flush=True)
    return ran.returncode == 0


def main(folder: Path) -> int:
    """Return 0 if the tests pass with each of ``RELEASES``."""
    for release in RELEASES:
        install(folder, release)
    with ThreadPoolExecutor(2) as pool:
        return 0 if all(list(pool.map(partial(passes, folder), RELEASES))) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
