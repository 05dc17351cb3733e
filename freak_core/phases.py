"""The phases of a run: how far it has come, and how it ends."""

from collections.abc import Mapping
from typing import Any

ENDED = ("finished", "failed", "interrupted")
"""The phases after which nothing more comes from a run."""


def arrived(run: Mapping[str, Any], step: int | None, epoch: int | None, phase: str | None) -> bool:
    """Whether the facts of a run say that it is in this phase, and at this step and epoch or past them."""
    far = all(n is None or (run.get(name) or 0) >= n for name, n in (("step", step), ("epoch", epoch)))
    return far and phase in (None, run.get("phase"))


def ending(error: BaseException | None) -> dict[str, str]:
    """Return the last phase of a run that ``error`` has ended; ``None`` stands for a run that finished."""
    if error is None:
        return {"phase": "finished"}
    interrupted = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
    # By name: Lightning's exception for a SIGTERM, which is not imported here.
    interrupted = interrupted or type(error).__name__ == "SIGTERMException"
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return {"phase": "interrupted" if interrupted else "failed", "error": text[:1000]}
