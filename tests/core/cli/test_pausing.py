"""``freak pause`` and ``resume``: they say whether that was news."""

from pydantic import BaseModel

from tests.core.cli.shell import freak
from tests.core.conftest import Serve


class Standstill(BaseModel):
    paused: bool = False
    reason: str | None = None


class Pausable(BaseModel):
    pause: Standstill = Standstill()


def test_a_pause_of_what_is_paused_is_told_as_such(served: Serve) -> None:
    served(Pausable())
    assert freak("pause").err == ""
    assert "paused already" in freak("pause", "--reason", "lunch").err


def test_a_resume_of_what_is_not_paused_is_told_as_such(served: Serve) -> None:
    served(Pausable())
    assert "was not paused" in freak("resume").err
    freak("pause")
    assert freak("resume").err == ""


def test_what_is_not_applied_yet_is_not_told_to_be_no_news(served: Serve) -> None:
    served(Pausable(), apply="sync")
    assert "paused" not in freak("resume", "--wait", "0", code=5).err
