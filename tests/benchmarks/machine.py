"""The machine: what the figures were measured on, and how its cores are shared out."""

import os
import platform
from importlib import metadata
from pathlib import Path


def facts() -> str:
    """Return one line on hardware and versions, and how busy the machine is with other work."""
    names = ("torch", "lightning", "pydantic", "fastapi", "uvicorn")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    cores = len(os.sched_getaffinity(0))
    python = f"Python {platform.python_version()}"
    return f"{cores} cores ({_processor()}), {python}, {versions}; load average {os.getloadavg()[0]:.1f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def two_cores() -> tuple[int, int]:
    """Return a core for the training and one for server and clients; the same where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]
