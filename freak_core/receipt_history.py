"""The newest receipts of a run, in the program and in its server."""

from collections import Counter, OrderedDict
from collections.abc import Iterable

from freak_core.receipts import Receipt

STOP = "/stop/should_stop"
"""The field of the state by which ``freak stop`` asks a program to stop."""


class ReceiptHistory:
    """The newest receipts by id; the journal has them all.

    Args:
        receipts: to begin with.
        keep: how many to remember; receipts of requests that wait are never forgotten.

    Attributes:
        written: how often a receipt was put. It tells at no cost whether there is news.
        ended: how many requests have ended, by status.
    """

    def __init__(self, receipts: Iterable[Receipt] = (), keep: int = 1000) -> None:
        self._keep = keep
        self._by_id: OrderedDict[str, Receipt] = OrderedDict()
        self.written: int = 0
        self.ended: Counter[str] = Counter()
        for receipt in receipts:
            self.put(receipt)

    def put(self, receipt: Receipt) -> None:
        """Remember a receipt, in place of an older version of it."""
        self.written += 1
        before = self._by_id.get(receipt.id)
        if receipt.settled and (before is None or not before.settled):
            self.ended[receipt.status] += 1
        self._by_id[receipt.id] = receipt
        if len(self._by_id) > self._keep:
            oldest = next((key for key, kept in self._by_id.items() if kept.settled), None)
            if oldest is not None:
                del self._by_id[oldest]

    def get(self, receipt_id: str) -> Receipt | None:
        """Return the receipt with this id, if it is still remembered."""
        return self._by_id.get(receipt_id)

    def since(self, seq: int, limit: int = 1000) -> list[Receipt]:
        """Return the receipts numbered above ``seq``, oldest first, at most ``limit``."""
        newer = sorted((r for r in list(self._by_id.values()) if r.seq > seq), key=lambda r: r.seq)
        return newer[:limit]

    def stop_asked(self) -> Receipt | None:
        """Return the receipt of the request to stop that is in force, if there is one."""
        for receipt in reversed(self.since(0)):
            for change in receipt.changes:
                if change.path == STOP and receipt.status == "applied":
                    return receipt if change.new is True else None
        return None

    def waiting(self) -> list[Receipt]:
        """Return the receipts of the requests that have not ended."""
        return [receipt for receipt in self._by_id.values() if not receipt.settled]

    @property
    def pending(self) -> int:
        """How many requests are accepted and wait."""
        return sum(not receipt.settled for receipt in self._by_id.values())
