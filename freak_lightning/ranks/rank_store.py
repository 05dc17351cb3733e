"""The store of torch.distributed: what the ranks of a training write for each other, by key."""

from typing import Any, Protocol

from torch.distributed import distributed_c10d

torch_private: Any = distributed_c10d
"""What torch does not declare: the default store, and the parts of which a process group is made."""


class KeyStore(Protocol):
    """What the ranks of a training write for each other, by key."""

    def set(self, key: str, value: str) -> None:
        """Write a value."""

    def check(self, keys: list[str]) -> bool:
        """Return whether the keys are there, without waiting for them."""

    def get(self, key: str) -> bytes:
        """Return a value, once it is there."""

    def add(self, key: str, number: int) -> int:
        """Add to a number, and return it."""

    def compare_set(self, key: str, expected: str, value: str) -> bytes:
        """Write a value if the key has the expected one, ``""`` for none; return what it has then."""


def rank_store() -> KeyStore:
    """Return the store that the training has made."""
    store: KeyStore = torch_private._get_default_store()
    return store
