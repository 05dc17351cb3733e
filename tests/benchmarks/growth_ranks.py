"""The growth ranks: processes that agree as the ranks of a training do, without a training.

python -m tests.benchmarks.growth_ranks WORLD_SIZE...: answers for each what its ranks have counted. The ranks
are forks, since a process that imports torch anew takes 200 MB.
"""

import json
import os
import random
import socket
import struct
import sys
import tempfile
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from freak_lightning.checkpoint.rng_states import collect_rng_states, states_of_all_ranks
from freak_lightning.ranks.collectives import collectives_for
from tests.benchmarks.worker import answer

TIMES = 20
"""Agreements of each kind, over which messages are counted."""

TIMEOUT = timedelta(seconds=60)

DATA_SEGMENTS_OUT = struct.Struct("156xI")
"""Where Linux's tcp_info says how many segments with data a connection has sent."""


class Plain:
    """What a strategy does with torch.distributed."""

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        objects = [obj]
        dist.broadcast_object_list(objects, src)
        return objects[0]

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:  # noqa: A002
        flag = torch.tensor(int(decision))
        dist.all_reduce(flag, dist.ReduceOp.MIN if all else dist.ReduceOp.MAX)
        return bool(flag)


def connections() -> dict[str, socket.socket]:
    """Return this process's TCP connections, by inode."""
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        try:
            name = str(path.readlink())
            if not name.startswith("socket:"):
                continue
            one = socket.socket(fileno=os.dup(int(path.name)))
        except OSError:  # the folder's own descriptor
            continue
        if one.family not in (socket.AF_INET, socket.AF_INET6) or not connected(one):
            one.close()
            continue
        found[name] = one
    return found


def connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True


def sent(over: dict[str, socket.socket]) -> int:
    """Return how many pieces of data this process has sent over these connections."""
    infos = (one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160) for one in over.values())
    return sum(DATA_SEGMENTS_OUT.unpack(info)[0] for info in infos)


def count(rank: int, world_size: int, port: int) -> dict[str, Any]:
    """Agree as a rank does; return what was counted."""
    store = dist.TCPStore("127.0.0.1", port, world_size, is_master=rank == 0, timeout=TIMEOUT)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world_size, timeout=TIMEOUT)
    before = connections()
    ours, why = collectives_for(world_size, Plain(), TIMEOUT)
    assert not why, why
    seed(1)
    equal = states_of_all_ranks(collect_rng_states(), rank, ours)
    seed(rank)
    distinct = states_of_all_ranks(collect_rng_states(), rank, ours)
    over = {name: one for name, one in connections().items() if name not in before}
    messages = {}
    decision = [{"id": "a" * 22, "kind": "patch", "body": {"lr": {"hold": 0.1}}}]
    for name, agree in (
        ("without requests", lambda: ours.broadcast(None, 7)),
        ("with a request", lambda: ours.broadcast(decision, 7)),
        ("outcome", lambda: ours.union(0)),
        ("details", lambda: ours.gather("no" if rank == world_size - 1 else None)),
    ):
        start = sent(over)
        for _ in range(TIMES):
            agree()
        messages[name] = (sent(over) - start) / TIMES
        dist.barrier()
    return {"connections": len(over), "messages": messages, "equal": size(equal), "distinct": size(distinct)}


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def size(saved: Any) -> int:
    """Return the bytes that a checkpoint has for generators."""
    with tempfile.TemporaryFile() as file:
        torch.save(saved, file)
        return file.tell()


def ranks_of(world_size: int) -> list[Any]:
    """Return what each of so many ranks has counted."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        children = []
        for rank in range(world_size):
            child = os.fork()
            if child == 0:
                try:
                    Path(folder, str(rank)).write_text(json.dumps(count(rank, world_size, port)))
                    dist.barrier()  # nobody leaves while another one talks
                except BaseException:  # noqa: BLE001 - nobody is above it
                    traceback.print_exc()
                finally:
                    os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
        return [json.loads(Path(folder, str(rank)).read_text()) for rank in range(world_size)]


def main() -> None:
    torch.set_num_threads(1)
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    for world_size in sys.argv[1:]:
        answer({"ranks": ranks_of(int(world_size))})


if __name__ == "__main__":
    main()
