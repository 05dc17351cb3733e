"""Control: a section of the state, actions, and what to do with them on every rank. Knows no session."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeAlias, cast, get_args, get_origin, overload

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar, get_original_bases

from freak_core import ConfigurationError, Ending, Freak, Rejected, Store, Write
from freak_lightning.control_point import Point
from freak_lightning.lightning_api.namespace import LightningModule, Trainer, rank_zero_warn
from freak_lightning.ranks.cadence import Sync
from freak_lightning.saved_section import Document, restore_section, saved_section

Method = TypeVar("Method", bound=Callable[..., object])
StateT = TypeVar("StateT", bound=BaseModel, default=Any)
"""The class of a control's section. A control with an inner class ``State`` may leave it out."""

JournalLine: TypeAlias = dict[str, Any]
"""A line of a journal, as ``read_journal`` yields it."""


class NotYet(Exception):  # noqa: N818 - nothing is wrong
    """Raise it in an action that has begun and cannot end at this control point.

    The action is called again at the next control point, until it returns or raises something else. A rank
    on which it has returned is not called again. The request and those after it wait meanwhile.

    Args:
        holds: whether the requests after it wait too; must be equal on all ranks.
    """

    def __init__(self, *, holds: bool = True) -> None:
        super().__init__()
        self.holds = holds


