"""remote_control: all controls at once, as a list or, for config files, as one callback."""

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
from freak_lightning.lightning_api.callbacks import callbacks_of, set_callbacks
from freak_lightning.lightning_api.namespace import Callback, LightningModule, Trainer
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


class RemoteControl(Callback):
    """Every control of ``remote_control()``, as one entry in the config file of a LightningCLI.

    It puts the controls into ``trainer.callbacks`` behind itself when a fit begins. A control that is there
    already, with settings of its own, is left as it is.

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

    resumes_exactly = True
    """It holds nothing that training depends on; its controls speak for themselves."""

    def __init__(
        self,
        *,
        freak: Freak | None = None,
        sync: Sync | None = None,
        dirpath: str | os.PathLike[str] | None = None,
        minimum: float = 0.0,
        maximum: float | None = None,
        replay: str | os.PathLike[str] | None = None,
    ) -> None:
        self._controls = remote_control(
            freak=freak, sync=sync, dirpath=dirpath, minimum=minimum, maximum=maximum, replay=replay
        )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Put the controls behind this callback. Later fits of the trainer find them there."""
        if stage != "fit":
            return
        callbacks = callbacks_of(trainer)
        present = {type(callback) for callback in callbacks}
        missing = [control for control in self._controls if type(control) not in present]
        at = callbacks.index(self) + 1
        set_callbacks(trainer, [*callbacks[:at], *missing, *callbacks[at:]])
        for control in missing:
            control.setup(trainer, pl_module, stage)
