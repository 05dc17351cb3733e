"""Two machines whose host names resolve to 127.0.1.1: the ranks' own group is made, or its lack is told."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.allowed_skips import can_make_machines
from tests.nodes import two_nodes

pytestmark = [
    pytest.mark.ranks,
    pytest.mark.skipif(not can_make_machines(), reason="needs the right to make network namespaces"),
]


def test_ranks_of_two_machines_agree_and_an_interface_without_the_other_is_told_once(tmp_path: Path) -> None:
    """The second fit names an interface on which the machines do not reach each other."""
    logs = [tmp_path / f"log-{rank}.txt" for rank in (0, 1)]
    with two_nodes(tmp_path) as nodes:
        started = []
        for node, log in zip(nodes, logs, strict=True):
            environment = {
                **os.environ,
                "MASTER_ADDR": nodes[0].name,
                "MASTER_PORT": "29511",
                "NODE_RANK": str(node.number),
                "LOCAL_RANK": "0",
                "FREAK_DISABLED": "1",
                "OMP_NUM_THREADS": "1",
                "PYTHONWARNINGS": "default",
            }
            command = [sys.executable, "-m", "tests.lightning.on_two_nodes", str(tmp_path)]
            started.append(node.run(command, environment, log))
        try:
            assert [process.wait(120) for process in started] == [0, 0], said(logs)
        finally:
            for process in started:
                process.kill()
                process.wait(10)
    for fit in ("plain", "lo"):
        (hold,) = json.loads((tmp_path / fit / "receipts.json").read_text())
        assert (hold["status"], hold["applied"]["ranks"]) == ("applied", 2)
        starts = [json.loads((tmp_path / fit / f"start-{rank}.json").read_text()) for rank in (0, 1)]
        assert all(start["same"] and start["took"] < 12 for start in starts), starts
    first, _, second = logs[0].read_text().partition("the second fit")
    assert "could not connect" not in first + logs[1].read_text()
    assert second.count("set GLOO_SOCKET_IFNAME to the interface") == 1, second


def said(logs: list[Path]) -> str:
    return "\n".join(log.read_text()[-4000:] for log in logs)
