"""The writes that were accepted and wait for their time, in their order."""

from freak_core.program.write_request import MOST_PENDING, Entry, Write
from freak_core.state.transaction import Operation


class WaitingWrites:
    """Accepted writes in their order. The list is replaced as a whole, so reading it needs no lock."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __contains__(self, receipt_id: str) -> bool:
        return any(entry.receipt_id == receipt_id for entry in self._entries)

    @property
    def full(self) -> bool:
        """Whether no more writes may wait."""
        return len(self._entries) >= MOST_PENDING

    def add(self, entry: Entry) -> None:
        """Let a write wait behind the others."""
        self._entries = [*self._entries, entry]

    def remove(self, receipt_id: str) -> None:
        """Let the write with this receipt wait no longer."""
        self._entries = [entry for entry in self._entries if entry.receipt_id != receipt_id]

    def clear(self) -> list[Entry]:
        """Let no write wait any longer, and return those that did."""
        entries, self._entries = self._entries, []
        return entries

    def take(self, step: int | None, epoch: int | None) -> list[Entry]:
        """Remove the writes that are due at a step and in an epoch, and return them."""
        taken = [entry for entry in self._entries if entry.write.due(step, epoch)]
        self._entries = [entry for entry in self._entries if all(entry is not each for each in taken)]
        return taken

    def steps_until_due(self, step: int, next_epoch: int | None) -> int | None:
        """Return in how many steps the next scheduled write is due; 1 if it waits for ``next_epoch``."""
        writes = [entry.write for entry in self._entries]
        steps = [write.at_step - step for write in writes if write.at_step is not None]
        steps += [1 for write in writes if next_epoch is not None and write.at_epoch == next_epoch]
        return max(0, min(steps)) if steps else None

    def before(self, write: Write) -> list[Write]:
        """Return the writes that will be applied before this one; scheduled ones may come in between."""
        return [e.write for e in self._entries if write.scheduled or not e.write.scheduled]

    def operations_before(self, write: Write) -> list[Operation]:
        """Return what they do to the state."""
        return [each.operation() for each in self.before(write) if each.kind != "action"]
