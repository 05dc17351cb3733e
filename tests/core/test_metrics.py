"""The numbers of a run: for Prometheus, and how far and how fast it is."""

import contextlib
import math
import time
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from freak_core import Freak
from freak_core.receipt_history import ReceiptHistory
from freak_core.receipts import Receipt, Status
from freak_core.server.api.prometheus import exposition
from freak_core.server.mirror.mirror import Mirror
from freak_core.server.mirror.progress_rate import Pace
from tests.core.conftest import Connect, Serve
from tests.core.steered import Steered
from tests.waiting import eventually


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def samples(text: str, name: str) -> dict[str, float]:
    """Return the values of a family by the value of their only label."""
    return {"".join(sample.labels.values()): sample.value for sample in families(text)[name].samples}


def scraped(http: httpx.Client) -> str:
    answer = http.get("metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.text


def test_prometheus_reads_the_run(served: Serve, connect: Connect) -> None:
    freak = served(Steered(password=SecretStr("hunter2")), apply="sync", name='odd "name"\n')
    http = connect(freak, freak.read_token)
    owner = connect(freak)
    freak.phase("training", total_steps=100)
    owner.patch("state", json={"epochs": 0})
    owner.patch("state", json={"epochs": 20})
    freak.sync(step=5)
    owner.patch("state?at_step=90", json={"epochs": 30})
    freak.publish(step=5, epoch=2, loss=0.25)
    freak.log({"loss": 0.5, "val/\\acc": float("nan")}, step=6)
    eventually(lambda: "nan" in scraped(http).lower())
    text = scraped(http)
    for family, value in {"step": 5, "epoch": 2, "revision": 1, "stalled": 0, "pending_requests": 1}.items():
        assert samples(text, f"freak_{family}") == {"": value}
    assert samples(text, "freak_receipts") == {"applied": 1, "rejected": 1, "failed": 0, "cancelled": 0}
    assert families(text)["freak_receipts"].type == "counter"
    metrics = samples(text, "freak_metric")
    assert metrics.pop("loss") == 0.5
    assert math.isnan(metrics.pop("val/\\acc"))
    assert samples(text, "freak_state") == {
        "epochs": 20, "head.lr": 0.1, "head.hidden.0": 32, "head.hidden.1": 16,
        "weights.a/b": 1, "weights.c\\.d": 2, "weights.ü": 3,
    }  # fmt: skip
    info = families(text)["freak_run_info"].samples[0].labels
    assert (info["name"], info["phase"], info["id"]) == ('odd "name"\n', "training", freak.id)
    assert abs(samples(text, "freak_start_time_seconds")[""] - time.time()) < 600
    assert "hunter2" not in text


def test_numbers_of_every_kind_are_written_as_prometheus_reads_them() -> None:
    state = {
        "big": 10**400,
        "low": -(10**400),
        "on": True,
        "off": False,
        "text": "1",
        "none": None,
        "e": 1e-300,
    }
    text = exposition({}, state, {"a\nb": 1.0}, {"expired": 3})
    found = samples(text, "freak_state")
    assert found == {"big": math.inf, "low": -math.inf, "on": 1, "off": 0, "e": 1e-300}
    assert samples(text, "freak_metric") == {"a\nb": 1.0}
    assert samples(text, "freak_receipts")["expired"] == 3
    assert "freak_step" not in families(text)


def test_run_says_what_waits_and_how_long_it_will_take(served: Serve, connect: Connect) -> None:
    freak = served(apply="sync")
    http = connect(freak)
    waiting = [http.patch("state", json={"epochs": epochs}).json()["id"] for epochs in (1, 2)]
    run = http.get("run").json()
    assert (run["pending"], run["eta_s"]) == (2, None)
    http.delete(f"receipts/{waiting[0]}")
    assert http.get("run").json()["pending"] == 1
    freak.phase("training", total_steps=1000, epochs=3)
    freak.publish(step=10)
    http.get("run?wait=30&step=10")
    freak.publish(step=20)
    run = http.get("run?wait=30&step=20").json()
    assert (run["steps_per_second"], run["eta_s"]) == (None, None), "too early to say"
    assert run["epochs"] == 3


def test_a_wait_for_the_run_is_checked(shared: httpx.Client) -> None:
    for query in ("wait=61", "wait=-1", "wait=nan", "wait=1&step=-1", "wait=1&epoch=x"):
        answer = shared.get(f"run?{query}")
        assert answer.status_code == 422
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("freak_core.server.mirror.progress_rate.time", clock)
    return clock


def test_the_time_to_the_end_follows_the_pace(clock: Clock) -> None:
    pace = Pace()
    assert pace.facts({"eta_s": 7})["eta_s"] == 7
    for step in (0, 10, 20):
        pace.note(step)
        clock.now += 2
    clock.now -= 2

    def eta(**run: Any) -> Any:
        return pace.facts(run)["eta_s"]

    assert eta(total_steps=100, step=20) == 16
    assert eta(total_steps=10, step=20) == 0
    assert eta(total_steps="many", step=20) is None
    assert eta(step=20, eta_s=3) == 3
    assert eta(total_steps=100, step=20, phase="finished") is None


def go(pace: Pace, clock: Clock, steps: range, per_second: float) -> list[float | None]:
    """Tell a step at a time; return what was said of the pace after each."""
    said = []
    for step in steps:
        clock.now += 1 / per_second
        pace.note(step)
        said.append(pace.facts({})["steps_per_second"])
    return said


def test_nothing_is_said_of_the_pace_until_it_is_known(clock: Clock) -> None:
    """What was done before anyone counted is not part of it."""
    pace = Pace()
    pace.note(0)
    clock.now += 0.01
    pace.note(300)
    said = go(pace, clock, range(301, 331), 10)
    assert said[:9] == [None] * 9
    assert said[10:] == pytest.approx([10.0] * 20)


def test_a_pause_leaves_pace_and_eta_as_they_were(clock: Clock) -> None:
    pace = Pace()
    run = {"step": 60, "total_steps": 160}
    go(pace, clock, range(61), 20)
    before = pace.facts(run)
    assert (before["steps_per_second"], before["eta_s"]) == (pytest.approx(20), pytest.approx(5))
    pace.enter("paused")
    for _ in range(25):
        clock.now += 1
        pace.note(60)
        during = pace.facts(run)
        assert (during["steps_per_second"], during["eta_s"]) == (
            before["steps_per_second"],
            before["eta_s"],
        )
        assert during["seconds_since_progress"] == 0
    pace.enter("training")
    assert go(pace, clock, range(61, 100), 20) == pytest.approx([20.0] * 39)


def test_the_pace_is_that_of_the_last_minute_or_of_the_last_steps(clock: Clock) -> None:
    pace = Pace()
    go(pace, clock, range(200), 1)
    assert go(pace, clock, range(200, 500), 4)[-1] == pytest.approx(4)
    assert go(pace, clock, range(500, 510), 1 / 300)[-1] == pytest.approx(1 / 300)
    pace.note(3)
    assert pace.facts({})["steps_per_second"] is None, "it began anew"


def test_the_mirror_tells_the_pace_of_phases(clock: Clock) -> None:
    mirror = Mirror(lambda _: None)
    mirror.receive({
        "type": "hello", "boot": "b", "prefix": "", "schema": {}, "actions": {}, "run": {"phase": "starting"},
        "receipts": [], "revision": 0, "value": {}, "events": [], "floor": 0, "history": [],
    })  # fmt: skip

    def tell(kind: str, **data: Any) -> None:
        mirror.receive({"type": "event", "seq": mirror.position() + 1, "event": kind, "data": data})

    def said(first: int) -> float:
        for step in range(first, first + 40):
            clock.now += 0.1
            tell("progress", step=step)
        return float(mirror.run_info()["steps_per_second"])

    assert said(0) == pytest.approx(10)
    for kind in ("run", "progress"):
        tell(kind, phase="paused")
        clock.now += 100
        tell(kind, phase="training")
    assert said(40) == pytest.approx(10)


def test_a_run_stalls_but_not_once_it_has_ended(clock: Clock) -> None:
    pace = Pace()
    pace.note(1)
    clock.now += 93
    assert pace.facts({"phase": "training"})["stalled"]
    assert not pace.facts({"phase": "finished"})["stalled"]


def test_what_waits_is_never_forgotten() -> None:
    def receipt(number: int, status: Status) -> Receipt:
        return Receipt(id=str(number), seq=number, kind="patch", status=status)

    history = ReceiptHistory([receipt(1, "accepted")], keep=3)
    for number in range(2, 10):
        history.put(receipt(number, "applied"))
    assert [r.seq for r in history.since(0)] == [1, 8, 9]
    assert (history.pending, history.ended["applied"]) == (1, 8)
    history.put(receipt(1, "failed"))
    history.put(receipt(1, "failed"))
    assert (history.pending, history.ended["failed"]) == (0, 1)


def test_a_new_server_counts_what_the_old_one_did(freak: Freak, http: httpx.Client) -> None:
    import os
    import signal

    http.patch("state", json={"epochs": 20})
    before = samples(scraped(http), "freak_receipts")
    assert freak.server_pid is not None
    os.kill(freak.server_pid, signal.SIGKILL)

    def served() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return http.get("healthz").status_code == 200
        return False

    eventually(served)
    assert samples(scraped(http), "freak_receipts") == before


def test_a_program_may_be_asked_for_its_progress(
    freak: Freak, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told when it goes on, also where its step stays the same; one that raises is asked no more."""
    done = {"batches": 0, "step": 0}

    def progress() -> tuple[int, dict[str, int]]:
        return done["batches"], {"step": 100 // done["step"]}

    done["step"] = 50
    freak.observe(progress)
    eventually(lambda: http.get("run").json().get("step") == 2)
    first = http.get("run").json()["seconds_since_progress"]
    eventually(lambda: http.get("run").json()["seconds_since_progress"] > first + 0.8)
    done["batches"] = 1
    eventually(lambda: http.get("run").json()["seconds_since_progress"] < first + 0.8)
    done["step"] = 0
    eventually(lambda: "the progress function of the program failed" in caplog.text)
    assert http.patch("state", json={"epochs": 5}).status_code == 200
