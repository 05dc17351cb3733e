"""Freak for PyTorch Lightning: controls to put into ``Trainer(callbacks=[...])``."""

from freak_lightning.checkpoint_now import CheckpointNow
from freak_lightning.control_callback import ControlCallback, Section, action
from freak_lightning.graceful_stop import GracefulStop
from freak_lightning.lr_override import LROverride
from freak_lightning.session import ControlSession

__all__ = [
    "CheckpointNow",
    "ControlCallback",
    "ControlSession",
    "GracefulStop",
    "LROverride",
    "Section",
    "action",
]
