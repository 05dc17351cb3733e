"""remote_control: all controls at once."""

import os

from freak_core import Freak
from freak_lightning.cadence import Sync
from freak_lightning.checkpoint_now import CheckpointNow
from freak_lightning.control_callback import ControlCallback
from freak_lightning.graceful_stop import GracefulStop
from freak_lightning.live_metrics import LiveMetrics
from freak_lightning.lr_override import LROverride
from freak_lightning.optimizer_override import OptimizerOverride
from freak_lightning.pause import Pause
from freak_lightning.replay import Replay
from freak_lightning.trainer_override import TrainerOverride
from freak_lightning.validate_now import ValidateNow


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
