"""The place of a checkpoint: which folder, under which name, and under which one until it is whole."""

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
        Failed: it is on no file system of this machine.
    """
    given = str(dirpath or trainer.default_root_dir)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", given):  # "s3://", and what a Path makes of it; not "D:/"
        raise Failed(f"{given!r} is no folder of this machine; give the control a dirpath that is")
    return Path(given if dirpath is not None else Path(given) / "checkpoints").absolute()


def free(path: Path) -> Path:
    """Return the path, or as ``ModelCheckpoint`` does its first version (``-v1``) that is not there yet."""
    versions = (path.with_name(f"{path.stem}-v{number}{path.suffix}") for number in itertools.count(1))
    return path if not path.exists() else next(each for each in versions if not each.exists())


def finish(partial: Path, path: Path, *, replace: bool) -> Path:
    """Give a whole checkpoint its name, and return that; it is a folder under some strategies.

    Without ``replace`` the name is chosen only now: another run may have saved to the folder meanwhile.
    """
    path = path if replace else free(path)
    if path.is_dir():
        shutil.rmtree(path)
    elif partial.is_dir():
        path.unlink(missing_ok=True)
    partial.replace(path)
    return path


def discard(partial: Path) -> None:
    """Remove a torn checkpoint."""
    shutil.rmtree(partial, ignore_errors=True)
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)
