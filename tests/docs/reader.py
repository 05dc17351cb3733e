"""A reader who tries everything that a page shows, in the order of the page."""

import json
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import yaml

from freak_core import Client, Receipt
from tests.docs.blocks import ROOT, Block, blocks_in, matches

DEADLINE = 120.0
"""Seconds for one block: far more than it takes on a machine of its own."""

NOT_RUN = ("setup", "cluster")
"""Words of blocks that a test cannot run: they set a machine up, or need a cluster."""


def environment(home: Path) -> dict[str, str]:
    """Return the environment of what a page starts: a Freak folder and ports of its own."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    mine = {"PATH": path, "FREAK_HOME": str(home), "FREAK_PORT": "0", "OMP_NUM_THREADS": "1"}
    mine |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error::DeprecationWarning:__main__"}
    return {name: value for name, value in os.environ.items() if not name.startswith("FREAK_")} | mine


class Example:
    """What the pages share: a training that they steer, and an interpreter for their Python blocks.

    The training is examples/digits.py. It starts again after a page has stopped it.
    """

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.stopped = False
        self._folder = folder
        self._training: subprocess.Popen[bytes] | None = None
        self._python: subprocess.Popen[str] | None = None

    def train(self) -> None:
        """Start the training unless it runs, and wait for its second epoch."""
        if self._training is not None and not self.stopped:
            return
        if self._training is not None:
            self._training.wait(DEADLINE)
        script = [sys.executable, str(ROOT / "examples" / "digits.py"), "--name", "digits"]
        options = ["--epochs", "100000", "--step-seconds", "0.04", "--dir", str(self._folder)]
        with (self._folder / "log.txt").open("a") as log:
            self._training = subprocess.Popen(
                [*script, *options], env=environment(self.home), stdout=log, stderr=log
            )
        self.stopped = False
        with Client.find("digits", wait=DEADLINE) as run:
            run.wait_for(epoch=1, timeout=DEADLINE)

    def forget(self) -> None:
        """Release what the page before has set, and cancel its requests that wait."""
        if self._training is not None and not self.stopped:
            with Client.find("digits") as run:
                for receipt in run.receipts(last=1000):
                    if not receipt.settled:
                        run.cancel(receipt.id)
                run.reset(wait=60)

    def run(self, block: Block, folder: Path, home: Path) -> str:
        """Run a Python block after the others of its page; return what it prints."""
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, "-m", "tests.docs.python_session"],
                env=environment(home),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        asked = {"code": block.text, "page": block.page, "line": block.line}
        asked |= {"folder": str(folder), "home": str(home)}
        print(json.dumps(asked), file=self._python.stdin, flush=True)
        assert select.select([self._python.stdout], [], [], DEADLINE)[0], f"{block.place} does not end"
        answer = json.loads(self._python.stdout.readline())
        assert answer["error"] is None, f"{block.place} fails:\n{answer['error']}{answer['printed']}"
        printed: str = answer["printed"]
        return printed

    def close(self) -> None:
        """End both at once."""
        if self._training is not None:
            self._training.kill()
            self._training.wait(DEADLINE)
        if self._python is not None:
            self._python.kill()
            self._python.communicate(timeout=DEADLINE)


class Reader:
    """Tries the blocks of a page.

    A block marked ``program`` starts a program in the background; from there on the page steers that one, in
    a Freak folder of its own. Before it, and on pages without one, commands steer the example training.

    What differs from machine to machine is put in: the port of the run for ``localhost:4444``, and the number
    of the request that waits for the number in ``freak cancel 7``.

    Args:
        page: path of the page below the project's folder.
        folder: where the page's files go, and where its commands run.
        example: the training that the pages share.
    """

    def __init__(self, page: str, folder: Path, example: Example) -> None:
        self._blocks = blocks_in(page)
        self._folder = folder
        self._example = example
        self._home = example.home
        self._programs: list[subprocess.Popen[bytes]] = []
        self._servers: list[subprocess.Popen[bytes]] = []
        self.tried: list[Block] = []
        (folder / "examples").symlink_to(ROOT / "examples")

    def read(self) -> None:
        """Try every block, and compare what it prints with what the page says."""
        self._example.forget()
        for block in self._blocks:
            printed = self._try(block)
            if printed is not None and block.prints is not None:
                said = f"{block.place} prints something else than the page says:\n{printed}"
                assert matches(printed, block.prints), said
            self.tried.append(block)

    def _try(self, block: Block) -> str | None:
        """Try a block; return what it printed, None for one that prints nothing."""
        if set(block.words) & set(NOT_RUN):
            return None
        if "program" in block.words:
            self._start(block)
        elif block.file is not None:
            (self._folder / block.file).write_text(block.text)
            assert block.language != "yaml" or yaml.safe_load(block.text), block.place
        elif block.language == "python":
            return self._run_python(block)
        elif block.language == "sh":
            return self._run_shell(block)
        elif block.language == "json":
            assert Receipt.model_validate(json.loads(block.text)).settled, block.place
        else:  # a picture; what a block prints is a part of that block
            assert block.language == "text", f"{block.place}: how to try {block.language!r}?"
        return None

    def _start(self, block: Block) -> None:
        self._home = self._folder / "home"
        for before in self._programs:
            before.wait(DEADLINE)  # the page has stopped it
        if block.language == "python":
            assert block.file is not None, f"{block.place}: a program needs file=NAME"
            (self._folder / block.file).write_text(block.text)
            command = [sys.executable, block.file]
        else:
            command = ["bash", "-euc", f"exec {block.text.strip()}"]
        with (self._folder / "program.txt").open("a") as log:
            self._programs.append(
                subprocess.Popen(
                    command, cwd=self._folder, env=environment(self._home), stdout=log, stderr=log
                )
            )
        os.environ["FREAK_HOME"] = str(self._home)
        deadline = time.monotonic() + DEADLINE
        with Client.find(wait=DEADLINE) as run:
            while run.run().get("phase") in ("starting", "sanity checking"):
                assert time.monotonic() < deadline, f"{block.place} does not start"
                time.sleep(0.2)

    def _run_shell(self, block: Block) -> str:
        if not self._programs and re.search(r"\bfreak\b|localhost", block.text):
            self._example.train()
            self._example.stopped = "freak stop" in block.text
        if block.text.strip() == "freak ui":
            return self._serve_all()
        script = block.text
        if "localhost:4444" in script:
            with Client.find() as run:
                script = script.replace("localhost:4444", run.url.removeprefix("http://"))
        if "freak cancel" in script:
            with Client.find() as run:
                waiting = [receipt.seq for receipt in run.receipts(last=1000) if not receipt.settled]
            script = re.sub(r"freak cancel \d+", f"freak cancel {waiting[-1]}", script)
        shell = subprocess.run(
            ["bash", "-euc", script],
            env=environment(self._home),
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert shell.returncode == 0, f"{block.place} exits with {shell.returncode}:\n{shell.stdout}"
        return shell.stdout

    def _serve_all(self) -> str:
        """Start ``freak ui`` until the end of the page, and return the link that it prints."""
        command = ["freak", "ui", "--no-open", "--port", "0"]
        where = {"env": environment(self._home), "cwd": self._folder}
        ui = subprocess.Popen(command, stdout=subprocess.PIPE, **where)  # type: ignore[call-overload]
        self._servers.append(ui)
        assert select.select([ui.stdout], [], [], DEADLINE)[0], "freak ui does not start"
        link: bytes = ui.stdout.readline()
        return link.decode()

    def _run_python(self, block: Block) -> str:
        if not self._programs and "Client.find" in block.text:
            self._example.train()
        return self._example.run(block, self._folder, self._home)

    def close(self) -> None:
        """End what the page has started."""
        for program in (*self._programs, *self._servers):
            program.kill()
            program.communicate(timeout=DEADLINE)
