"""Programs of users are fully typed: what mypy --strict and pyright say of them, and of the public names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = ("core.py", "training.py", "controls.py")
KNOWN = {"freak_core": 0.98, "freak_lightning": 0.98}
"""The least share of the names of a package whose type pyright knows."""

Ran = subprocess.CompletedProcess[str]


def run(*command: str) -> Ran:
    # pyright asks the Python that comes first in PATH for its packages.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        text=True,
        capture_output=True,
        timeout=170,
        env={**os.environ, "PATH": path},
    )


def test_mypy_knows_every_type_of_a_users_program() -> None:
    checked = run("mypy", "--strict", *(str(HERE / program) for program in PROGRAMS))
    assert checked.returncode == 0, checked.stdout


def test_pyright_knows_every_type_of_a_users_program() -> None:
    checked = run("pyright", "--project", str(HERE / "pyrightconfig.json"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_wrong_type_in_a_users_program_is_found(tmp_path: Path) -> None:
    wrong = (HERE / "core.py").read_text().replace("typed.publish(step=step", "typed.publish(step=str(step)")
    (tmp_path / "wrong.py").write_text(wrong)
    assert run("mypy", "--strict", str(tmp_path / "wrong.py")).returncode == 1
    assert run("pyright", str(tmp_path / "wrong.py")).returncode == 1


@pytest.mark.parametrize("package", list(KNOWN))
def test_the_names_of_a_package_have_types(package: str) -> None:
    verified = run("pyright", "--verifytypes", package, "--ignoreexternal", "--outputjson")
    found = json.loads(verified.stdout)["typeCompleteness"]
    symbols = [each for each in found["symbols"] if each["isExported"]]
    unclear = [each["name"] for each in symbols if not each["isTypeKnown"] or each["isTypeAmbiguous"]]
    assert len(symbols) > 400
    assert found["completenessScore"] >= KNOWN[package], unclear
