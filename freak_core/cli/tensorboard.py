"""TensorBoard event files, written by torch, which Freak itself does not need."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freak_core.errors import ConfigurationError
from freak_core.runs.metric_parts import Points


def write_events(folder: Path, metrics: Mapping[str, Points]) -> None:
    """Write the points of metrics; each segment but the first gets a folder of its own in ``folder``.

    Raises:
        ConfigurationError: torch or tensorboard is not installed.
    """
    try:
        module: Any = importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise ConfigurationError(
            f"event files of TensorBoard need torch and tensorboard ({error}): pip install torch tensorboard"
        ) from None
    writers: dict[int, Any] = {}
    try:
        for name, points in metrics.items():
            for number, (segment, step, at, value) in enumerate(points.rows()):
                if segment not in writers:
                    at_folder = folder / f"segment-{segment}" if segment else folder
                    writers[segment] = module.SummaryWriter(str(at_folder))
                x = number if step is None else int(step)
                writers[segment].add_scalar(name, float("nan") if value is None else value, x, walltime=at)
    finally:
        for writer in writers.values():
            writer.close()
