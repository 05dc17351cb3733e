"""Freak for PyTorch Lightning: controls to put into ``Trainer(callbacks=[...])``."""

from freak_lightning.checkpoint_now import CheckpointNow
from freak_lightning.control_callback import ControlCallback, Section, action
from freak_lightning.graceful_stop import GracefulStop
from freak_lightning.live_metrics import LiveMetrics
from freak_lightning.lr_override import LROverride
from freak_lightning.not_yet import NotYet
from freak_lightning.optimizer_override import OptimizerOverride
from freak_lightning.pause import Pause
from freak_lightning.remote_control import remote_control
from freak_lightning.replay import Replay
from freak_lightning.session import ControlSession
from freak_lightning.trainer_override import TrainerOverride
from freak_lightning.tunable import Tunable
from freak_lightning.validate_now import ValidateNow

__all__ = [
    "CheckpointNow",
    "ControlCallback",
    "ControlSession",
    "GracefulStop",
    "LROverride",
    "LiveMetrics",
    "NotYet",
    "OptimizerOverride",
    "Pause",
    "Replay",
    "Section",
    "TrainerOverride",
    "Tunable",
    "ValidateNow",
    "action",
    "remote_control",
]
