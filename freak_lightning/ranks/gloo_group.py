"""The gloo group: connections between the ranks, besides those of the training; where they cannot be, none.

Made from torch's own parts, not with ``dist.new_group``: that needs every rank to succeed, waits for half an
hour for one that failed, and takes the network address from an environment variable or from the host name,
which on many machines resolves to 127.0.1.1.
"""

import contextlib
import ipaddress
import os
import secrets
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Protocol

import torch
import torch.distributed as dist

from freak_lightning.ranks.lost_ranks import told_as_lost_ranks
from freak_lightning.ranks.rank_store import KeyStore, rank_store, torch_private

_CONNECTING = timedelta(seconds=1.5)
"""What gloo is told to wait for a connection. It waits five times as long, if it gets no answer."""

_PATIENCE = timedelta(seconds=2)
"""How long a rank waits for another one in a first collective, once they are connected."""

_FULL_MESH = 64
"""The most ranks that are each connected with all others, which an older torch does."""

_INTERFACES = "GLOO_SOCKET_IFNAME"


class Agreement(Protocol):
    """What the ranks use to agree on whether there is a group: the collectives of the training."""

    def broadcast(self, decision: str, next_in: int) -> tuple[str, int]:
        """Return rank zero's arguments."""

    def gather(self, text: str | None) -> list[str | None]:
        """Return the text of every rank."""

    def union(self, flags: int, width: int = 1) -> int:
        """Return the flags that any rank has set."""


class GlooGroup:
    """A gloo group that has carried a message already.

    Args:
        group: torch's process group.
        timeout: how long a collective waits for other ranks.
    """

    def __init__(self, group: Any, timeout: timedelta) -> None:
        self.rank: int = group.rank()
        self.world_size: int = group.size()
        self._group: Any = group
        self._in_collective = False
        self._from_zero = dist.BroadcastOptions()
        self._from_zero.rootRank = self._from_zero.rootTensor = 0
        self._bitwise_or = dist.AllreduceOptions()
        self._bitwise_or.reduceOp = dist.ReduceOp(dist.ReduceOp.BOR)
        self._patience(timeout)

    def broadcast(self, data: torch.Tensor) -> None:
        """Fill ``data`` with rank zero's.

        Raises:
            RanksLost: another rank is gone, or did not come in time.
        """
        with self._collective():
            self._group.broadcast([data], self._from_zero).wait()

    def union(self, data: torch.Tensor) -> None:
        """Fill ``data`` with the bitwise or of the integers of all ranks.

        Raises:
            RanksLost: another rank is gone, or did not come in time.
        """
        with self._collective():
            self._group.allreduce([data], self._bitwise_or).wait()

    @contextlib.contextmanager
    def _collective(self) -> Iterator[None]:
        self._in_collective = True
        with told_as_lost_ranks():
            yield
        self._in_collective = False

    def close(self) -> None:
        """Free the connections on this rank; no collective, and a second call does nothing.

        They stay if a collective was interrupted by an exception: freeing them would wait for other ranks.
        """
        if not self._in_collective:
            self._group = None  # the last reference: the group's threads end now, not with the interpreter

    def _patience(self, timeout: timedelta) -> None:
        self._from_zero.timeout = self._bitwise_or.timeout = timeout
        if hasattr(self._group, "_set_default_timeout"):  # older torch has it in the options alone
            self._group._set_default_timeout(timeout)


def open_gloo_group(agreement: Agreement, timeout: timedelta) -> tuple[GlooGroup | None, str]:
    """Return a group of all ranks, or None on all ranks, and why. All ranks must call it.

    It never raises, and takes 10 seconds at most once all ranks are here.

    Args:
        agreement: the collectives of the training.
        timeout: how long a collective of the group waits for other ranks.
    """
    key, _ = agreement.broadcast(secrets.token_hex(4), 0)
    group, failure = None, None
    try:
        store = torch_private.PrefixStore(f"freak/{key}", rank_store())
        here = _published_address(store)
    except Exception as error:  # noqa: BLE001 - whatever it is, the training goes on without the group
        failure = _in_one_line(error)
    if not agreement.union(int(failure is not None)):  # every rank has published its address
        try:
            group = GlooGroup(_connected(store, here), timeout)
        except Exception as error:  # noqa: BLE001
            failure = _in_one_line(error)
    if not agreement.union(int(failure is not None)):
        return group, ""
    failures = enumerate(agreement.gather(failure))
    return None, next(f"rank {rank}: {text}" for rank, text in failures if text is not None)


def _connected(store: KeyStore, here: str) -> object:
    """Connect to the other ranks, and try the two collectives that the group is for."""
    kind: Any = dist.ProcessGroupGloo
    options = kind._Options()
    options._timeout = _CONNECTING
    options._devices = _devices(store, here)
    group = kind(store, dist.get_rank(), dist.get_world_size(), options)
    trial = GlooGroup(group, _PATIENCE)
    trial.broadcast(torch.zeros(1, dtype=torch.int64))
    trial.union(torch.zeros(1, dtype=torch.int64))
    return group


def _devices(store: KeyStore, here: str) -> list[object]:
    """Return the network devices to use: those that the user names, else that of the way to rank zero."""
    names = [name for name in os.environ.get(_INTERFACES, "").split(",") if name]
    with contextlib.suppress(RuntimeError):  # no such interface here
        if names:
            return [_device(interface=name) for name in names]
    return [_device(hostname=_reached_from_elsewhere(store, here))]


def _device(**where: str) -> object:
    """Return a device that connects two ranks when they first talk: a few connections a rank, not all.

    Raises:
        RuntimeError: an older torch would connect each of many ranks with all others.
    """
    create: Any = dist.ProcessGroupGloo.create_device
    try:
        return create(**where, lazy_init=True)
    except TypeError:
        if dist.get_world_size() > _FULL_MESH:
            ranks = f"this torch would connect each of {dist.get_world_size()} ranks with all others"
            raise RuntimeError(f"{ranks}; a newer torch needs a few connections a rank") from None
        return create(**where)


def _published_address(store: KeyStore) -> str:
    """Return the address from which this rank reaches MASTER_ADDR; others may read it in the store."""
    here = _address_towards(os.environ.get("MASTER_ADDR") or "127.0.0.1")
    if not _is_loopback(here):
        store.set("elsewhere", here)
    return here


def _reached_from_elsewhere(store: KeyStore, here: str) -> str:
    """Return the address of this machine that the ranks of all machines reach.

    On rank zero's own machine MASTER_ADDR may be a host name that resolves to 127.0.1.1 there. If some rank
    is on another machine, it is the address from which this rank reaches that one.
    """
    if _is_loopback(here) and store.check(["elsewhere"]):
        return _address_towards(store.get("elsewhere").decode())
    return here


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _in_one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]


def _address_towards(host: str) -> str:
    """Return the address from which this machine sends to the host; nothing is sent."""
    failure: OSError | None = None
    for family, kind, protocol, _, where in socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM):
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.connect(where)
            except OSError as error:
                failure = error
            else:
                return str(probe.getsockname()[0])
    raise failure or OSError(f"{host} has no address")


def group_timeout() -> timedelta | None:
    """Return the shortest timeout of the training's own group, or None where torch does not say it.

    Private in torch: the options of a group's backends are the only place that has it.
    """
    try:
        group: Any = dist.group.WORLD
        backends = [group._get_backend(device) for device in group._device_types]
        shortest: timedelta = min(each.options._timeout for each in backends)
    except (AttributeError, RuntimeError, ValueError):
        return None
    return shortest
