"""The states of the random number generators, which Lightning does not save in checkpoints.

    {"data": tensor, "lengths": [2550, ...], "ranks": [[0, 1, 2, None], [0, 1, 3, None], ...]}

is how a checkpoint holds those of all ranks: a state that several ranks share is there once. The states lie
one behind the other in a tensor of bytes: ``torch.save`` makes half as much again of Python's ``bytes``. A
generator takes 2.5 to 3.2 kB, one on a GPU 16 bytes.
"""

import base64
import json
import random
import zlib
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from freak_lightning.ranks.collectives import Collectives

RngStates = Sequence[bytes | None]
"""The states of one process's generators: Python, NumPy, torch, CUDA; None for one that is not in use."""


class StatesOfRanks(TypedDict):
    """The states of all ranks as a checkpoint holds them; one of 0.1.0 has a text for each rank.

    ``next_is_epoch`` says whether the training goes on with an epoch, not within one;
    ``keeps_validation_workers``, whether its next validation needs no seed for new worker processes.
    """

    data: torch.Tensor
    lengths: list[int]
    ranks: list[list[int | None] | str]
    next_is_epoch: NotRequired[bool]
    keeps_validation_workers: NotRequired[bool]


_WORDS = "<u4"
"""The numbers of a Mersenne Twister."""


def collect_rng_states() -> RngStates:
    """Return the states of this process's generators.

    Raises:
        ValueError: NumPy's global generator is none that can be saved.
    """
    version, words, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    # Only the current device: reading all of them would create a context on each.
    cuda_in_use: Any = torch.cuda.is_initialized
    cuda: torch.Tensor | None = torch.cuda.get_rng_state() if cuda_in_use() else None
    return [
        _packed([version, gauss], np.array(words, _WORDS)),
        _packed([str(name), *rest], np.asarray(keys, _WORDS)),
        _packed([], torch.get_rng_state().numpy()),
        None if cuda is None else _packed([], cuda.cpu().numpy()),
    ]


def restore_rng_states(states: RngStates) -> None:
    """Put this process's generators where they were."""
    python, numpy, cpu, cuda = (None if state is None else _unpacked(state) for state in states)
    if python is not None:
        (version, gauss), data = python
        random.setstate((version, tuple(np.frombuffer(data, _WORDS).tolist()), gauss))
    if numpy is not None:
        (name, *rest), data = numpy
        np.random.set_state((name, np.frombuffer(data, _WORDS).astype(np.uint32), *rest))
    if cpu is not None:
        torch.set_rng_state(_bytes_tensor(cpu[1]))
    if cuda is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(_bytes_tensor(cuda[1]))


def states_of_all_ranks(mine: RngStates | None, rank: int, collectives: Collectives) -> StatesOfRanks | None:
    """Return the states of all ranks as a checkpoint holds them; None if a rank has none to give.

    All ranks must call it. A state that several ranks share is sent by the lowest of them.
    """
    states = mine or ()
    digests = [None if state is None else sha256(state).hexdigest() for state in states]
    told = collectives.gather(None if mine is None else json.dumps(digests))
    if None in told:
        return None
    by_rank = [json.loads(str(text)) for text in told]
    senders = {digest: rank for rank, each in reversed([*enumerate(by_rank)]) for digest in each}
    own = {
        digest: base64.b64encode(state).decode()
        for digest, state in zip(digests, states, strict=True)
        if state is not None and senders[digest] == rank
    }
    sent = [json.loads(text) for text in collectives.gather(json.dumps(own) if own else None) if text]
    parts = {digest: base64.b64decode(text) for each in sent for digest, text in each.items()}
    numbers = {digest: number for number, digest in enumerate(parts)}
    return {
        "data": _bytes_tensor(b"".join(parts.values())),
        "lengths": [len(part) for part in parts.values()],
        "ranks": [[numbers.get(digest) for digest in each] for each in by_rank],
    }


def states_of_rank(saved: StatesOfRanks, rank: int) -> RngStates:
    """Return the states of one rank from those of all ranks, as a checkpoint holds them."""
    one = saved["ranks"][rank]
    if isinstance(one, str):  # a checkpoint of 0.1.0
        return _older(one)
    parts = torch.split(saved["data"].cpu(), saved["lengths"])
    return [None if number is None else parts[number].numpy().tobytes() for number in one]


def _older(text: str) -> RngStates:
    states = json.loads(text)
    version, words, gauss = states["python"]
    name, keys, *rest = states["numpy"]
    cpu, cuda = (
        states[name] and np.frombuffer(base64.b64decode(states[name]), np.uint8) for name in ("torch", "cuda")
    )
    return [
        _packed([version, gauss], np.array(words, _WORDS)),
        _packed([name, *rest], np.frombuffer(base64.b64decode(keys), _WORDS)),
        _packed([], cpu),
        None if cuda is None else _packed([], cuda),
    ]


def _packed(facts: Sequence[object], numbers: NDArray[np.generic]) -> bytes:
    """Return facts and an array in little more than the bytes that differ at random."""
    return zlib.compress(json.dumps(facts).encode() + b"\n" + numbers.tobytes())


def _unpacked(data: bytes) -> tuple[list[Any], bytes]:
    facts, _, numbers = zlib.decompress(data).partition(b"\n")
    return json.loads(facts), numbers


def _bytes_tensor(data: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
