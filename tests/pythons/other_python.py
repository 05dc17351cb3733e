"""The smoke tests of freak_core with another Python, or with the lowest versions that pyproject.toml allows.

python -m tests.pythons.other_python 3.12     in .venv-3.12; a Python that is missing is printed as skipped
python -m tests.pythons.other_python lowest   in .venv-lowest-core, with the Python that runs this

The environments have no torch.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
WANTED = ["pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "--editable", str(ROOT)]
SMOKE = [
    "tests/pythons",
    "tests/core/test_program.py",
    "tests/core/test_merge.py",
    "tests/core/test_client.py",
    "tests/core/test_events.py",
    "tests/core/test_connections.py",
    "tests/core/cli/test_commands.py",
    "tests/faults/test_forks.py",
]


def found(version: str) -> Path | None:
    """Return the Python of a version such as 3.12 that really starts, if there is one."""
    on_path = shutil.which(f"python{version}")
    newest_last = sorted(PYENV.glob(f"{version}.*/bin/python"))
    for python in [*newest_last[::-1], *([Path(on_path)] if on_path else [])]:
        # A shim of pyenv is there for each Python that it knows, also where it is not switched on.
        if subprocess.run([python, "-c", ""], capture_output=True, timeout=60, check=False).returncode == 0:
            return python
    return None


def lowest() -> list[str]:
    """Return the lowest version of each dependency that the project says it works with."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return [re.sub(r">=([\w.]+).*", r"==\1", each) for each in needed]


def environment(python: Path, folder: Path, pinned: list[str]) -> Path:
    """Return the Python of an environment with freak_core in it, made where there is no current one."""
    inside, ready = folder / "bin" / "python", folder / ".ready"
    sources = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    if not ready.exists() or ready.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True, timeout=120)
        pip = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *pinned, *WANTED], check=True, timeout=900)
        ready.touch()
    return inside


def main() -> None:
    """Run the smoke tests, or say that the Python is missing."""
    version = sys.argv[1]
    options: list[str] = []
    if version == "lowest":
        inside = environment(Path(sys.executable), ROOT / ".venv-lowest-core", lowest())
        options = ["-W", "default"]  # old versions use what newer ones of others call deprecated
    elif (python := found(version)) is not None:
        inside = environment(python, ROOT / f".venv-{version}", ["-c", str(ROOT / "constraints.txt")])
    else:
        print(f"Python {version}: skipped, since it is not installed here")
        return
    command = [inside, "-m", "pytest", "-q", "-n", "3", "-p", "no:cacheprovider", *options, *SMOKE]
    raise SystemExit(subprocess.run(command, cwd=ROOT, timeout=600, check=False).returncode)


if __name__ == "__main__":
    main()
