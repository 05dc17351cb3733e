"""The example callback of Freak 0.0.2 runs as it was, but for its imports, and stops both ranks."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from freak_core import Client, NotFound
from tests.lightning.conftest import Training


@pytest.mark.ranks
def test_the_ancestors_callback_stops_both_ranks(start: Callable[..., Training], tmp_path: Path) -> None:
    training = start(module="tests.lightning.ancestor")
    client = found()
    with client:
        answer = httpx.put(
            f"{client.url}/set/should_stop?value=true",
            headers={"Authorization": f"Bearer {client.link.partition('=')[2]}"},
        )
    assert answer.json() == "success"
    assert training.end() == 0, training.log()
    steps = {path.name: int(path.read_text()) for path in training.out.glob("ended-*")}
    assert set(steps) == {"ended-0", "ended-1"}
    assert steps["ended-0"] == steps["ended-1"] < 1_000_000


def found() -> Client:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(NotFound):
            return Client.find()
        time.sleep(0.1)
    raise AssertionError("the training did not start")
