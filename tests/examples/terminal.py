"""A terminal that tests type into: bash in tmux."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

DEADLINE = 60.0


class Terminal:
    """A terminal of 50 lines, with ``freak`` and ``python`` on its PATH.

    Args:
        name: what tmux calls it.
        folder: where its shell starts, and where Freak's home is.
    """

    def __init__(self, name: str, folder: Path) -> None:
        assert shutil.which("tmux"), "tmux is missing: apt-get install tmux"
        self._server = f"freak-{os.getpid()}-{name}"
        settings = {
            "FREAK_HOME": str(folder / "home"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OMP_NUM_THREADS": "1",
            "LC_ALL": "C.UTF-8",
            "PS1": "$ ",
        }
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("FREAK_", "SSH_", "TMUX", "DISPLAY"))
        }
        shell = ["bash", "--norc", "--noprofile"]
        size = ["-x", "200", "-y", "50", "-c", str(folder)]
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, *shell, env={**kept, **settings})

    def type(self, text: str, *, enter: bool = True) -> None:
        """Type on the keyboard."""
        self._tmux("send-keys", "-l", text)
        if enter:
            self.press("Enter")

    def press(self, key: str) -> None:
        """Press a key by tmux's name for it, such as ``C-c``."""
        self._tmux("send-keys", key)

    def screen(self, *options: str) -> str:
        """Return what is to be seen, wrapped lines joined; with ``-e`` its colours, too."""
        return self._tmux("capture-pane", "-p", "-J", *options).rstrip()

    def until(self, pattern: str) -> "re.Match[str]":
        """Wait until a pattern is to be seen."""
        deadline = time.monotonic() + DEADLINE
        while True:
            screen = self.screen()
            found = re.search(pattern, screen, re.MULTILINE)
            if found:
                return found
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{screen}"
            time.sleep(0.05)

    def start(self, command: str) -> None:
        """Type a command on an empty screen; its exit code will be to be seen."""
        self._tmux("send-keys", "-R", ";", "clear-history")
        self.type(f"clear; {command}; echo exit-$?.")

    def ended(self) -> int:
        """Return the exit code of the command that was started."""
        return int(self.until(r"exit-(\d+)\.")[1])

    def run(self, command: str, code: int = 0) -> str:
        """Type a command, wait until it has ended with this exit code, and return what it printed."""
        self.start(command)
        ended, screen = self.ended(), self.screen()
        assert ended == code, f"exit {ended}, not {code}:\n{screen}"
        return screen.partition(f"exit-{ended}.")[0]

    def close(self) -> None:
        """Close the terminal, and whatever runs in it."""
        self._tmux("kill-server")

    def _tmux(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        command = ["tmux", "-u", "-L", self._server, *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"
        return done.stdout
