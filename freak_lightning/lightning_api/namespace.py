"""Lightning's classes and functions, from ``lightning.pytorch`` or ``pytorch_lightning``, whichever is used.

The two distributions have the same code but different classes, and the ``Trainer`` of either may fit. From
2.6 on a trainer takes callbacks of both. Before 2.6 it takes only its own, so Freak's callbacks derive from
both. Only the distributions that are needed are imported: the second import takes over the first one's log.
"""

import sys
from importlib import import_module, metadata
from typing import TYPE_CHECKING

_NAMESPACES = {"lightning": "lightning.pytorch", "pytorch_lightning": "pytorch_lightning"}
"""The package with the callbacks, by distribution."""

if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
    from lightning.pytorch.utilities.types import LRSchedulerConfig
else:

    def _version(distribution: str) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in metadata.version(distribution).split(".")[:2])
        except metadata.PackageNotFoundError:
            return ()

    def _needed() -> list[str]:
        installed = {place: _version(name) for name, place in _NAMESPACES.items() if _version(name)}
        if not installed:
            raise ImportError("freak_lightning needs Lightning: pip install 'freak-control[lightning]'")
        needed = [place for place in installed if place in sys.modules or installed[place] < (2, 6)]
        return needed or list(installed)[:1]

    _modules = [import_module(place) for place in _needed()]
    Callback = type("Callback", tuple(each.Callback for each in _modules), {"__module__": __name__})
    Logger = type("Logger", tuple(each.loggers.Logger for each in _modules), {"__module__": __name__})
    LightningModule, Trainer = _modules[0].LightningModule, _modules[0].Trainer
    LRSchedulerConfig = _modules[0].utilities.types.LRSchedulerConfig
    rank_zero_info = _modules[0].utilities.rank_zero_info
    rank_zero_warn = _modules[0].utilities.rank_zero_warn

__all__ = [
    "Callback",
    "LRSchedulerConfig",
    "LightningModule",
    "Logger",
    "Trainer",
    "rank_zero_info",
    "rank_zero_warn",
]


def is_a(value: object, name: str) -> bool:
    """Return whether the value is of Lightning's class of this name, from either distribution."""
    kinds = type(value).__mro__
    return any(kind.__name__ == name and _top(kind) in _NAMESPACES for kind in kinds)


def is_lightnings(kind: type) -> bool:
    """Return whether Lightning itself defines the class, in either distribution."""
    return _top(kind) in _NAMESPACES


def version_of(trainer: Trainer) -> str:
    """Return the version of the distribution that the trainer comes from."""
    return metadata.version(next(_top(kind) for kind in type(trainer).__mro__ if _top(kind) in _NAMESPACES))


def _top(kind: type) -> str:
    return kind.__module__.partition(".")[0]
