"""Machines, made of network namespaces, whose own host name resolves to 127.0.1.1, as Debian has it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


class Node:
    """One machine.

    Args:
        number: 0 or 1, its rank.
        folder: where its file of hosts is.
    """

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.name = f"freak{os.getpid()}-{number}"
        self.address = f"10.97.0.{number + 1}"
        self.hosts = folder / f"hosts-{number}"

    def make(self, other: "Node") -> None:
        """Make the network of the machine, and its file of hosts as Debian writes it."""
        ip("netns", "add", self.name)
        lines = ["127.0.0.1 localhost", f"127.0.1.1 {self.name}", f"{other.address} {other.name}"]
        self.hosts.write_text("\n".join(lines) + "\n")

    def plug(self) -> None:
        """Bring the interfaces up."""
        ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "veth0")
        ip("-n", self.name, "link", "set", "veth0", "up")
        ip("-n", self.name, "link", "set", "lo", "up")

    def run(self, command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command on the machine."""
        with log.open("wb") as output:
            return subprocess.Popen(
                self.inside(command),
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def inside(self, command: list[str]) -> list[str]:
        """Return the command that runs another one on the machine."""
        machine = 'mount --bind "$1" /etc/hosts && hostname "$2" && shift 2 && exec "$@"'
        enter = ["ip", "netns", "exec", self.name, "unshare", "--mount", "--uts"]
        return [*enter, "sh", "-c", machine, "sh", str(self.hosts), self.name, *command]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=20, capture_output=True)


@contextlib.contextmanager
def two_nodes(folder: Path) -> Iterator[tuple[Node, Node]]:
    """Two machines with a cable between them."""
    nodes = Node(0, folder), Node(1, folder)
    try:
        nodes[0].make(nodes[1])
        nodes[1].make(nodes[0])
        ends = [["name", "veth0", "netns", node.name] for node in nodes]
        ip("link", "add", *ends[0], "type", "veth", "peer", *ends[1])
        for node in nodes:
            node.plug()
        yield nodes
    finally:
        for node in nodes:
            with contextlib.suppress(subprocess.CalledProcessError):
                ip("netns", "del", node.name)
