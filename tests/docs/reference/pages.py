"""The pages of docs/reference: their texts, and what their source does not explain."""

import os
from pathlib import Path
from unittest import mock

from lightning.pytorch import Callback

import freak_core
import freak_lightning
from tests.docs.reference.command_line import CommandsPage
from tests.docs.reference.controls import ControlsPage
from tests.docs.reference.http_api import HttpPage
from tests.docs.reference.python_api import PythonPage

FOLDER = Path(__file__).parents[3] / "docs" / "reference"

CORE = """\
Every public class and function of `freak_core`. How to use them: [../plain-programs.md](../plain-programs.md)
for programs, [../client.md](../client.md) for the client."""

LIGHTNING = """\
Every public class and function of `freak_lightning`. How to use them: [../lightning.md](../lightning.md).
What you can ask each control for is in [controls.md](controls.md). `trainer` and `pl_module` are Lightning's
`Trainer` and `LightningModule`, as in every hook of a callback. The hooks that Lightning documents are left
out."""

UNDOCUMENTED = Path(__file__).parent / "undocumented.txt"
KNOWN = frozenset(UNDOCUMENTED.read_text().splitlines())
"""Parameters that no docstring explains yet. ``make reference`` removes lines of the file; add none."""


def written(home: Path) -> tuple[dict[str, str], list[str]]:
    """Return the texts of the pages by file name, and the parameters that nothing explains.

    Args:
        home: an empty folder, for the run that shows its routes.
    """
    pages = {
        "freak_core.md": PythonPage(freak_core, CORE),
        "freak_lightning.md": PythonPage(freak_lightning, LIGHTNING, inherited=(Callback,)),
        "controls.md": ControlsPage(),
        "cli.md": CommandsPage(),
        "http.md": HttpPage(),
    }
    with mock.patch.dict(os.environ, {"FREAK_HOME": str(home)}):
        texts = {name: page.text() for name, page in pages.items()}
    return texts, [each for page in pages.values() for each in page.missing]


def unexplained(missing: list[str]) -> list[str]:
    """Return what is missing and not known to be."""
    return [each for each in missing if each not in KNOWN]
