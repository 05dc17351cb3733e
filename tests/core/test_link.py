"""The link to the server process, seen from the program."""

import logging
import re
from pathlib import Path

import pytest

from freak_core.program import server_process as link


def test_a_flood_on_the_servers_stderr_is_counted_and_not_passed_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    flood = tmp_path / "stderr"
    flood.write_text("".join(f"line {number}\n" for number in range(20_000)))
    with caplog.at_level(logging.WARNING, "freak"):
        link.log_stderr(flood.open("rb", buffering=0))
    passed = [message for message in caplog.messages if message.startswith("server: line")]
    left_out = [int(n) for m in caplog.messages for n in re.findall(r"server: (\d+) more lines", m)]
    assert passed[: link.LOG_LINES] == [f"server: line {number}" for number in range(link.LOG_LINES)]
    assert len(passed) + sum(left_out) == 20_000
    assert sum(left_out) > 0


def test_a_server_that_says_little_is_heard_in_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    said = tmp_path / "stderr"
    said.write_text("one\ntwo\n")
    with caplog.at_level(logging.WARNING, "freak"):
        link.log_stderr(said.open("rb", buffering=0))
    assert caplog.messages == ["server: one", "server: two"]
