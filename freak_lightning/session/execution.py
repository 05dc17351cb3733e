"""The attempt: one request, carried out on this rank, whatever it does."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freak_core import Failed, Refused, Store, Write, plain
from freak_lightning.control import ControlCallback
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.not_yet import NotYet

logger = logging.getLogger("freak")


@dataclass(slots=True)
class Attempt:
    """How one request went on this rank; ``result`` is something that JSON can hold."""

    changes: list[Any] = field(default_factory=list)
    result: Any = None
    failure: Refused | None = None
    not_yet: bool = False

    @property
    def touched(self) -> list[str]:
        """The sections in which something changed, each once."""
        return list(dict.fromkeys(change.path.split("/")[1] for change in self.changes))


def attempted(
    write: Write,
    store: Store,
    sections: Mapping[str, ControlCallback],
    trainer: Trainer,
    pl_module: LightningModule,
) -> Attempt:
    """Carry a request out on this rank; never raises, since the ranks must still agree on how it went."""
    attempt = Attempt()
    try:
        if write.kind == "action":
            # Not Action.call, which makes one kind of failure of everything that an action raises.
            action = store.actions[str(write.name)]
            attempt.result = plain(action.function(**action.validate(write.body)))
        else:
            attempt.changes = store.apply(write)
            told = {name: sections[name].apply(trainer, pl_module) for name in attempt.touched}
            attempt.result = plain({n: result for n, result in told.items() if result is not None}) or None
    except NotYet:
        attempt.not_yet = write.kind == "action"
        if not attempt.not_yet:
            attempt.failure = Failed("NotYet is for actions: apply cannot be called again later")
    except Refused as refused:
        attempt.failure = refused
    except Exception as error:
        what = write.name or "a change"
        logger.exception("Freak: %s failed on rank %d; the state is put back", what, trainer.global_rank)
        attempt.failure = Failed(f"{type(error).__name__}: {error}")
    return attempt
