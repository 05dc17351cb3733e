"""The states of the random number generators, which Lightning does not save in checkpoints."""

import base64
import json
import random
from typing import Any

import numpy as np
import torch


def collect_rng_states() -> str:
    """Return the states of this process's generators (Python, NumPy, torch, CUDA), as JSON."""
    state: Any = np.random.get_state()
    name, keys, *rest = state
    return json.dumps(
        {
            "python": random.getstate(),
            "numpy": [name, _packed(torch.from_numpy(keys.view(np.uint8))), *rest],
            "torch": _packed(torch.get_rng_state()),
            # Only the current device: reading all of them would create a context on each.
            "cuda": _packed(torch.cuda.get_rng_state()) if torch.cuda.is_initialized() else None,  # type: ignore[no-untyped-call]
        }
    )


def restore_rng_states(text: str) -> None:
    """Put this process's generators where they were.

    Raises:
        ValueError: the text was not returned by ``collect_rng_states``.
    """
    states = json.loads(text)
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, _unpacked(keys).numpy().view(np.uint32), *rest))
    torch.set_rng_state(_unpacked(states["torch"]))
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(_unpacked(states["cuda"]))


def _packed(state: torch.Tensor) -> str:
    return base64.b64encode(state.cpu().numpy().tobytes()).decode()


def _unpacked(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
