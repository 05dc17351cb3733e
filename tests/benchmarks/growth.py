"""The growth: connections, messages and checkpoints of many ranks; counted, and from 64 on simulated.

gloo sends a broadcast along a binomial tree, and reduces one number around a ring, twice. A message is three
pieces of data on the network: the sender announces it, the receiver asks for it, and it is sent.
"""

from typing import Any

from tests.benchmarks import report
from tests.benchmarks.worker import Worker

SIMULATED = (64, 256, 1024)
"""Numbers of ranks that need more memory than this machine has."""

KINDS = ("without requests", "with a request", "outcome")


class Growth:
    """Lets many processes agree, and counts."""

    def __init__(self, quick: bool) -> None:
        self._counted = (2, 4, 8, 16) if quick else (2, 4, 8, 16, 32)

    def run(self) -> None:
        report.title("Many ranks")
        head = ["ranks", "connections of a rank", "pieces that a rank sends: no request", "a request"]
        head += ["its outcome", "in a checkpoint: equal generators", "different ones"]
        rows: list[list[object]] = []
        a_rank = 0.0
        with Worker("growth_ranks", *map(str, self._counted)) as worker:
            for world_size in self._counted:
                ranks = worker.hear()["ranks"]
                a_rank = ranks[0]["distinct"] / world_size
                found = [max(rank["connections"] for rank in ranks), *(most(ranks, kind) for kind in KINDS)]
                both = zip(found, simulate(world_size), strict=True)
                rows.append([world_size, *(f"{counted} ({simulated})" for counted, simulated in both)])
                rows[-1] += [f"{ranks[0][kind] / 1e3:,.0f} kB" for kind in ("equal", "distinct")]
        for world_size in SIMULATED:
            rows.append([world_size, *(f"({each})" for each in simulate(world_size))])
            rows[-1] += ["-", f"({a_rank * world_size / 1e3:,.0f} kB)"]
        report.table(head, rows)
        report.note("Each is that of the rank that has most; in parentheses as simulated.")


def most(ranks: list[Any], kind: str) -> int:
    """Return how many pieces the rank sends that sends most, in one agreement."""
    return max(round(rank["messages"][kind]) for rank in ranks)


def simulate(world_size: int) -> tuple[int, int, int, int]:
    """Return connections of a rank, and pieces it sends without requests, with one, for its outcome."""
    tree = [
        (rank, rank + (1 << bit))
        for bit in range((world_size - 1).bit_length())
        for rank in range(min(1 << bit, world_size - (1 << bit)))
    ]
    # One number goes around twice: to be united, and to be told.
    ring = [(hop % world_size, (hop + 1) % world_size) for hop in range(2 * (world_size - 1))]
    peers: list[set[int]] = [set() for _ in range(world_size)]
    for sender, receiver in (*tree, *ring):
        peers[sender].add(receiver)
        peers[receiver].add(sender)
    broadcast = most_pieces(tree, world_size)
    return max(map(len, peers)), broadcast, 2 * broadcast, most_pieces(ring, world_size)


def most_pieces(messages: list[tuple[int, int]], world_size: int) -> int:
    """Return how many pieces the rank sends that sends most: two as the sender, one as the receiver."""
    pieces = [0] * world_size
    for sender, receiver in messages:
        pieces[sender] += 2
        pieces[receiver] += 1
    return max(pieces)
