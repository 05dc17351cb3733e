"""Trouble on one rank: every rank goes through the same collectives, so that none waits for ever."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from freak_core import Failed
from freak_lightning import GracefulStop, LROverride, Tunable
from freak_lightning.checkpoint import saver
from freak_lightning.checkpoint.saver import CheckpointSaver
from freak_lightning.ranks.collectives import SingleProcess
from freak_lightning.session.sections import restored_sections


class Noting(SingleProcess):
    """Notes the collectives that this rank takes part in; another rank answers ``other``."""

    def __init__(self, other: str | None = None) -> None:
        self.calls: list[str] = []
        self.other = other

    def union(self, flags: int, width: int = 1) -> int:
        self.calls.append("union")
        return flags | int(self.other is not None)

    def gather(self, text: str | None) -> list[str | None]:
        self.calls.append("gather")
        return [text, self.other]


def test_a_folder_that_one_rank_cannot_see_fails_before_any_other_collective(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    collectives, trainer = Noting(), SimpleNamespace(default_root_dir=str(tmp_path))
    checkpoints = CheckpointSaver(trainer, [], collectives)  # type: ignore[arg-type]
    monkeypatch.setattr(Path, "exists", blind)
    with pytest.raises(Failed, match=r"Permission denied.*on rank 0 of 2"):
        checkpoints.save(None, "one")
    assert collectives.calls == ["union", "gather"]


def test_nothing_is_written_if_another_rank_could_not_collect_its_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing is a collective under sharded strategies: the rank that failed would be missing in it."""

    class OtherFails(Noting):
        def union(self, flags: int, width: int = 1) -> int:
            super().union(flags)
            return int(self.calls == ["union", "union"])

        def gather(self, text: str | None) -> list[str | None]:
            return [text, "no memory"]

    def write(*_: Any) -> None:
        written.append(True)

    written: list[bool] = []
    strategy = SimpleNamespace(checkpoint_io=None, save_checkpoint=write)
    trainer: Any = SimpleNamespace(
        default_root_dir=str(tmp_path), strategy=strategy, is_global_zero=True, world_size=2
    )
    monkeypatch.setattr(saver, "exact_checkpoint", lambda *_, **__: {})
    with pytest.raises(Failed, match=r"no memory.*on rank 1 of 2"):
        CheckpointSaver(trainer, [], OtherFails()).save(None, "one", weights_only=True)
    assert not written


class Shard(BaseModel):
    number: int = 0


def test_sections_that_only_one_rank_has_changed_are_restored_by_all() -> None:
    class Fails(GracefulStop):
        def state_dict(self) -> dict[str, Any]:
            raise RuntimeError("on purpose")

    changed = Tunable(Shard())
    changed.model.number = 1
    sections = {"stop": Fails(), "lr": LROverride(), "shard": changed}
    here = Noting()
    found = restored_sections(sections, here)
    assert list(found) == ["stop", "shard"]
    assert isinstance(found["stop"], Failed)
    assert found["shard"] is None
    there = Noting(other="yes")
    assert list(restored_sections({name: LROverride() for name in sections}, there)) == list(sections)
    assert here.calls == there.calls == ["union"] * 3
