"""The examples run, as the README says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.ranks
def test_the_demo_steers_two_ranks_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREAK_HOME", str(tmp_path / "home"))
    script = ROOT / "examples" / "digits_steered.py"
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line.partition(":")[0]: line for line in done.stdout.splitlines()}
    for what in ("hold the LR", "scale the schedule", "release", "checkpoint now", "stop after the epoch"):
        assert re.search(r"applied, at step \d+, ranks: 2", lines[what]), lines[what]
    assert "→ 0.0003" in lines["hold the LR"]
    assert "rejected" in lines["ask for nonsense"]
    assert Path(lines["checkpoint"].partition(":")[2].strip()).is_file()
    assert Path(lines["journal"].partition(":")[2].strip()).is_file()
    assert "stopped" in lines
