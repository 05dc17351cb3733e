"""ControlCallback: a control as a Lightning callback, which brings the session's driver into the trainer."""

from freak_lightning.control import Control, StateT
from freak_lightning.lightning_api.namespace import Callback, LightningModule, Trainer
from freak_lightning.session.lightning_hooks import SessionDriver
from freak_lightning.session.session import ControlSession


class ControlCallback(Control[StateT], Callback):
    """Base class of all controls. Yours needs a section, and what to do when it has changed::

        class Softmax(Section):
            temperature: float = Field(1.0, gt=0)


        class Temperature(ControlCallback[Softmax]):
            def apply(self, trainer, pl_module):
                pl_module.temperature = self.state.temperature

    The section may also be an inner class called ``State``. All controls of a trainer share one server on
    global rank zero and one session.

    Args:
        freak: how to serve (host, port, name, token); one for all controls, so give it to one of them.
        sync: number of optimizer steps between two looks for requests; ``"epoch"`` or ``"auto"``. One for
            all controls too. With several ranks ``GET /run`` says under ``agreement`` what it costs.

    Raises:
        ConfigurationError: ``sync`` is none of these.
    """

    session: ControlSession | None = None
    """The session, from the start of fit to its end."""

    def on_session(self, session: object | None) -> None:
        """Keep the session while it lasts."""
        self.session = session if isinstance(session, ControlSession) else None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Bring the session's driver into the trainer; a subclass with a setup of its own calls this one."""
        if stage != "fit":
            return
        if self.session is not None:
            self.session.abandon()
        SessionDriver.attach(trainer)
