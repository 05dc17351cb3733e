"""The namespace: Lightning as ``lightning.pytorch``, as ``pytorch_lightning``, or as both.

The two are distributions of the same code with different classes, and the ``Trainer`` of either may be the
one that fits. Before 2.6 it takes only callbacks of its own kind. So ours derive from every kind that is
installed; importing the second one costs little after the first.
"""

from contextlib import suppress
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
else:
    _installed = []
    for _name in ("lightning.pytorch", "pytorch_lightning"):
        with suppress(ModuleNotFoundError):
            _installed.append(import_module(_name))
    if not _installed:
        raise ImportError("freak_lightning needs Lightning: pip install 'freak-control[lightning]'")
    Callback = type("Callback", tuple(each.Callback for each in _installed), {"__module__": __name__})
    Logger = type("Logger", tuple(each.loggers.Logger for each in _installed), {"__module__": __name__})
    LightningModule, Trainer = _installed[0].LightningModule, _installed[0].Trainer
    rank_zero_info, rank_zero_warn = (
        getattr(_installed[0].utilities, name) for name in ("rank_zero_info", "rank_zero_warn")
    )

__all__ = ["Callback", "LightningModule", "Logger", "Trainer", "rank_zero_info", "rank_zero_warn"]

_NAMESPACES = ("lightning", "pytorch_lightning")


def is_a(value: Any, name: str) -> bool:
    """Whether a value is of Lightning's class of this name, from whichever namespace."""
    kinds = type(value).__mro__
    return any(kind.__name__ == name and _top(kind) in _NAMESPACES for kind in kinds)


def version_of(trainer: Trainer) -> str:
    """Return the version of the Lightning that this trainer comes from."""
    return metadata.version(next(_top(kind) for kind in type(trainer).__mro__ if _top(kind) in _NAMESPACES))


def _top(kind: type) -> str:
    return kind.__module__.partition(".")[0]
