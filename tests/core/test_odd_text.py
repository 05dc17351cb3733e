"""Text of the program that UTF-8 cannot write, as names of files may be: every answer has it all the same."""

import logging
import os
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from freak_core import Client, Freak
from tests.core.conftest import Connect

ODD = os.fsdecode(b"caf\xe9")
SHOWN = "caf\\udce9"


class State(BaseModel):
    file: str = ODD
    sizes: dict[str, int] = {ODD: 1}
    plain: str = "café"


def odd_actions(freak: Freak) -> None:
    @freak.action
    def newest() -> dict[str, Any]:
        return {"file": ODD, ODD: [ODD]}

    @freak.action
    def fails() -> None:
        raise OSError(f"no {ODD}")


@pytest.fixture(params=["a server of its own", "the user's app"])
def freak(
    request: pytest.FixtureRequest, home: object, closing: ExitStack, caplog: pytest.LogCaptureFixture
) -> Freak:
    caplog.set_level(logging.CRITICAL + 1, "freak")  # pytest-xdist cannot carry such text
    app = FastAPI() if request.param == "the user's app" else None
    freak = closing.enter_context(Freak(app, port=0, name=ODD))
    odd_actions(freak)
    freak.control(State(), serve=True)
    freak.phase("reading", file=ODD)
    freak.log({f"size of {ODD}": 1.0})
    return freak


def test_every_answer_has_it(freak: Freak, connect: Connect) -> None:
    http = connect(freak)
    state = http.get("state").json()
    assert (state["file"], list(state["sizes"].values()), state["plain"]) == (SHOWN, [1], "café")
    assert http.get("state/file").json() == SHOWN
    assert http.get("get/file").json() == SHOWN
    assert http.get("state/plain").text == '"café"'
    assert http.post("actions/newest?wait=60", json={}).json()["result"] == {"file": SHOWN, SHOWN: [SHOWN]}
    refused = http.post("actions/fails?wait=60", json={})
    assert (refused.status_code, refused.json()["detail"]) == (500, f"fails failed: OSError: no {SHOWN}")
    assert http.patch("state?wait=60", json={"file": "b"}).json()["changes"][0]["old"] == SHOWN
    assert [each["status"] for each in http.get("receipts").json()] == ["applied", "failed", "applied"]
    for route in ("run", "actions", "schema", "openapi.json", "metrics", "series"):
        assert http.get(route).status_code == 200, route
    assert http.get("run").json()["name"] == SHOWN
    with Client(freak.link) as client:
        assert client.put("sizes", {"b": 2}).changes[-1].path == "/sizes/b"
        assert client.receipts(last=1)[0].status == "applied"
