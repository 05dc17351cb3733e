"""Idempotency-Keys: a request that is sent again is carried out once."""

from freak_core.errors import Rejected
from freak_core.program.write_request import Write
from freak_core.receipt_history import ReceiptHistory


class KeysSeen:
    """Remembers which receipt an Idempotency-Key led to, so that a retry gets the same one.

    Args:
        keep: how many keys to remember.
    """

    def __init__(self, keep: int = 10_000) -> None:
        self._keep = keep
        self._seen: dict[str, tuple[str, str]] = {}

    def receipt_id(self, write: Write) -> str | None:
        """Return the receipt of an earlier write with the same key, if there was one.

        Raises:
            Rejected: the key was used for a different request.
        """
        if write.key is None or write.key not in self._seen:
            return None
        receipt_id, fingerprint = self._seen[write.key]
        if fingerprint != write.fingerprint():
            raise Rejected(f"Idempotency-Key {write.key!r} was used for another request; take a new one")
        return receipt_id

    def applied(self, receipts: ReceiptHistory) -> dict[str, list[str]]:
        """Return receipt and fingerprint of the applied requests by key, for a run that resumes this one.

        A request whose receipt is forgotten has ended. Call it under the store's lock.
        """
        found = [(key, seen, receipts.get(seen[0])) for key, seen in self._seen.items()]
        return {key: list(seen) for key, seen, its in found if its is None or its.status == "applied"}

    def recall(self, applied: dict[str, list[str]]) -> None:
        """Reject retries of requests that an earlier run has ``applied``."""
        self._seen |= {key: (receipt_id, fingerprint) for key, (receipt_id, fingerprint) in applied.items()}

    def remember(self, write: Write, receipt_id: str) -> None:
        """Note the receipt of a write, if it has a key."""
        if write.key is not None:
            self._seen[write.key] = (receipt_id, write.fingerprint())
            if len(self._seen) > self._keep:
                del self._seen[next(iter(self._seen))]
