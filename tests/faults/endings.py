"""The ways in which a program ends, and what is said of each. As a program it writes the table in docs."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from freak_core import Client
from freak_core.runs.journal import read_journal
from freak_core.runs.live_runs import list_runs
from tests.core.cli.shell import Ran
from tests.waiting import eventually

PLAIN = """
import os, select, signal, sys
from freak_core import control
from pydantic import BaseModel

class Stop(BaseModel):
    should_stop: bool = False

class State(BaseModel):
    stop: Stop = Stop()

{before}
state = State()
freak = control(state, port=0, name="ended")
while not state.stop.should_stop and not select.select([sys.stdin], [], [], 0.05)[0]:
    freak.publish(loss=0.5)
{statement}
"""

TRAINING = """
import os, select, signal, sys, warnings
warnings.simplefilter("ignore")
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping
from freak_core import Freak
from freak_lightning import GracefulStop, LiveMetrics
from tests.lightning.tiny import TinyModel, plain_loader, tiny_trainer

class Model(TinyModel):
    quality = 0.0

    def training_step(self, batch, batch_idx):
        self.log("quality", self.quality)
        return super().training_step(batch, batch_idx)

class Told(Callback):
    def on_train_batch_end(self, trainer, model, *_):
        if select.select([sys.stdin], [], [], 0.01)[0] and not model.quality:
            {statement}

