"""The saver: all ranks write a checkpoint or none does, and the report says whether a resume is exact."""

import json
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, TypeVar

from freak_core import Failed, Refused
from freak_lightning.checkpoint.contents import exact_checkpoint
from freak_lightning.checkpoint.exact_resume import ExactResume
from freak_lightning.checkpoint.files import discard, finish, folder_for, free
from freak_lightning.checkpoint.rebuilt_on_resume import Dtypes
from freak_lightning.checkpoint.rng_states import StatesOfRanks, collect_rng_states, states_of_all_ranks
from freak_lightning.lightning_api.namespace import Callback, Trainer
from freak_lightning.ranks.collectives import Collectives, agreed_failure, on_any
from freak_lightning.ranks.interrupts import failure_of
from freak_lightning.ranks.lost_ranks import RanksLost

logger = logging.getLogger("freak")

Result = TypeVar("Result")


class SavedCheckpoint(TypedDict):
    """What a receipt says of a saved checkpoint."""

    path: str
    exact: bool
    why_not_exact: NotRequired[list[str]]
    assumes: NotRequired[list[str]]
    replaced: NotRequired[bool]
    waited_for: NotRequired[str]
    written: NotRequired[Literal["later"]]


class _Place(TypedDict):
    """Rank zero's choice of names in the folder, for all ranks."""

    name: str
    partial: str
    replaced: bool


