"""Changes that the program itself makes in a section that only requests may change: they become requests."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import BaseModel

from freak_core import Refused, Store, Write
from freak_lightning.control import Control
from freak_lightning.saved_section import Document

logger = logging.getLogger("freak")


class ProgramChanges:
    """Finds what the program has set in the sections of ``GracefulStop`` and ``Pause``.

    A program that sets ``should_stop`` on one rank would stop that rank alone. So the section is put back,
    and rank zero asks for the change as a client would: all ranks carry it out at one step, with a receipt.
    What another rank sets is put back, with a warning.

    Args:
        sections: all controls that own a section, by its name.
        store: this rank's state.
        is_rank_zero: whether this rank takes requests.
    """

    def __init__(self, sections: Mapping[str, Control], store: Store, *, is_rank_zero: bool) -> None:
        self._controls = {name: each for name, each in sections.items() if each.requests_only}
        self._store = store
        self._is_rank_zero = is_rank_zero
        self._agreed = {name: _document(each.initial_state()) for name, each in self._controls.items()}
        self._warned = False

    def become_requests(self) -> None:
        """Put back what the program has set since the last point; on rank zero, ask for it."""
        for name in self._controls:
            self._put_back_and_ask(name)

    def _put_back_and_ask(self, name: str) -> None:
        control = self._controls[name]
        now, agreed = _document(control.state), self._agreed[name]
        if now == agreed:
            return
        changed = {key: value for key, value in now.items() if value != agreed[key]}
        with self._store.locked():
            control.become(agreed)
        if not self._is_rank_zero:
            if not self._warned:
                self._warned = True
                logger.warning("the program set %s in section %r: only rank zero's counts", changed, name)
            return
        try:
            self._store.submit(Write("patch", (name,), changed, by="program"))
        except Refused as refused:
            logger.warning("the program set %s in section %r, which is refused: %s", changed, name, refused)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Take what changes within the block: all ranks carry the same request out."""
        before = {name: _document(each.state) for name, each in self._controls.items()}
        try:
            yield
        finally:
            for name in self._controls:
                self._take(name, before[name])

    @contextmanager
    def visit(self, control: Control) -> Iterator[None]:
        """Take what the control changes in its own section within the block; it does so on all ranks.

        What the program has set since the last point is put back before.
        """
        name = next((name for name, each in self._controls.items() if each is control), None)
        if name is None:
            yield
            return
        self._put_back_and_ask(name)
        try:
            yield
        finally:
            self._take(name, self._agreed[name])

    def _take(self, name: str, before: Document) -> None:
        now = _document(self._controls[name].state)
        self._agreed[name] |= {key: value for key, value in now.items() if value != before[key]}


def _document(state: BaseModel) -> Document:
    return state.model_dump(mode="json")
