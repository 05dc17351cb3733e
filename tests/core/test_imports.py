"""What the trainer's process imports, and what the wheel holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imported_by(module: str) -> set[str]:
    """Return the modules that ``import module`` loads."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("module", ["freak_core", "freak_lightning"])
def test_a_trainer_imports_no_server_and_no_client(module: str) -> None:
    loaded = imported_by(module)
    assert module in loaded
    assert not loaded & {"fastapi", "uvicorn", "starlette", "httpx", "freak_core.server"}
    assert not loaded & {"typer", "freak_core.cli", "freak_core.client.client"}


@pytest.mark.parametrize("module", ["freak_core.server.app", "freak_core.cli.app"])
def test_the_server_and_the_command_line_import_no_program(module: str) -> None:
    loaded = imported_by(module)
    assert module in loaded
    assert not {each for each in loaded if each.startswith(("freak_core.program", "freak_core.state"))}


def test_the_core_leaves_the_terminal_alone() -> None:
    assert not imported_by("freak_core") & {"rich", "shellingham", "getpass", "webbrowser"}


def test_the_core_knows_no_torch() -> None:
    assert not imported_by("freak_core") & {"torch", "lightning", "numpy"}


def test_the_wheel_holds_all_there_is(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=170)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "--", "freak_core", "freak_lightning"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert {"freak_core/py.typed", "freak_lightning/py.typed"} <= names
    assert "freak_core/server/dashboard/vendor.js" in names
    assert {name for name in tracked if not name.endswith(".d.ts")} <= names
    assert not [name for name in names if name.endswith(".d.ts")]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("entry_points.txt") for name in names)


def test_no_file_has_grown_too_long() -> None:
    for package in ("freak_core", "freak_lightning", "tests", "examples"):
        for path in (ROOT / package).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 450, path