class CheckpointSaver:
    """Saves checkpoints of one fit.

    Args:
        trainer: a trainer in ``fit``.
        ours: the callbacks that belong to Freak.
        collectives: how the ranks agree.
    """

    def __init__(self, trainer: Trainer, ours: Sequence[Callback], collectives: Collectives) -> None:
        self._trainer = trainer
        self._collectives = collectives
        self._exact = ExactResume(trainer, ours)

    def begin(self, dtypes: Dtypes) -> None:
        """Read what training begins with, to see later what has changed; call it in ``on_train_start``.

        ``dtypes`` are those of the model's parameters and buffers in ``setup``.
        """
        try:
            self._exact.dtypes = dtypes
            self._exact.begin()
        except Exception:
            logger.exception("what training begins with cannot be read; checkpoints are judged without it")

    def save(
        self,
        dirpath: str | os.PathLike[str] | None,
        name: str,
        *,
        weights_only: bool = False,
        replace: bool = False,
    ) -> SavedCheckpoint:
        """Save a checkpoint. All ranks must call it.

        The file gets its name when it is complete. Without ``replace`` it gets a version (``-v1``) if the
        name is taken; another run may save to the same folder.

        Raises:
            Failed: a rank could not write; all ranks raise, and no file is left behind.
        """
        folder, place = self._agreed_place(dirpath, name, replace=replace)
        path = folder / place["name"]
        writes_later = _writes_later(self._trainer)
        partial = path if writes_later else folder / place["partial"]
        try:
            reasons = self._write(partial, weights_only=weights_only)
        except Failed:
            if self._trainer.is_global_zero and not writes_later:
                discard(partial)
            raise
        if not writes_later:
            path = self._finished(partial, path, replace=replace)
        saved = SavedCheckpoint(path=str(path), exact=not reasons)
        assumed = [] if reasons else self._assumed()
        if reasons:
            saved["why_not_exact"] = reasons
        if assumed:
            saved["assumes"] = assumed
        if place["replaced"]:
            saved["replaced"] = True
        if writes_later:
            saved["written"] = "later"
        return saved

    def _agreed_place(
        self, dirpath: str | os.PathLike[str] | None, name: str, *, replace: bool
    ) -> tuple[Path, _Place]:
        """Return the folder, and rank zero's choice of names in it."""

        def choose() -> tuple[Path, _Place]:
            folder = folder_for(self._trainer, dirpath)
            path = folder / f"{name}.ckpt"
            taken = path.exists()
            # A random part: another run may be saving to the same folder, under the same name.
            partial = f".{path.name}.{secrets.token_hex(4)}.part"
            chosen = path.name if replace else free(path).name
            return folder, {"name": chosen, "partial": partial, "replaced": replace and taken}

        # A rank may not see the folder: agreed on before any other collective.
        folder, place = self._on_all_ranks(choose)
        place, _ = self._collectives.broadcast(place, 0)
        return folder, place

    def _write(self, partial: Path, *, weights_only: bool) -> list[str]:
        """Write the checkpoint; return why a resume from it is not exact."""
        trainer = self._trainer
        rng_states = None if weights_only else self._rng_states_of_all_ranks()
        if weights_only:
            reasons = ["weights_only leaves out optimizers, schedulers and loops; resume needs all of them"]
        else:
            reasons = self._why_not_exact(rng_saved=rng_states is not None)
        # Agreed on before writing: a callback may fail on one rank here, and under sharded strategies writing
        # is a collective, in which the other ranks would wait for it.
        checkpoint = self._on_all_ranks(
            lambda: exact_checkpoint(trainer, weights_only=weights_only, rng_states=rng_states)
        )
        self._on_all_ranks(lambda: trainer.strategy.save_checkpoint(checkpoint, partial))
        return reasons

    def _finished(self, partial: Path, path: Path, *, replace: bool) -> Path:
        """Give the checkpoint its name, on rank zero; return the path with that name."""

        def rename() -> str:
            if not self._trainer.is_global_zero:
                return ""
            try:
                return finish(partial, path, replace=replace).name
            except BaseException:
                discard(partial)
                raise

        name, _ = self._collectives.broadcast(self._on_all_ranks(rename), 0)
        return path.with_name(name)

    def _on_all_ranks(self, act: Callable[[], Result]) -> Result:
        """Return what ``act`` returns on this rank, if it failed on no rank.

        Raises:
            Failed: it failed on some rank; all ranks raise.
        """
        results: list[Result] = []
        failure = agreed_failure(self._collectives, _failure_of(lambda: results.append(act())))
        if failure is not None:
            raise failure
        return results[0]

    def _rng_states_of_all_ranks(self) -> StatesOfRanks | None:
        try:
            mine = collect_rng_states()
        except Exception:  # the other ranks wait in the collective below
            logger.exception("the states of the random number generators cannot be read")
            mine = None
        return states_of_all_ranks(mine, self._trainer.global_rank, self._collectives)

    def why_not_exact(self) -> list[str]:
        """Return why a checkpoint saved now would not be exact. All ranks must call it, and get the same."""
        return self._why_not_exact(rng_saved=True)

    def next_exact(self) -> str | None:
        """Return the kind of place that comes next and is exact, in words; None if none can come.

        All ranks must call it, and get rank zero's answer.
        """
        try:
            place = self._exact.next_exact(rng_saved=True)
        except Exception:
            logger.exception("Freak cannot foresee where a checkpoint is exact")
            place = None
        name, _ = self._collectives.broadcast(place.name if place is not None else None, 0)
        return name

    def _why_not_exact(self, *, rng_saved: bool) -> list[str]:
        """Return the reasons of all ranks: one may have another loader."""
        try:
            mine = self._exact.why_not(rng_saved=rng_saved)
        except Exception as error:
            logger.exception("Freak cannot judge whether a resume is exact")
            told = f"{type(error).__name__}: {error}"
            mine = [f"Freak cannot judge whether a resume is exact ({told}); compare a resumed run yourself"]
        if not on_any(self._collectives, bool(mine)):
            return []
        ranks = self._collectives.gather(json.dumps(mine))
        return list(dict.fromkeys(reason for text in ranks if text for reason in json.loads(text)))

    def _assumed(self) -> list[str]:
        try:
            return self._exact.assumes()
        except Exception as error:
            logger.exception("Freak cannot tell what it assumes")
            return [
                f"all callbacks resume exactly: Freak cannot tell which do ({type(error).__name__}: {error})"
            ]


def _writes_later(trainer: Trainer) -> bool:
    """Return whether a thread writes the checkpoints, so that nobody knows when to rename them."""
    return any(kind.__name__ == "AsyncCheckpointIO" for kind in type(trainer.strategy.checkpoint_io).__mro__)


def _failure_of(act: Callable[[], object]) -> Refused | None:
    try:
        act()
    except Failed as failed:
        return failed
    except RanksLost:
        raise
    except BaseException as error:  # noqa: BLE001 - torch's CheckpointException is no Exception
        failures = getattr(error, "failures", None)
        if not isinstance(failures, dict):
            return failure_of(error, "the checkpoint could not be saved: {}")
        return Failed(f"the checkpoint could not be saved: {_by_rank(failures)}")
    return None


def _by_rank(failures: Mapping[int, tuple[BaseException, object]]) -> str:
    """Return the errors of the ranks that have failed in a sharded checkpoint, without tracebacks."""
    by_rank = ((rank, failure[0]) for rank, failure in failures.items())
    return "; ".join(f"rank {rank}: {type(failed).__name__}: {failed}" for rank, failed in by_rank)