{before}
limits = {{"stopping_threshold": 0.5, "patience": 10**9, "check_on_train_epoch_end": True}}
rule = EarlyStopping("quality", mode="max", **limits)
controls = [GracefulStop(freak=Freak(port=0, name="ended")), LiveMetrics()]
trainer = tiny_trainer([*controls, Told(), rule], max_epochs=10**6, limit_val_batches=0)
trainer.fit(Model(), plain_loader(5))
"""

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
GO, REQUEST = "go", "request"
WAITS = "import time; time.sleep(60)"
HANDLER = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))"
IGNORED = "signal.signal(signal.SIGTERM, signal.SIG_DFL)"


class Way(NamedTuple):
    """One way to end a program."""

    plain: str
    training: str
    by: str | signal.Signals = GO
    before: str = ""


class Row(NamedTuple):
    """What ``GET /run``, ``freak watch``, ``freak ls -a`` and the journal say of a program that has ended."""

    phase: str
    watch: int
    listed: str
    journal: str
    why: str


AT_END = "trainer.fit_loop.epoch_loop.max_steps = trainer.global_step"
WAYS = {
    "comes to its end": Way("pass", AT_END),
    "sys.exit(0)": Way("sys.exit(0)", "sys.exit(0)"),
    "sys.exit(3)": Way("sys.exit(3)", "sys.exit(3)"),
    "raise SystemExit(3)": Way("raise SystemExit(3)", "raise SystemExit(3)"),
    "an exception": Way("raise ValueError('boom')", "raise ValueError('boom')"),
    "Ctrl-C": Way(WAITS, "pass", signal.SIGINT),
    "a request to stop": Way("pass", "pass", REQUEST),
    "a rule stops it": Way("freak.stop(by='EarlyStopping', reason='quality')", "model.quality = 1.0"),
    "SIGTERM with a handler": Way(WAITS, "pass", signal.SIGTERM, HANDLER),
    "SIGTERM without one": Way(WAITS, IGNORED, signal.SIGTERM),
    "SIGKILL": Way(WAITS, "pass", signal.SIGKILL),
    "os._exit(0)": Way("os._exit(0)", "os._exit(0)"),
}


def _row(phase: str, watch: int, why: str) -> Row:
    return Row(phase, watch, phase, "" if phase == "lost" else phase, why)


LOST = _row("lost", 3, "")
FAILED = _row("failed", 1, "SystemExit: 3")
SAID: dict[str, Row] = {
    "comes to its end": _row("finished", 0, ""),
    "sys.exit(0)": _row("finished", 0, ""),
    "sys.exit(3)": FAILED,
    "raise SystemExit(3)": _row("exited", 1, "its exit code is not known"),
    "an exception": _row("failed", 1, "ValueError: boom"),
    "Ctrl-C": _row("interrupted", 1, "KeyboardInterrupt"),
    "a request to stop": _row("stopped", 0, "owner: enough"),
    "a rule stops it": _row("stopped", 0, "EarlyStopping: "),
    "SIGTERM with a handler": _row("interrupted", 1, "SIGTERM"),
    "SIGTERM without one": LOST,
    "SIGKILL": LOST,
    "os._exit(0)": LOST,
}
"""What is to be said, of a plain program and of a training."""

OF_TRAININGS = {"raise SystemExit(3)": FAILED}
"""Where a training says more: an exception in ``fit`` passes through its callbacks."""


def said_of(kind: str, way: str) -> Row:
    """Return what is to be said."""
    return OF_TRAININGS.get(way, SAID[way]) if kind == "training" else SAID[way]


@contextmanager
def started(command: list[str], **pipes: Any) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that does not outlive the block."""
    with subprocess.Popen(command, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def end(kind: str, way: Way, folder: Path) -> Row:
    """Let a program end, and return what is said of it; ``FREAK_HOME`` must be set."""
    source = PLAIN if kind == "plain" else TRAINING
    statement = way.plain if kind == "plain" else way.training
    script = folder / "ended.py"
    script.write_text(source.format(statement=statement, before=way.before))
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with started(
        [sys.executable, str(script)], stdin=pipe, stdout=null, stderr=null, cwd=folder, env=environment
    ) as program:
        run = eventually(list_runs, 120, "the run")[0]
        with started(
            [sys.executable, "-m", "freak_core.cli", "watch", run.id], stdout=pipe, stderr=null
        ) as watch:
            assert watch.stdout is not None
            assert program.stdin is not None
            watch.stdout.readline()
            if kind == "training":
                with Client(run.link) as client:
                    client.wait_for(step=1, timeout=60)
            _let_end(way, program, run.link, training=kind == "training")
            program.wait(60)
            code = watch.wait(30)
    (listed,) = Ran(("ls", "-a", "--json"), None).json
    last = [entry for entry in read_journal(Path(str(run.journal))) if "phase" in entry][-1:]
    ended = last[0] if last and last[0]["phase"] not in ("training", "starting") else {}
    with Client.find(run.id, ended=True) as client:
        phase = client.run()["phase"]
    because = ended.get("error") or ": ".join(filter(None, [ended.get("stopped_by"), ended.get("reason")]))
    return Row(phase, code, listed["state"], ended.get("phase", ""), because)


def _let_end(way: Way, program: "subprocess.Popen[str]", link: str, *, training: bool) -> None:
    assert program.stdin is not None
    if way.by == REQUEST:
        with Client(link) as client:
            values = {"stop.should_stop": True, **({"stop.checkpoint": False} if training else {})}
            client.set(values, note="enough")
        return
    program.stdin.write("go\n")
    program.stdin.flush()
    if isinstance(way.by, signal.Signals):
        try:
            program.wait(0.7)  # it takes note of the line
        except subprocess.TimeoutExpired:
            program.send_signal(way.by)


BEGIN, END = "<!-- endings -->\n", "\n<!-- end -->"


def documented() -> str:
    """Return the table in the docs."""
    return PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]


def documented_rows() -> dict[tuple[str, str], Row]:
    """Return what the table in the docs says, by the way to end and the kind of program."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in documented().splitlines()[2:]]
    return {
        (way.strip("`"), kind): Row(phase, int(watch), listed, journal.strip("-"), why)
        for way, kind, phase, watch, listed, journal, why in rows
    }


def main() -> None:
    """Let a program end in every way, and write the table of what is said."""
    lines = [
        "| end | program | `phase` | exit code of `freak watch` | `freak ls -a` | journal | why |",
        "|---" * 7 + "|",
    ]
    for name, way in WAYS.items():
        for kind in ("plain", "training"):
            with tempfile.TemporaryDirectory() as folder:
                os.environ["FREAK_HOME"] = folder
                row = end(kind, way, Path(folder))
            shown = f"`{name}`" if "(" in name else name
            cells = (shown, kind, row.phase, str(row.watch), row.listed, row.journal or "-", row.why)
            lines.append(f"| {' | '.join(cells)} |")
    PAGE.write_text(PAGE.read_text("utf-8").replace(documented(), "\n".join(lines)), "utf-8")


if __name__ == "__main__":
    main()