class Section(BaseModel):
    """Base class for sections of the state: a request that names an unknown field is rejected."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class NoSection(Section):
    """The section of a control that has none."""


@overload
def action(method: Method) -> Method: ...
@overload
def action(*, confirm: bool = False) -> Callable[[Method], Method]: ...
def action(method: Method | None = None, *, confirm: bool = False) -> Method | Callable[[Method], Method]:
    """Let requests call this method of a control, on every rank at the same step.

    The method takes ``trainer``, ``pl_module`` and arguments with annotations. It returns something that
    JSON can hold.

    Args:
        method: the method of a control that requests may call.
        confirm: the dashboard and ``freak call`` ask for a confirmation before they call it.
    """

    def mark(method: Method) -> Method:
        method.__freak_action__ = {"confirm": confirm}  # type: ignore[attr-defined]
        return method

    return mark if method is None else mark(method)


class Control(Generic[StateT]):
    """What a control is to the session that carries requests out. Write yours as a ``ControlCallback``.

    Args:
        freak: how to serve (host, port, name, token); one for all controls, so give it to one of them.
        sync: number of optimizer steps between two looks for requests; ``"epoch"`` or ``"auto"``. One for
            all controls too.

    Raises:
        ConfigurationError: ``sync`` is none of these.
    """

    State: ClassVar[type[BaseModel]] = NoSection
    """The class of the section; ``ControlCallback[MyState]`` sets it."""
    section: str | None = None
    """Name of the section; the class's name in snake_case if you give none."""
    requests_only: ClassVar[bool] = False
    """Whether the section may change by requests only: what rank zero's program sets becomes a request."""

    freak: Freak | None = None
    sync: Sync | None = None

    ended: Ending | None = None
    """How the last fit ended, the same on every rank; None before its end."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        if "State" in vars(cls):
            return
        for base in get_original_bases(cls):
            generic, given = get_origin(base), get_args(base)
            if isinstance(generic, type) and issubclass(generic, Control) and isinstance(given[0], type):
                cls.State = given[0]

    def __init__(self, *, freak: Freak | None = None, sync: Sync | None = None) -> None:
        number = isinstance(sync, int) and not isinstance(sync, bool) and sync >= 1
        if sync is not None and not number and sync not in ("epoch", "auto"):
            raise ConfigurationError(f"sync={sync!r} is not a number of steps (1 or more), 'epoch' or 'auto'")
        self.freak = freak
        self.sync = sync

    # -- the section -----------------------------------------------------------------------------

    @property
    def state(self) -> StateT:
        """This control's section of the state; the same on every rank, changed at control points only."""
        if "_state" not in self.__dict__:
            self._state = self.initial_state()
        return self._state

    def initial_state(self) -> StateT:
        """Return the section as it is before any request."""
        return cast(StateT, self.State())

    def initial_document(self) -> Document:
        """Return the section before any request, as JSON from which it can be validated again."""
        return document(self.initial_state())

    def section_name(self) -> str:
        """Return the name of the section."""
        return self.section or snake_case(type(self).__name__)

    def state_dict(self) -> dict[str, object]:
        """Return the section, if it differs from the start, so that overrides survive a resume.

        Secrets are left out: after a resume they are as at the start.
        """
        state = saved_section(self.state)
        return {} if state == saved_section(self.initial_state()) else {"state": state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the section from a checkpoint; fields that no longer fit are ignored with a warning."""
        for reason in restore_section(self.state, state_dict.get("state", {})):
            rank_zero_warn(f"{self.section_name()} cannot take its state from the checkpoint: {reason}")

    def become(self, wanted: Document) -> None:
        """Set the whole section to ``wanted``, a document, in place.

        In place, since some strategies load a checkpoint when the session holds this very object already.

        Raises:
            Refused: the document no longer fits; nothing has changed.
        """
        store = Store(self.state)
        store.reset_to(wanted)
        store.apply(Write("reset"))

    def __getstate__(self) -> dict[str, object]:
        """Leave out a section in which nothing has changed: its class may have been made at run time."""
        left_out = "" if self.state_dict() else "_state"
        return {name: value for name, value in self.__dict__.items() if name != left_out}

    # -- what the session asks and tells ---------------------------------------------------------

    def on_session(self, session: object | None) -> None:
        """Take the ``session`` as it begins; None when it has ended."""

    def prepare(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the section fit this trainer, before it is served; called on every rank as fit starts."""

    def facts(self, trainer: Trainer) -> Mapping[str, object]:
        """Return facts about this control that ``GET /run`` shows."""
        return {}

    def recorded_requests(self, trainer: Trainer) -> Sequence[JournalLine] | None:
        """Return the lines of a journal whose requests replace live ones; None if this control has none.

        Called on every rank as fit starts. What rank zero returns, or raises, counts on every rank.

        Raises:
            ConfigurationError: the journal cannot be read or repeated.
        """
        return None

    def actions(self) -> dict[str, Callable[..., object]]:
        """Return the methods marked with ``@action``, by name."""
        names = (name for name in dir(type(self)) if not name.startswith("__"))
        marked = (name for name in names if hasattr(getattr(type(self), name), "__freak_action__"))
        return {name: getattr(self, name) for name in marked}

    def apply(self, trainer: Trainer, pl_module: LightningModule) -> object:
        """Do what the changed section says; called on every rank at the same step.

        Returns:
            Something that JSON can hold, for the receipt; or None.

        Raises:
            Exception: the request fails on all ranks and the section is as before; training goes on.
        """
        return None

    def check(self, trainer: Trainer, pl_module: LightningModule, wanted: StateT) -> object:
        """Refuse a section that ``apply`` would refuse; called for a dry run, on rank zero.

        Another thread than the training's calls it while training goes on: it must only read, and must not
        wait for a device.

        Args:
            trainer: the trainer that fits.
            pl_module: the model it trains.
            wanted: the section as it would be after the request.

        Returns:
            What ``apply`` would tell, as far as it can be foreseen, for the answer to the dry run; or None.

        Raises:
            Refused: the request would fail; the message says why.
        """
        return None

    def rejected_at(self, place: str, why: str) -> Rejected:
        """Return an error about one field of the section.

        Args:
            place: the path of the field in the section, such as ``groups/a/hold``.
            why: what is wrong, and what to do.
        """
        path = f"/{self.section_name()}/{place}"
        return Rejected(why, errors=[{"path": path, "type": "rejected", "message": why}])

    def waits(self) -> bool:
        """Return whether this control has anything to do at a control point.

        With several ranks, the answers are compared whenever the ranks agree on requests, and True on any
        rank counts for all.

        Unless you override it: True if the class overrides ``on_control_point`` or ``pauses``, which are then
        called after every optimizer step.
        """
        kind = type(self)
        return kind.on_control_point is not Control.on_control_point or kind.pauses is not Control.pauses

    def on_control_point(self, trainer: Trainer, pl_module: LightningModule, point: Point) -> None:
        """Do what is due at this ``point``, requests or none; called on every rank at every point."""

    def pauses(self, trainer: Trainer) -> bool:
        """Return whether training shall stand still; True on any rank begins it, False on any ends it.

        Called on every rank after ``on_control_point``, where a checkpoint is exact, and four times a second
        while training stands still.
        """
        return False

    def on_pause_end(self, trainer: Trainer, point: Point, ended_by: str) -> None:
        """Do what is due when training goes on after it stood still at ``point``; called on every rank.

        ``ended_by`` is ``"control"`` if on some rank no control pauses any longer, ``"SIGTERM"`` if a rank
        has received one (it is handled after this call), ``"validation"`` if an action needs the training to
        go on, and ``"replay"`` if a replay passes over a pause.
        """


def pointer_key(key: str) -> str:
    """Return a key as it is written in a JSON Pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def document(state: BaseModel) -> Document:
    """Return an object as JSON from which it can be validated again."""
    return Store(state).initial


def snake_case(name: str) -> str:
    """Return the name of a class as that of a section: ``GracefulStop`` → ``graceful_stop``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
