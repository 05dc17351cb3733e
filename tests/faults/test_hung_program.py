"""The program hangs or is stopped: the server still answers, says so, and everything goes on afterwards."""

import secrets
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.faults.conftest import Start
from tests.waiting import eventually

RATE, BURST, LONGEST_WAIT = 40, 10, 2.0
"""Writes a second that the server passes on, and those it passes on at once."""

HOLDING = """
freak = begin()
hear()
with freak.locked():
    say(holding=True)
    hear()
say(free=True)
time.sleep(60)
"""


def test_reads_are_answered_while_the_program_holds_the_lock_and_writes_are_refused_in_the_end(
    start: Start,
) -> None:
    """503 says to repeat with the same key; the repeated write gets the one receipt there is."""
    program = start(HOLDING)
    http = program.ready()
    http.patch("state", json={"left": 1})
    program.say("hold")
    program.hear()
    key = {"Idempotency-Key": secrets.token_hex(8)}
    with ThreadPoolExecutor(1) as pool:
        write = pool.submit(http.patch, "state", json={"left": 2}, headers=key)
        reader = program.http(timeout=5.0)
        for _ in range(20):
            assert reader.get("state").json()["left"] == 1
            assert reader.get("run").json()["name"] == "faulty"
        refused = write.result(14)
    assert refused.status_code == 503
    assert "repeat it with the same Idempotency-Key" in refused.json()["detail"]
    program.say("release")
    program.hear()
    assert http.get("state").json()["left"] == 1  # the client was told that it is not carried out
    repeated = http.patch("state", json={"left": 2}, headers=key)
    assert repeated.status_code == 200
    assert [change["new"] for change in repeated.json()["changes"]] == [2]
    assert len({entry["id"] for entry in program.journalled()}) == 2


def test_a_stopped_program_goes_on_with_what_was_asked_meanwhile(start: Start) -> None:
    """SIGSTOP, reads, a write that waits, SIGCONT: the write is carried out, once."""
    program = start("freak = begin()\nwhile True:\n    time.sleep(60)\n")
    http = program.ready()
    program.kill(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        write = pool.submit(http.patch, "state", json={"left": 2})
        assert program.http(timeout=5.0).get("state/left").json() == 0
        assert not write.done()
        program.kill(signal.SIGCONT)
        assert write.result(5).json()["status"] == "applied"
    assert http.get("state/left").json() == 2


def test_a_flood_at_a_stopped_program_is_turned_away(start: Start) -> None:
    """Few of 320 writes reach a stopped program. Reads are answered meanwhile."""
    program = start("freak = begin()\nwhile True:\n    time.sleep(60)\n")
    http = program.ready()
    program.kill(signal.SIGSTOP)
    statuses: list[int] = []

    def flood() -> None:
        client = program.http()
        for _ in range(10):
            try:
                written = client.patch("state", json={"text": "x" * 60_000}, timeout=0.2)
                statuses.append(written.status_code)
            except httpx.TimeoutException:
                statuses.append(0)

    threads = [threading.Thread(target=flood) for _ in range(32)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for _ in range(20):
        assert http.get("state/left", timeout=5.0).status_code == 200
    for thread in threads:
        thread.join(30)
    seconds = time.monotonic() - began
    assert set(statuses) <= {0, 429}
    program.kill(signal.SIGCONT)
    assert program.client().set({"left": 3}).status == "applied"
    assert http.get("state/left").json() == 3
    waited = len({receipt["id"] for receipt in program.journalled()}) - 1
    assert 0 < waited <= BURST + RATE * (seconds + LONGEST_WAIT)


def test_a_program_that_holds_the_lock_may_end(start: Start) -> None:
    """A hung thread that holds the lock while a write waits for it does not keep the interpreter."""
    program = start(
        """
        freak = begin()
        def hold():
            with freak.locked():
                say(holding=True)
                time.sleep(60)
        threading.Thread(target=hold, daemon=True).start()
        hear()
        """
    )
    http = program.ready()
    program.hear()
    with ThreadPoolExecutor(1) as pool:
        write = pool.submit(http.patch, "state", json={"left": 2})
        eventually(lambda: http.get("healthz").status_code == 200)
        program.say("end")
        assert program.wait(4.0) == 0
        assert write.result(5).status_code in (409, 503)
    program.gone()
