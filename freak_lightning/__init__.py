"""Freak for PyTorch Lightning: controls to put into ``Trainer(callbacks=[...])``."""

from freak_lightning.control import NotYet, Section, action
from freak_lightning.controls.checkpoint_now import CheckpointNow
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.controls.graceful_stop import GracefulStop
from freak_lightning.controls.live_metrics import LiveMetrics
from freak_lightning.controls.lr_override import LROverride
from freak_lightning.controls.optimizer_override import OptimizerOverride
from freak_lightning.controls.pause import Pause
from freak_lightning.controls.replay import Replay
from freak_lightning.controls.trainer_override import TrainerOverride
from freak_lightning.controls.tunable import Tunable
from freak_lightning.controls.validate_now import ValidateNow
from freak_lightning.remote_control import RemoteControl, remote_control
from freak_lightning.session.session import ControlSession

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
    "RemoteControl",
    "Replay",
    "Section",
    "TrainerOverride",
    "Tunable",
    "ValidateNow",
    "action",
    "remote_control",
]
