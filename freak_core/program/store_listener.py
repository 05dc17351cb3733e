"""What is told of the events of a store."""

from typing import Protocol

from freak_core.receipts import Receipt
from freak_core.text.strict_json import JSON


class Listener(Protocol):
    """Is told of everything that happens to a store; called under the store's lock, so it must be quick."""

    def receipt(self, receipt: Receipt) -> None:
        """Take a receipt that was written or has changed."""

    def state(self, revision: int, value: dict[str, JSON]) -> None:
        """Take the new state, as readers see it."""
