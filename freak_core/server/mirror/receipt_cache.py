"""The ledger: the newest receipts, those that wait, and how many have ended in which way."""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any

from freak_core.errors import NotFound

PENDING = "accepted"


class Ledger:
    """Receipts by id; those that wait are never forgotten.

    Args:
        receipts: to begin with.
        keep: how many to remember.
    """

    def __init__(self, receipts: Iterable[dict[str, Any]] = (), keep: int = 1000) -> None:
        self._keep = keep
        self._by_id: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.ended: Counter[str] = Counter()
        for receipt in receipts:
            self.note(receipt)

    def note(self, receipt: dict[str, Any]) -> None:
        """Remember a receipt, in place of an older version of it."""
        before = self._by_id.get(receipt["id"])
        if receipt["status"] != PENDING and (before is None or before["status"] == PENDING):
            self.ended[receipt["status"]] += 1
        self._by_id[receipt["id"]] = receipt
        if len(self._by_id) > self._keep:
            oldest = next((key for key, kept in self._by_id.items() if kept["status"] != PENDING), None)
            if oldest is not None:
                del self._by_id[oldest]

    def find(self, receipt_id: str) -> dict[str, Any] | None:
        """Return a receipt, if it is remembered."""
        return self._by_id.get(receipt_id)

    def get(self, receipt_id: str) -> dict[str, Any]:
        """Return a receipt.

        Raises:
            NotFound: no such receipt, or too old to be remembered.
        """
        found = self.find(receipt_id)
        if found is None:
            raise NotFound(f"there is no receipt {receipt_id!r} among the newest; the journal has them all")
        return found

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Return the receipts numbered above ``seq``, oldest first."""
        return sorted((r for r in self._by_id.values() if r["seq"] > seq), key=lambda r: r["seq"])

    @property
    def pending(self) -> int:
        """How many requests are accepted and wait."""
        return sum(receipt["status"] == PENDING for receipt in self._by_id.values())
