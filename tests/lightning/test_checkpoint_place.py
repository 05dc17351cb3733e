"""Where a checkpoint goes, and that no other one is lost for it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from freak_core import Failed
from freak_lightning.checkpoint import saver
from freak_lightning.checkpoint.files import finish, folder_for
from tests.lightning.asking import asking, checkpoint
from tests.lightning.tiny import KNOWN_WARNINGS, fit

pytestmark = KNOWN_WARNINGS


@pytest.mark.parametrize("place", ["s3://bucket/x", "memory://bucket", Path("gs://bucket"), "memory:/bucket"])
def test_a_bucket_is_no_folder(place: Any) -> None:
    with pytest.raises(Failed, match="no folder of this machine"):
        folder_for(SimpleNamespace(default_root_dir=str(place)), None)  # type: ignore[arg-type]
    with pytest.raises(Failed, match="no folder of this machine"):
        folder_for(SimpleNamespace(default_root_dir="."), place)  # type: ignore[arg-type]


def test_a_drive_is_a_folder_and_checkpoints_have_one_of_their_own_in_the_root() -> None:
    trainer: Any = SimpleNamespace(default_root_dir="D:/x")
    assert folder_for(trainer, None) == Path("D:/x/checkpoints").absolute()
    assert folder_for(trainer, "D:/y") == Path("D:/y").absolute()


def test_what_another_run_saved_while_this_one_was_writing_is_spared(tmp_path: Path) -> None:
    wanted, partial = tmp_path / "stop-step=4.ckpt", tmp_path / ".part"
    wanted.write_text("theirs")
    partial.write_text("ours")
    assert finish(partial, wanted, replace=False).name == "stop-step=4-v1.ckpt"
    assert wanted.read_text() == "theirs"
    partial.write_text("ours")
    assert finish(partial, wanted, replace=True) == wanted
    assert wanted.read_text() == "ours"


def test_a_file_gives_way_to_a_folder_of_its_name(tmp_path: Path) -> None:
    """Sharded strategies write folders."""
    wanted, partial = tmp_path / "a.ckpt", tmp_path / ".part"
    wanted.write_text("before")
    partial.mkdir()
    assert finish(partial, wanted, replace=True).is_dir()


def test_a_checkpoint_that_cannot_get_its_name_leaves_nothing(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Path:
        raise OSError("no room")

    monkeypatch.setattr(saver, "finish", full)
    ask, callbacks = asking(tmp_path / "saved", (0, 2, checkpoint()))
    assert fit(callbacks).global_step == 24
    assert "no room" in (ask.receipt().error or {})["detail"]
    assert list((tmp_path / "saved").iterdir()) == []
