"""However a program ends: its server is gone, the port is free, nothing hangs, no zombie is left."""

import contextlib
import os
import signal
import threading
import time

import httpx
import pytest

from tests.faults.conftest import Start
from tests.faults.program import children_of
from tests.waiting import eventually

ENDINGS = {
    "the script ends": ("pass", 0),
    "an exception": ("raise RuntimeError('as planned')", 1),
    "sys.exit": ("sys.exit(3)", 3),
    "os._exit": ("os._exit(4)", 4),
    "abort": ("os.abort()", -signal.SIGABRT),
    "stop twice": ("freak.stop(); freak.stop()", 0),
    "stop on two threads": ("t = threading.Thread(target=freak.stop); t.start(); freak.stop(); t.join()", 0),
    "stop while holding the lock": ("with freak.locked(): freak.stop()", 0),
    "a thread that publishes for ever": (
        "def publish():\n"
        "    while True:\n"
        "        freak.publish(loss=1.0)\n"
        "threading.Thread(target=publish, daemon=True).start()",
        0,
    ),
}

WAITING = """
{before}
freak = begin()
say(ready=True)
try:
    while True:
        freak.publish(step=1, loss=0.5)
        freak.sync(step=1)
except KeyboardInterrupt:
    say(interrupted=True)
    raise
"""


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_server_ends_with_the_program(start: Start, ending: str) -> None:
    """Every way a program can end by itself."""
    statement, status = ENDINGS[ending]
    program = start(
        f"import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        f"freak = begin()\nhear()\n{statement}\n"
    )
    program.ready()
    program.say("end")
    assert program.wait(5.0) == status
    program.gone()
    assert "freak" not in program.complaints


def test_ctrl_c_in_a_terminal_ends_program_and_server(start: Start) -> None:
    """SIGINT to the whole process group: the program sees KeyboardInterrupt, the server leaves with it."""
    program = start(WAITING.format(before=""))
    program.ready()
    program.hear()
    os.killpg(program.pid, signal.SIGINT)
    assert program.hear() == {"interrupted": True}
    assert program.wait() == -signal.SIGINT
    program.gone()


def test_ctrl_c_that_the_program_survives_leaves_the_server_alone(start: Start) -> None:
    """SIGINT is the program's business."""
    program = start(
        "signal.signal(signal.SIGINT, lambda *_: None)\nfreak = begin()\nwhile True: time.sleep(60)\n"
    )
    http = program.ready()
    os.killpg(program.pid, signal.SIGINT)
    os.kill(program.server, signal.SIGINT)
    for number in range(10):
        assert http.patch("state", json={"left": number}).status_code == 200
    assert program.servers() == {program.server}


def test_sigterm_ends_program_and_server(start: Start) -> None:
    """The default action of SIGTERM runs no Python code at all."""
    program = start(WAITING.format(before=""))
    program.ready()
    program.kill(signal.SIGTERM)
    assert program.wait() == -signal.SIGTERM
    program.gone()


@pytest.mark.parametrize("attempt", range(2))
def test_stop_in_a_signal_handler_that_interrupts_anything(start: Start, attempt: int) -> None:
    """The handler may interrupt publish() or sync() anywhere, also inside of their locks."""
    program = start(
        WAITING.format(before="signal.signal(signal.SIGTERM, lambda *_: (freak.stop(), sys.exit(7)))")
    )
    http = program.ready()
    done = threading.Event()

    def write() -> None:
        with contextlib.suppress(httpx.HTTPError):
            while not done.wait(0.01):
                http.patch("state", json={"left": attempt})

    thread = threading.Thread(target=write)
    thread.start()
    threading.Event().wait(0.1 + attempt * 0.013)
    began = time.monotonic()
    program.kill(signal.SIGTERM)
    assert program.wait(5.0) == 7
    assert time.monotonic() - began < 2.5
    done.set()
    thread.join(15)
    program.gone()


def test_a_handler_that_interrupts_a_ring_of_the_bell_rings_it_too(start: Start) -> None:
    """Signals by the thousand whose handler publishes, while the program publishes: nothing deadlocks."""
    program = start(
        """
        freak = begin()
        calls = 0
        def handler(*_):
            global calls
            calls += 1
            freak.phase("signalled")
            freak.publish(step=calls, loss=1.0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            freak.phase("training")
            freak.publish(step=1, loss=0.5)
        signal.setitimer(signal.ITIMER_REAL, 0)
        say(calls=calls)
        freak.stop()
        """
    )
    assert program.hear(10.0)["calls"] > 100
    assert program.wait() == 0


def test_stop_right_after_the_start_is_quick(start: Start) -> None:
    """The server has not come up yet."""
    program = start(
        """
        freak = begin()
        began = time.monotonic()
        freak.stop()
        say(took=time.monotonic() - began, threads=[t.name for t in threading.enumerate()])
        """
    )
    ended = program.hear()
    assert ended["took"] < 2.5
    assert ended["threads"] == ["MainThread"]
    program.gone(0.5)


def test_starting_and_stopping_again_and_again_leaves_nothing(start: Start) -> None:
    """No thread, no child, no open file is left of a Freak that was stopped, and the port is reused."""
    program = start(
        """
        freak = begin()
        port = freak.port
        freak.stop()
        def files():
            return sorted(os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                          if os.path.exists(f"/proc/self/fd/{fd}") and int(fd) > 2)
        before = files()
        for _ in range(3):
            again = control(State(), port=port)
            again.stop()
        deadline = time.monotonic() + 30  # the thread that writes events closes its pipe when it is done
        while files() != before and time.monotonic() < deadline:
            time.sleep(0.01)
        say(before=before, after=files(), threads=threading.active_count())
        hear()
        """
    )
    facts = program.hear()
    assert facts["after"] == facts["before"]
    assert facts["threads"] == 1
    assert children_of(program.pid) == {}


def test_no_run_file_is_left_by_a_program_that_stops(start: Start) -> None:
    """The file that clients find a run by is there while it runs, and only then."""
    program = start("freak = begin()\nhear()\n")
    (run_file,) = program.home.glob("runs/*/run.json")
    program.say()
    assert program.wait() == 0
    assert not run_file.exists()


def test_a_program_without_stdin_is_served(start: Start) -> None:
    """With its own stdin closed the program's next file is number 0: the socket must not get lost."""
    program = start("os.close(0)\nfreak = begin()\ntime.sleep(60)\n")
    assert program.client().set({"left": 1}).status == "applied"


def test_warnings_made_errors_by_the_environment_do_not_hurt_the_server(start: Start) -> None:
    """PYTHONWARNINGS is the program's, and a warning in the server's libraries is not its business."""
    program = start("freak = begin()\ntime.sleep(60)\n", PYTHONWARNINGS="error", PYTHONINSPECT="1")
    assert program.client().set({"left": 1}).status == "applied"
    program.kill()
    program.gone()
    eventually(lambda: not program.servers(), what="the end of the server")
