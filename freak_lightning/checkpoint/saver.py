"""The exact checkpoint: written by all ranks or by none, with what Lightning leaves out."""

import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freak_core import Failed, Refused
from freak_lightning.checkpoint.exact_resume import epoch_done, save_checkpoint, why_not_exact
from freak_lightning.checkpoint.files import discard, finish, folder_for, free
from freak_lightning.checkpoint.rng_states import KEY, collect_rng_states, restore_rng_states
from freak_lightning.lightning_api.namespace import Callback, Trainer, rank_zero_warn
from freak_lightning.ranks.collectives import Agreement

logger = logging.getLogger("freak")

AgreeOn = Callable[[Refused | None], Refused | None]


class ExactCheckpoint:
    """Saves checkpoints in which every rank finds its random number generators again.

    It is one for a fit: its ``on_save_checkpoint`` adds the states to the checkpoint that is being saved.
    """

    def __init__(
        self, trainer: Trainer, ours: list[Callback], agreement: Agreement, agree_on: AgreeOn
    ) -> None:
        self._trainer = trainer
        self._ours = ours
        self._agreement = agreement
        self._agree_on = agree_on
        self._states: list[str] | None = None

    def save(
        self,
        dirpath: str | os.PathLike[str] | None,
        name: str,
        *,
        weights_only: bool = False,
        replace: bool = False,
    ) -> dict[str, Any]:
        """Save on all ranks; return the path, and whether resuming is exact, or why not.

        The file appears under its name when it is whole. Without ``replace`` the name gets a version
        (``-v1``) where it is taken, by another run in the same folder maybe.

        Raises:
            Failed: a rank could not write; all ranks raise, and nothing is left behind.
        """
        trainer = self._trainer
        path, partial, replaced = self._place(dirpath, name, replace)
        self._states = None if weights_only else self._everyones_states()
        reasons = ["weights only"] if weights_only else self._why_not_exact()
        failure = self._agree_on(_failure_of(lambda: save_checkpoint(trainer, partial, weights_only)))
        self._states = None
        if partial != path:
            path = self._finished(partial, path, failure, replace=replace)
        elif failure is not None:
            raise failure
        saved: dict[str, Any] = {"path": str(path), "exact": not reasons}
        saved |= {"why_not_exact": reasons} if reasons else {}
        saved |= {"replaced": True} if replaced else {}
        return saved | ({"written": "later"} if partial == path else {})

    def _place(
        self, dirpath: str | os.PathLike[str] | None, name: str, replace: bool
    ) -> tuple[Path, Path, bool]:
        """Return where to save, where until it is whole, and whether a file is replaced: rank zero says."""
        folders: list[Path] = []
        found: list[Any] = []

        def look() -> None:
            folders.append(folder_for(self._trainer, dirpath))
            path = folders[0] / f"{name}.ckpt"
            there = path.exists()
            # Of its own: another run may be saving to the same folder, under the same name.
            part = f".{path.name}.{secrets.token_hex(4)}.part"
            found.extend([path.name if replace else free(path).name, part, replace and there])

        # A rank may not see the folder: agreed on before all else.
        failure = self._agree_on(_failure_of(look))
        if failure is not None:
            raise failure
        (wanted, part, replaced), _ = self._agreement.share(found, 0)
        path = folders[0] / wanted
        return path, path if _writes_later(self._trainer) else folders[0] / part, replaced

    def _finished(self, partial: Path, path: Path, failure: Refused | None, *, replace: bool) -> Path:
        """Give the checkpoint its name, on rank zero, and return it; nothing is left of a torn one."""
        names: list[str] = []
        if self._trainer.is_global_zero:
            if failure is None:
                failure = _failure_of(lambda: names.append(finish(partial, path, replace=replace).name))
            if failure is not None:
                discard(partial)
        failure = self._agree_on(failure)
        if failure is not None:
            raise failure
        final, _ = self._agreement.share(names, 0)
        return path.with_name(final[0])

    def _everyones_states(self) -> list[str] | None:
        try:
            mine = collect_rng_states()
        except Exception:  # a rank that cannot tell must still take part
            logger.exception("the random number generators' states cannot be read")
            mine = ""
        states = self._agreement.everyones(mine)
        return states if states and all(states) else None

    def _why_not_exact(self) -> list[str]:
        try:
            return why_not_exact(self._trainer, self._ours, rng_saved=self._states is not None)
        except Exception as error:  # noqa: BLE001 - Lightning's inside may differ; the checkpoint is what counts
            return [f"not known: {type(error).__name__}: {error}"]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the generators' states to a checkpoint of ours; others stay as they are."""
        if self._states is not None:
            trainer = self._trainer
            next_is_epoch = epoch_done(trainer) and not trainer.validating
            checkpoint[KEY] = {"ranks": self._states, "next_is_epoch": next_is_epoch}


def restore_from(saved: dict[str, Any] | None, trainer: Trainer) -> None:
    """Put this rank's generators where they were when the checkpoint was saved.

    Call it in ``on_train_start``. Where the next thing that happened was a new epoch, its loader's iterator
    is made anew: Lightning has made it before this, and with it has drawn the workers' seed from a generator
    that was somewhere else.
    """
    if saved is None:
        return
    if len(saved["ranks"]) != trainer.world_size:
        ranks = f"{len(saved['ranks'])} ranks, and there are {trainer.world_size} now"
        rank_zero_warn(f"this resume is not exact: the checkpoint has the random numbers of {ranks}")
        return
    restore_rng_states(saved["ranks"][trainer.global_rank])
    if saved["next_is_epoch"] and trainer.fit_loop._data_fetcher is not None:
        iter(trainer.fit_loop._data_fetcher)


def _writes_later(trainer: Trainer) -> bool:
    """Whether checkpoints are written by a thread, which gives no moment to rename them."""
    return any(kind.__name__ == "AsyncCheckpointIO" for kind in type(trainer.strategy.checkpoint_io).__mro__)


def _failure_of(act: Callable[[], None]) -> Refused | None:
    try:
        act()
    except Failed as failed:
        return failed
    except BaseException as error:
        sharded = type(error).__name__ == "CheckpointException"  # torch's, which is no Exception
        if not sharded and not isinstance(error, Exception):
            raise
        return Failed(f"the checkpoint could not be saved: {_told(error)}")
    return None


def _told(error: BaseException) -> str:
    """Return an error in a line; a sharded checkpoint's has those of the ranks, each with its traceback."""
    failures = getattr(error, "failures", None)
    if not isinstance(failures, dict):
        return f"{type(error).__name__}: {error}"
    told = ((rank, failure[0]) for rank, failure in failures.items())
    return "; ".join(f"rank {rank}: {type(failed).__name__}: {failed}" for rank, failed in told)
