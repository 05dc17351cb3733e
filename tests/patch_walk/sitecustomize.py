"""Python imports this at start, in every process that has this folder on its PYTHONPATH.

Appends to the file FREAK_WALK_LOG.PID one line for each call from one of our folders into another.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType

ROOT = os.environ["FREAK_WALK_ROOT"]
PACKAGES = (f"{ROOT}/freak_core/", f"{ROOT}/freak_lightning/")
LOG = Path(f"{os.environ['FREAK_WALK_LOG']}.{os.getpid()}").open("a", buffering=1)  # noqa: SIM115


def folder_of(frame: FrameType) -> str | None:
    """Return the folder of a frame's code, or None for code that is not ours."""
    path = frame.f_code.co_filename
    return os.path.relpath(os.path.dirname(path), ROOT) if path.startswith(PACKAGES) else None  # noqa: PTH120


def note(frame: FrameType, event: str, _: object) -> None:
    """Log a call that comes from another of our folders, or from outside of them."""
    if event != "call" or (folder := folder_of(frame)) is None:
        return
    caller = frame.f_back
    while caller is not None and folder_of(caller) is None:
        caller = caller.f_back
    if caller is None or folder_of(caller) != folder:
        process = (
            "server" if "freak_core.server" in sys.orig_argv else f"rank {os.environ.get('LOCAL_RANK', '0')}"
        )
        came_from = name_of(caller) if caller is not None else ""
        LOG.write(json.dumps([time.monotonic_ns(), process, came_from, folder, name_of(frame)]) + "\n")


def name_of(frame: FrameType) -> str:
    """Return module and function of a frame."""
    return f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}"


sys.setprofile(note)
threading.setprofile(note)
