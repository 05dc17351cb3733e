"""The phases of a run: how far it has come, and how it ends."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from freak_core.errors import described
from freak_core.interrupts import signal_of

DONE = ("finished", "stopped")
"""The phases of a run that has ended well."""

ENDED = (*DONE, "failed", "interrupted", "exited", "lost")
"""The phases after which nothing more comes from a run."""

LOST: Mapping[str, str] = {"phase": "lost", "error": "ended without a word: killed, for example"}
"""What is said of a run whose program is gone and has not said how it ended."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        phase: ``finished``; ``stopped`` by a request or a rule; ``failed``; ``interrupted`` by a signal such
            as Ctrl-C or SIGTERM; ``exited`` by a SystemExit whose exit code is not known.
        error: what ended the run, such as ``ValueError: boom``.
        stopped_by: who stopped the run: as ``Receipt.by``, or a callback such as ``EarlyStopping``.
        reason: why the run was stopped.
    """

    phase: str
    error: str | None = None
    stopped_by: str | None = None
    reason: str | None = None

    @staticmethod
    def of(error: BaseException | None) -> "Ending":
        """Return how a run ended that ``error`` has ended; ``None`` stands for a run that finished."""
        return _ending(error)

    def facts(self) -> dict[str, str]:
        """Return what ``GET /run`` and the journal say of the end."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def because(run: Mapping[str, object]) -> str:
    """Return why a run ended, such as ``by owner: the loss rises``; an empty text if it is not known."""
    if run.get("error"):
        return str(run["error"])
    by, reason = run.get("stopped_by"), run.get("reason")
    return f"by {by}" + (f": {reason}" if reason else "") if by else ""


def arrived(run: Mapping[str, Any], step: int | None, epoch: int | None, phase: str | None) -> bool:
    """Whether the facts of a run say that it is in this phase, and at this step and epoch or past them.

    A run that was stopped has arrived at ``finished``, too.
    """
    far = all(n is None or (run.get(name) or 0) >= n for name, n in (("step", step), ("epoch", epoch)))
    now = run.get("phase")
    return far and (phase in (None, now) or (phase == "finished" and now in DONE))


def _ending(error: BaseException | None) -> Ending:
    if error is None:
        return Ending("finished")
    signal = signal_of(error)
    if signal is not None:
        return interrupted_by(signal, error)
    if isinstance(error, SystemExit):
        return exit_with(error.code)
    # By name: asyncio is not imported here.
    cancelled = isinstance(error, GeneratorExit) or type(error).__name__ == "CancelledError"
    return Ending("interrupted" if cancelled else "failed", described(error))


def interrupted_by(signal: str, error: BaseException | None = None) -> Ending:
    """Return how a run ended that a signal has interrupted."""
    what = "" if error is None else described(error)
    if signal == "SIGINT" and what:
        return Ending("interrupted", what)  # KeyboardInterrupt says it
    return Ending("interrupted", f"{signal} ({what})" if what else signal)


def exit_with(code: object) -> Ending:
    """Return how a run ended whose program has called ``sys.exit(code)``."""
    if code is None or (isinstance(code, int) and code & 0xFF == 0):
        return Ending("finished")
    return Ending("failed", described(SystemExit(code)))
