"""Tunable: put any pydantic object of yours under control, on every rank."""

from collections.abc import Callable

from pydantic import BaseModel

from freak_core import ConfigurationError, Freak
from freak_lightning.control import StateT, document, snake_case
from freak_lightning.controls.control_callback import ControlCallback
from freak_lightning.lightning_api.namespace import LightningModule, Trainer
from freak_lightning.ranks.cadence import Sync
from freak_lightning.saved_section import Document, saved_section


class Tunable(ControlCallback[StateT]):
    """Section of your choice: an object of yours, changed in place on every rank at the same step.

    The object is changed in place, so it may be an attribute of the ``LightningModule``: code that reads it
    sees the change from the next batch on. Checkpoints contain the fields that were changed.

    Args:
        model: a pydantic model instance that can be changed.
        name: name of the section; the class's name in snake_case if you give none.
        on_change: called with the object on every rank after a change, and after a resume that brought one.
            If it raises, the request fails and the object is as before on all ranks. If the strategy pickles
            callbacks, it must be a function of a module.
        freak, sync: as for every control.

    Raises:
        ConfigurationError: ``model`` is not a pydantic model instance or is frozen, or ``name`` cannot name a
            section.
    """

    def __init__(
        self,
        model: StateT,
        *,
        name: str | None = None,
        on_change: Callable[[StateT], object] | None = None,
        freak: Freak | None = None,
        sync: Sync | None = None,
    ) -> None:
        super().__init__(freak=freak, sync=sync)
        if not isinstance(model, BaseModel):
            raise ConfigurationError(f"Tunable needs a pydantic model instance, not {type(model).__name__}")
        if model.model_config.get("frozen"):
            raise ConfigurationError(f"{type(model).__name__} is frozen: nothing in it can be tuned")
        section = name if name is not None else snake_case(type(model).__name__)
        if not section.isidentifier() or section[0] == "_" or hasattr(BaseModel, section):
            raise ConfigurationError(f"{section!r} cannot name a section: it must be a plain identifier")
        self.section: str | None = section
        self.model = model
        self.on_change = on_change
        self._start = document(model)
        self._start_saved = saved_section(model)

    @property
    def state(self) -> StateT:
        """The object."""
        return self.model

    def initial_document(self) -> Document:
        """Return the object as it was when this control was made."""
        return self._start

    @property
    def state_key(self) -> str:
        """The key of this control's state in a checkpoint; each ``name`` has its own."""
        return self._generate_state_key(name=self.section)

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> object:
        """Call ``on_change`` and return its result, for the receipt."""
        return self.on_change(self.model) if self.on_change is not None else None

    def state_dict(self) -> dict[str, object]:
        """Return the fields that have changed since this control was made, without secrets."""
        now, start = saved_section(self.model), self._start_saved
        changed = {name: value for name, value in now.items() if name not in start or value != start[name]}
        return {"state": changed} if changed else {}

    def __getstate__(self) -> dict[str, object]:
        """Keep the object: another object that is pickled along may hold it."""
        return dict(self.__dict__)
