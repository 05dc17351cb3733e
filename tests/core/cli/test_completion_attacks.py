"""Pressing Tab runs nothing that somebody put into a name, in bash, zsh and fish."""

import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import BaseModel

from freak_core import Freak
from freak_core.cli import completion
from tests.core.cli.test_completion import completed

MARK = "mark"
NAMES = [
    "a\\$(touch mark)",
    "b`touch mark`",
    'c"; touch mark; "',
    "d'; touch mark; '",
    "e\\'; touch mark; \\'",
    'f\\"; touch mark; \\"',
    "g\ntouch mark\n",
    "h;touch mark;",
    "i))';touch mark;'",
    "$(touch mark)",
    "=(touch mark)",
    "<(touch mark)",
    "--run=http://127.0.0.1:1",
    "k[$(touch mark)]",
    "l\\\\$(touch mark)",
    "m:\\$(touch mark)",
]
COMMANDS = [
    "info ",
    "get sizes.",
    "set sizes.",
    "set mode=",
    "call ",
    "call act",
    "metrics ",
    "describe ",
    "cancel ",
]
Mode = StrEnum("Mode", {f"m{at}": name for at, name in enumerate(NAMES)})


class State(BaseModel):
    sizes: dict[str, int] = {name: at for at, name in enumerate([*NAMES, "plain", "c.d"])}
    mode: Mode = Mode("$(touch mark)")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with runs, metrics, actions, keys and values of hostile names."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_HOME", str(home))
        patch.setattr(completion, "PATIENCE", 30.0)
        freak = Freak(port=0, name="target", apply="sync")
        for at, name in enumerate(NAMES):

            def act() -> None:
                """Do it."""

            act.__doc__ = f"{name} {NAMES[at - 1]}"
            freak.action(name=name)(act)
        with freak.control(State()):
            freak.log(dict.fromkeys([*NAMES, "loss"], 1.0), step=1)
            yield home


@pytest.mark.parametrize("command", COMMANDS)
def test_no_candidate_has_anything_that_a_shell_obeys(attacked: Path, command: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_RUN", "target")
        for candidate, description in completed(f"freak {command}").items():
            assert not set("\\$`;'\"()[]{}<>|&!*?~#^ \n\t") & set(candidate.replace("\\.", ""))
            assert not candidate.startswith(("-", "="))
            assert not set("\\$`") & set(description)


def test_what_is_plain_is_completed_beside_it(attacked: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_RUN", "target")
        assert list(completed("freak get sizes."))[-2:] == ["sizes.plain", "sizes.c\\.d"]
        assert list(completed("freak metrics ")) == ["loss"]
        assert list(completed("freak info ")) == ["target"]


def test_a_run_with_an_odd_name_is_completed_by_its_id(attacked: Path) -> None:
    with Freak(port=0, name="x$(touch mark)").control(State()) as odd:
        assert completed(f"freak info {odd.id[:6]}")[odd.id].startswith("x")


ENTER = {
    "zsh": b"autoload -U compinit; compinit -u -D; source ./completion.zsh\n",
    "bash": b"source ./completion.bash\n",
    "fish": b"source ./completion.fish\n",
}
START = {"zsh": ["-f", "-i"], "bash": ["--norc", "--noprofile", "-i"], "fish": ["--no-config", "-i"]}


@pytest.mark.parametrize("shell", ENTER)
def test_tab_runs_nothing(attacked: Path, tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    bin_folder = Path(sys.executable).parent
    known = {name: value for name, value in os.environ.items() if not name.startswith("FREAK_")}
    environment = {
        **known,
        "HOME": str(tmp_path),
        "ZDOTDIR": str(tmp_path),
        "TERM": "dumb",
        "PATH": f"{bin_folder}:{known['PATH']}",
        "FREAK_HOME": str(attacked),
        "FREAK_RUN": "target",
    }
    with (tmp_path / f"completion.{shell}").open("w") as script:
        ask = {**environment, "_FREAK_COMPLETE": f"source_{shell}"}
        subprocess.run([bin_folder / "freak"], env=ask, stdout=script, check=True, timeout=60)
    outer, inner = pty.openpty()
    line = ["setsid", "--ctty", shell, *START[shell]]  # fish needs a terminal of its own
    with subprocess.Popen(
        line, stdin=inner, stdout=inner, stderr=inner, cwd=tmp_path, env=environment
    ) as running:
        os.close(inner)
        try:
            os.set_blocking(outer, False)
            os.write(outer, ENTER[shell])
            seen = heard(outer, 3.0)
            os.write(outer, b"freak get sizes.p\t")
            seen += heard(outer, 40.0, until="sizes.plain")
            for number, command in enumerate(("call ", "metrics ", "info ", "set mode=", "get sizes.")):
                os.write(outer, f"\x15freak {command}\t\t".encode())
                seen += heard(outer, 1.0)
                os.write(outer, f"\x15echo do''ne-{number}\r".encode())
                seen += heard(outer, 5.0, until=f"done-{number}")
        finally:
            os.close(outer)  # the shell ends with its terminal
            running.kill()
    assert not (tmp_path / MARK).exists()
    assert "sizes.plain" in seen, seen


def heard(terminal: int, seconds: float, until: str | None = None) -> str:
    """Return what a shell writes in so many seconds; a terminal that nobody reads would stop it."""
    data, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and (until is None or until not in data.decode(errors="replace")):
        try:
            data += os.read(terminal, 65536)
        except OSError:  # nothing to read, or the shell has ended
            time.sleep(0.05)
    return data.decode(errors="replace")
