"""The skips that ``skips.txt`` allows, by environment."""

import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

SSHD = "/usr/sbin/sshd"
"""The ssh server, where Debian's openssh-server has it."""

LIST = Path(__file__).with_name("skips.txt")


def listed() -> Iterator[tuple[str, str, str]]:
    """Yield (environment, test, reason) of each skip on the list."""
    environment = ""
    for line in LIST.read_text().splitlines():
        if line.startswith("["):
            environment = line.strip("[]")
        elif line and not line.startswith("#"):
            test, _, reason = line.partition("  ")
            yield environment, test, reason


def environments() -> set[str]:
    """Return which environments of the list this is."""
    found = set()
    if importlib.util.find_spec("torch") is None:
        found.add("no torch")
    elif metadata.version("pytorch-lightning") < "2.6":
        found.add("lowest Lightning")
    elif not any(metadata.distributions(name="lightning")):  # find_spec would find the tests' own alias
        found.add("pytorch_lightning alone")
    gpus = len([*Path("/dev").glob("nvidia[0-9]*")])
    found |= {"no GPU"} if not gpus else {"one GPU"} if gpus == 1 else set()
    if importlib.util.find_spec("deepspeed") is None:
        found.add("no DeepSpeed")
    if not can_make_machines():
        found.add("no network namespaces")
    if not can_mount():
        found.add("no mounts")
    if not Path(SSHD).exists():
        found.add("no sshd")
    return found if Path("/proc/self").exists() else {*found, "no /proc"}


@functools.cache
def can_make_machines() -> bool:
    """Whether this user may make network namespaces, and mount files and name hosts in them."""
    if shutil.which("ip") is None or shutil.which("unshare") is None:
        return False
    command = ["unshare", "--net", "--mount", "--uts", "ip", "link", "add", "type", "veth"]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


@functools.cache
def can_mount() -> bool:
    """Whether this user may mount a file system in memory."""
    if shutil.which("unshare") is None or shutil.which("mount") is None or os.geteuid() != 0:
        return False
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


def allowed(test: str) -> bool:
    """Whether a test, by its pytest id, may be skipped here."""
    here = environments()
    names = (test.partition("[")[0], test.partition("::")[0])
    return any(each in names for environment, each, _ in listed() if environment in here)
