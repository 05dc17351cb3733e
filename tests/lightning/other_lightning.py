"""A virtual environment like this one, but with another Lightning in it.

python -m tests.lightning.other_lightning DIR lowest   the lowest that pyproject.toml allows
python -m tests.lightning.other_lightning DIR alone    pytorch_lightning without lightning

Everything else is linked to what is installed here, so it takes seconds.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

ALL = re.compile(r"(lightning|pytorch_lightning|lightning_fabric)(-.*)?")
ALL_BUT_ONE = re.compile(r"lightning(-.*)?")
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def make(folder: Path, which: str) -> None:
    """Make the environment, in place of an older one."""
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, symlinks=True)
    here = Path(sysconfig.get_path("purelib"))
    there = folder / here.relative_to(sys.prefix)
    left_out = ALL if which == "lowest" else ALL_BUT_ONE
    for entry in here.iterdir():
        if not left_out.fullmatch(entry.name) and not (there / entry.name).exists():
            (there / entry.name).symlink_to(entry)
    if which == "lowest":
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", str(there), *lowest()], check=True, timeout=600)


def lowest() -> list[str]:
    """Return what to install for the lowest Lightning that the project says it works with."""
    (extra,) = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]["lightning"]
    version = extra.removeprefix("lightning>=").partition(",")[0]
    return [f"lightning=={version}", f"pytorch-lightning=={version}"]


if __name__ == "__main__":
    make(Path(sys.argv[1]), sys.argv[2])
