"""The control callback: a section of the state, actions, and what to do with them on every rank."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from pydantic import BaseModel, ConfigDict

from freak_core import ConfigurationError, Freak, Refused, Store, Write
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.namespace import Callback, LightningModule, Trainer, rank_zero_warn
from freak_lightning.ranks.cadence import Sync

if TYPE_CHECKING:
    from freak_lightning.session.session import ControlSession

Method = TypeVar("Method", bound=Callable[..., Any])


class Section(BaseModel):
    """Base of the sections: knows its fields, and keeps what it refuses out."""

    model_config = ConfigDict(extra="forbid")


class NoSection(Section):
    """The section of a control that has none."""


@overload
def action(method: Method) -> Method: ...
@overload
def action(*, confirm: bool = False) -> Callable[[Method], Method]: ...
def action(method: Method | None = None, *, confirm: bool = False) -> Any:
    """Let requests call this method of a ControlCallback, on every rank at the same step.

    The method takes ``trainer``, ``pl_module`` and arguments with annotations, and returns something that
    JSON can hold. With ``@action(confirm=True)`` the dashboard asks before it calls.
    """

    def mark(method: Method) -> Method:
        method.__freak_action__ = {"confirm": confirm}  # type: ignore[attr-defined]
        return method

    return mark if method is None else mark(method)


class ControlCallback(Callback):
    """Base of all controls. Yours needs a section and what to do when it has changed::

        class Temperature(ControlCallback):
            class State(Section):
                value: float = Field(1.0, gt=0)

            def apply(self, trainer, pl_module):
                pl_module.temperature = self.state.value

    All controls of a trainer share one server on global rank zero and one session.

    Args:
        freak: how to serve (host, port, name, token); one for all controls, so give it to one of them.
        sync: every how many optimizer steps the ranks look for requests; ``"epoch"`` or ``"auto"``. One for
            all controls too.
    """

    State: ClassVar[type[BaseModel]] = NoSection
    section: str | None = None
    """Name of the section; the class's name in snake_case if you give none."""

    freak: Freak | None = None
    sync: Sync | None = None
    session: "ControlSession | None" = None
    """The session, from the start of fit to its end."""

    def __init__(self, *, freak: Freak | None = None, sync: Sync | None = None) -> None:
        if isinstance(sync, bool) or (isinstance(sync, int) and sync < 1):
            raise ConfigurationError(
                f"sync={sync!r} is neither a number of steps from 1 on, 'epoch' nor 'auto'"
            )
        if isinstance(sync, str) and sync not in ("epoch", "auto"):
            raise ConfigurationError(
                f"sync={sync!r} is neither a number of steps from 1 on, 'epoch' nor 'auto'"
            )
        self.freak = freak
        self.sync = sync

    @property
    def state(self) -> Any:
        """This control's section of the state; the same on every rank, changed at control points only."""
        if "_state" not in self.__dict__:
            self._state = self.initial_state()
        return self._state

    def initial_state(self) -> BaseModel:
        """Return the section as it is before any request."""
        return self.State()

    def initial_document(self) -> dict[str, Any]:
        """Return the section before any request, as JSON from which it can be validated again."""
        return document(self.initial_state())

    def section_name(self) -> str:
        """Return the name of the section."""
        return self.section or snake_case(type(self).__name__)

    def prepare(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the section fit this trainer, before it is served; called on every rank as fit starts."""

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> Any:
        """Do what the changed section says; called on every rank at the same step.

        Returns:
            Something JSON can hold, for the receipt; or None.

        Raises:
            Exception: the request fails on all ranks and the section is as before; training goes on.
        """

    def waits(self) -> bool:
        """Whether ``on_control_point`` has anything to do; must be equal on all ranks.

        By default yes, where it is overridden: the point is then worked out after every step.
        """
        return type(self).on_control_point is not ControlCallback.on_control_point

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        """Do what is due at this point, requests or none; called on every rank at every point."""

    def actions(self) -> dict[str, Callable[..., Any]]:
        """Return the methods marked with ``@action``, by name."""
        names = (name for name in dir(type(self)) if not name.startswith("__"))
        marked = (name for name in names if hasattr(getattr(type(self), name), "__freak_action__"))
        return {name: getattr(self, name) for name in marked}

    # -- Lightning's hooks -----------------------------------------------------------------------

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Bring the session's driver into the trainer; a subclass with a setup of its own calls this one."""
        from freak_lightning.session.driver import SessionDriver

        if stage == "fit":
            SessionDriver.attach(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return the section, if it differs from the start, so that overrides survive a resume."""
        state = _saved(self.state)
        return {} if state == _saved(self.initial_state()) else {"state": state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the section from a checkpoint; one that no longer fits is left out with a warning."""
        if "state" not in state_dict:
            return
        try:
            self.become({**document(self.state), **state_dict["state"]})
        except Refused as error:
            rank_zero_warn(f"{self.section_name()} cannot take its state from the checkpoint: {error}")

    def become(self, wanted: dict[str, Any]) -> None:
        """Put the section, in place and as a whole, where a document says.

        In place, since some strategies load a checkpoint when the session holds this very object already.

        Raises:
            Refused: the document no longer fits; nothing has changed.
        """
        store = Store(self.state)
        store.reset_to(wanted)
        store.apply(Write("reset"))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out a section in which nothing has changed: its class may have been made at run time."""
        left_out = "" if self.state_dict() else "_state"
        return {name: value for name, value in self.__dict__.items() if name != left_out}


def document(state: BaseModel) -> dict[str, Any]:
    """Return an object as JSON from which it can be validated again."""
    return Store(state).initial


def _saved(state: BaseModel) -> dict[str, Any]:
    """Return a section for a checkpoint; secrets are left out and come back as they were at the start."""
    dumped = state.model_dump(mode="json", fallback=repr)
    return {name: value for name, value in dumped.items() if "**********" not in str(value)}


def snake_case(name: str) -> str:
    """Return the name of a class as that of a section: ``GracefulStop`` → ``graceful_stop``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
