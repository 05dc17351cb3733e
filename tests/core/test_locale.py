"""Programs in locales that lack most characters are served, listed and steered all the same."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak import SOAK

NAME = "实验→ é 😀"
PROGRAM = """
import locale, sys
name = NAME
from freak_core import Client, Freak
from pydantic import BaseModel, Field
class State(BaseModel):
    n: int = Field(0, description=name)
with Freak(name=name, port=0).control(State()) as freak:
    with Client.find(freak.id, wait=20) as run:
        assert run.run()["name"] == freak.name
        run.set({"n": 1}, wait=20, note="\\u5b9e\\u9a8c")
    print(locale.getpreferredencoding(False), freak.id, freak.port, flush=True)
    sys.stdin.readline()
"""
LOCALES = {
    "ISO-8859-1": ("en_US", "ISO-8859-1"),
    "GBK": ("zh_CN", "GBK"),
    "ASCII": None,
}


@pytest.mark.parametrize("encoding", LOCALES if SOAK else ["GBK"])
def test_a_program_is_served_listed_and_steered_in_any_locale(tmp_path: Path, encoding: str) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FREAK_", "LC_", "LANG"))}
    environment = {
        **kept,
        "FREAK_HOME": str(tmp_path / "home"),
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    where = LOCALES[encoding]
    if where is None:
        environment["LC_ALL"] = "C"
    else:
        if shutil.which("localedef") is None:
            pytest.skip("no localedef")
        made = tmp_path / f"{where[0]}.{where[1]}"
        done = subprocess.run(
            ["localedef", "-i", where[0], "-f", where[1], made], capture_output=True, timeout=60, check=False
        )
        if done.returncode > 1:
            pytest.skip("the locale cannot be made here")
        environment |= {"LC_ALL": made.name, "LOCPATH": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM.replace("NAME", ascii(NAME))]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        try:
            assert program.stdout is not None
            said = program.stdout.readline().decode().split()
            assert said, program.stderr.read().decode() if program.stderr else ""
            assert "utf" not in said[0].lower()

            def freak(*arguments: str) -> str:
                line = [sys.executable, "-m", "freak_core.cli", *arguments]
                done = subprocess.run(line, env=environment, capture_output=True, timeout=60, check=False)
                assert done.returncode == 0, done.stderr
                return done.stdout.decode("latin-1")

            assert len(freak("ls").splitlines()) == 2
            (listed,) = json.loads(
                freak("ls", "--json").encode("latin-1").decode("gbk" if encoding == "GBK" else "latin-1")
            )
            assert listed["state"] == "running"
            freak("set", "n=2", "-r", said[1], "--note", "für →")
            freak("info", NAME)
            for show in (["log"], ["describe"]):
                freak(*show)
        finally:
            program.kill()
