"""The file of a checkpoint: its folder, its name, and that it has this name only when it is complete."""

import contextlib
import itertools
import os
import re
import shutil
from pathlib import Path

from freak_core import Failed
from freak_lightning.lightning_api.namespace import Trainer


def folder_for(trainer: Trainer, dirpath: str | os.PathLike[str] | None) -> Path:
    """Return the folder for a control's checkpoints.

    Raises:
        Failed: the folder is a URL, such as that of a bucket.
    """
    given = str(dirpath or trainer.default_root_dir)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", given):  # "s3://", or "s3:/" after a Path; not "D:/"
        raise Failed(f"{given!r} is no folder of this machine; give the control a local folder as dirpath")
    return Path(given if dirpath is not None else Path(given) / "checkpoints").absolute()


def free(path: Path) -> Path:
    """Return the path, or if it exists its first free version (``-v1``), as ``ModelCheckpoint`` does."""
    versions = (path.with_name(f"{path.stem}-v{number}{path.suffix}") for number in itertools.count(1))
    return path if not path.exists() else next(each for each in versions if not each.exists())


def finish(partial: Path, path: Path, *, replace: bool) -> Path:
    """Rename a complete checkpoint, a file or under some strategies a folder; return its final path.

    Without ``replace`` the final name is chosen only now: another run may have saved there meanwhile.
    """
    path = path if replace else free(path)
    if path.is_dir():
        shutil.rmtree(path)
    elif partial.is_dir():
        path.unlink(missing_ok=True)
    partial.replace(path)
    return path


def discard(partial: Path) -> None:
    """Remove an incomplete checkpoint."""
    shutil.rmtree(partial, ignore_errors=True)
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)
