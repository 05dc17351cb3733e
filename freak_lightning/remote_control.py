"""remote_control: all controls at once."""

import os

from freak_core import Freak
from freak_lightning.controls.checkpoint_now import CheckpointNow
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.controls.graceful_stop import GracefulStop
from freak_lightning.controls.live_metrics import LiveMetrics
from freak_lightning.controls.lr_override import LROverride
from freak_lightning.controls.optimizer_override import OptimizerOverride
from freak_lightning.controls.pause import Pause
from freak_lightning.controls.replay import Replay
from freak_lightning.controls.trainer_override import TrainerOverride
from freak_lightning.controls.validate_now import ValidateNow
from freak_lightning.ranks.cadence import Sync


def remote_control(
    *,
    freak: Freak | None = None,
    sync: Sync | None = None,
    dirpath: str | os.PathLike[str] | None = None,
    minimum: float = 0.0,
    maximum: float | None = None,
    replay: str | os.PathLike[str] | None = None,
) -> list[ControlCallback]:
    """Return every control that needs nothing from you: ``Trainer(callbacks=[*remote_control(), ...])``.

    Args:
        freak: how to serve (host, port, name, token).
        sync: every how many optimizer steps the ranks look for requests; ``"epoch"`` or ``"auto"``.
        dirpath: folder for checkpoints; ``checkpoints`` under the trainer's ``default_root_dir`` if you give
            none.
        minimum: lowest learning rate to hold.
        maximum: highest learning rate to hold.
        replay: a journal whose requests are repeated at the same steps, in place of live ones.

    Raises:
        ConfigurationError: an argument cannot work; the message says what to change.
    """
    return [
        GracefulStop(dirpath, freak=freak, sync=sync),
        Pause(),
        LROverride(minimum=minimum, maximum=maximum),
        OptimizerOverride(),
        TrainerOverride(),
        ValidateNow(),
        CheckpointNow(dirpath),
        LiveMetrics(),
        *([] if replay is None else [Replay(replay)]),
    ]
