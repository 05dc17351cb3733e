"""For every process of these tests: a port for its ranks to meet at, and a Lightning.

Where only ``pytorch_lightning`` is installed, the tests mean it when they say ``lightning.pytorch``.
"""

import importlib
import importlib.util
import os
import random
import socket
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class Alias(MetaPathFinder, Loader):
    """Finds ``lightning.pytorch`` and what is in it as the modules of ``pytorch_lightning``."""

    def __init__(self) -> None:
        self.specs: dict[str, ModuleSpec | None] = {}

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == "lightning" or name.startswith("lightning.pytorch") else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        inside = spec.name.removeprefix("lightning").removeprefix(".pytorch")
        module = importlib.import_module("pytorch_lightning" + inside)
        self.specs[module.__name__] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it was: it is executed already."""
        module.__spec__ = self.specs[module.__name__]


def meeting_port() -> int:
    """Return a free port that the system gives to nobody by itself.

    One that it chose may be somebody else's by the time the ranks meet, where tests run side by side.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


if "LOCAL_RANK" not in os.environ:  # a rank has it from the one that started it
    os.environ["MASTER_PORT"] = str(meeting_port())

if importlib.util.find_spec("lightning") is None:
    import freak_lightning  # noqa: F401 - it must find its namespace by itself

    sys.meta_path.insert(0, Alias())  # else its submodules would be found again, as copies
