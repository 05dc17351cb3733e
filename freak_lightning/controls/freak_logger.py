"""FreakLogger: a logger of the trainer that sends metrics to Freak's server."""

from argparse import Namespace
from collections.abc import Callable, Mapping

from freak_core import Freak
from freak_lightning.lightning_api.namespace import Logger
from freak_lightning.optimizers.param_group_values import is_at_hand


class NoExperiment:
    """Takes whatever a program does with a logger's experiment, and does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return _nothing

    def __getitem__(self, _: object) -> "NoExperiment":
        return self

    def __setitem__(self, *_: object) -> None:
        """Do nothing."""


class FreakLogger(Logger):
    """A logger that sends metrics to Freak's server; on ranks without a server it does nothing.

    Lightning converts what it logs to floats. A tensor on a GPU that a program logs itself is left out:
    reading it would make the step wait.

    A program without loggers that asks ``if self.logger is not None`` finds this one. Every other method of
    a logger does nothing.

    Args:
        freak: the server; None on ranks without one.
        save_dir: the folder to which the trainer would save without loggers.
        also: returns further metrics to send with those of a step.
    """

    def __init__(
        self, freak: Freak | None, save_dir: str, also: Callable[[int], dict[str, float]] = lambda _: {}
    ) -> None:
        super().__init__()
        self._freak = freak
        self._save_dir = save_dir
        self._also = also

    @property
    def name(self) -> str:
        """Return the logger's name."""
        return "freak"

    @property
    def version(self) -> str:
        """Return the logger's version."""
        return ""

    @property
    def save_dir(self) -> str:
        """Return where the trainer would save without loggers."""
        return self._save_dir

    @property
    def log_dir(self) -> str:
        """Return where a program may write next to what is logged."""
        return self._save_dir

    @property
    def experiment(self) -> NoExperiment:
        """Return something that takes every call."""
        return NoExperiment()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return _nothing

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Pass metrics on, and what belongs to their step."""
        if self._freak is not None:
            self.tell({**metrics, **(self._also(step) if step is not None else {})}, step)

    def tell(self, metrics: Mapping[str, float], step: int | None) -> None:
        """Pass metrics on that are not Lightning's."""
        if self._freak is not None:
            told = {name: value for name, value in metrics.items() if name != "epoch" and is_at_hand(value)}
            self._freak.log(told, step=step)

    def log_hyperparams(self, params: dict[str, object] | Namespace, *args: object, **kwargs: object) -> None:
        """Leave hyperparameters to the other loggers."""


def _nothing(*_: object, **__: object) -> None:
    """Do nothing, whatever is given."""
