"""What the program sees and says: the Python surface."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

import freak_core
from freak_core import ConfigurationError, Freak, Receipt
from freak_core.runs.journal import read_journal
from tests.core.conftest import Connect, Serve
from tests.core.steered import Steered
from tests.waiting import eventually

PUBLIC = [
    "AccessDenied",
    "Action",
    "Applied",
    "AsyncClient",
    "ChangedValue",
    "Client",
    "ConfigurationError",
    "Conflict",
    "Ending",
    "Entry",
    "Failed",
    "Freak",
    "FreakError",
    "Malformed",
    "NotFound",
    "PatchTestFailed",
    "PortTaken",
    "Receipt",
    "Refused",
    "Rejected",
    "RunOver",
    "Store",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unreachable",
    "UnsupportedMedia",
    "Write",
    "control",
    "plain",
    "read_journal",
    "refusal",
]


def test_the_public_names_are_these() -> None:
    assert freak_core.__all__ == PUBLIC
    for name in PUBLIC:
        assert getattr(freak_core, name).__module__.startswith("freak_core")
    with pytest.raises(AttributeError, match="Nothing"):
        freak_core.Nothing  # noqa: B018


def test_importing_is_cheap() -> None:
    code = "import sys, freak_core; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert "pydantic" in modules
    assert not {"torch", "lightning", "fastapi", "starlette", "uvicorn", "httpx", "numpy"} & set(modules)


def test_serving_imports_no_http_library_either() -> None:
    code = (
        "import sys, freak_core, pydantic\n"
        "class S(pydantic.BaseModel): x: int = 1\n"
        "with freak_core.control(S(), port=0): print(*sys.modules)"
    )
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert not {"fastapi", "starlette", "uvicorn", "httpx", "h11"} & set(modules)


# -- the object ----------------------------------------------------------------------------------


def test_references_that_the_program_holds_stay_live(served: Serve, connect: Connect) -> None:
    state = Steered()
    head, hidden, weights = state.head, state.head.hidden, state.weights
    http = connect(served(state))
    http.patch("state", json={"head": {"lr": 0.5}, "weights": {"new": 1.0}})
    http.put("state/head/hidden/0", json=64)
    assert (head.lr, hidden[0], weights["new"]) == (0.5, 64, 1.0)
    http.put("state/head", json={"lr": 0.7})
    assert state.head is head
    assert (head.lr, head.hidden) == (0.7, [32, 16])
    http.delete("state")
    assert state.head is head
    assert (head.lr, weights) == (0.1, {"a/b": 1.0, "c.d": 2.0, "ü": 3.0})


def test_what_the_program_changes_is_noticed_and_counted(served: Serve, connect: Connect) -> None:
    state = Steered()
    freak = served(state)
    http = connect(freak)
    before = http.get("state").headers["ETag"]
    state.epochs = 33
    state.head.hidden.append(8)
    eventually(lambda: http.get("state").headers["ETag"] != before)
    assert http.get("state").json()["epochs"] == 33
    assert freak.store.revision == 1
    state.epochs = 34
    assert http.patch("state", json={"name": "x"}).json()["revision"] == 3
    assert http.get("state/epochs").json() == 34
    assert state.head.hidden == [32, 16, 8]


def test_a_snapshot_is_touched_by_no_later_change(freak: Freak, http: httpx.Client) -> None:
    snapshot: Any = freak.snapshot()
    http.patch("state", json={"head": {"lr": 5}})
    assert snapshot.head.lr == 0.1
    assert freak.snapshot().head.lr == 5  # type: ignore[attr-defined]


def test_nothing_changes_while_the_program_holds_the_lock(freak: Freak, http: httpx.Client) -> None:
    done = threading.Event()

    def change() -> None:
        http.patch("state", json={"epochs": 20})
        done.set()

    changing = threading.Thread(target=change)
    with freak.locked() as state:
        assert state is freak.store.model
        changing.start()
        assert not done.wait(0.5)
        assert state.epochs == 10  # type: ignore[attr-defined]
    changing.join(60)
    assert freak.store.model.epochs == 20  # type: ignore[attr-defined]


def test_on_change_hears_of_applied_changes_and_may_fail(
    freak: Freak, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Receipt] = []

    @freak.on_change
    def fail(_: Receipt) -> None:
        raise RuntimeError("the program's own mistake")

    freak.on_change(heard.append)
    assert http.patch("state", json={"epochs": 20}).status_code == 200
    assert http.patch("state", json={"epochs": 20}).status_code == 200
    assert http.patch("state", json={"epochs": 0}).status_code == 422
    assert [[(c.path, c.old, c.new) for c in receipt.changes] for receipt in heard] == [[("/epochs", 10, 20)]]
    assert "the program's own mistake" in caplog.text


def test_what_the_program_publishes_is_in_the_run(freak: Freak, http: httpx.Client) -> None:
    freak.phase("training", device="cpu", path=Path("/x"), odd=float("inf"))
    freak.publish(step=12, epoch=3, loss=0.5)
    run = eventually(lambda: (run := http.get("run").json()).get("step") == 12 and run)
    assert (run["phase"], run["device"], run["path"], run["odd"], run["epoch"]) == (
        "training",
        "cpu",
        "/x",
        None,
        3,
    )
    assert (run["pid"], run["id"], run["journal"], run["stalled"]) == (os.getpid(), freak.id, "ok", False)
    assert run["versions"]["python"].startswith("3.")


def test_what_was_logged_stays_though_the_program_uses_its_dict_again(
    freak: Freak, http: httpx.Client
) -> None:
    metrics = {"loss": 0.0}
    for step in range(5):
        metrics["loss"] = float(step)
        freak.log(metrics, step=step)
    told = eventually(lambda: len(told := http.get("series").json().get("loss", [])) == 5 and told)
    assert [[step, value] for step, _, value in told] == [[step, step] for step in range(5)]


def test_a_stop_in_the_middle_of_telling_hurts_nothing(served: Serve) -> None:
    """As in a signal handler, which may come in anywhere."""
    freak = served()

    class Stopping(dict[str, float]):
        def __bool__(self) -> bool:
            freak.stop()
            return True

    freak.log(Stopping(loss=1.0))
    freak.publish(step=1, loss=1.0)
    freak.phase("over")


def test_a_phase_in_passing_never_overwrites_a_later_one(freak: Freak, http: httpx.Client) -> None:
    """Progress waits up to half a second for newer progress; a phase that is told outright does not."""
    freak.publish(step=1, phase="validating")
    eventually(lambda: http.get("run").json().get("phase") == "validating")
    freak.publish(step=2, phase="validating")
    freak.publish(epoch=1)
    freak.phase("paused")
    run = eventually(lambda: (run := http.get("run").json()).get("step") == 2 and run)
    assert (run["phase"], run["epoch"]) == ("paused", 1)
    assert "validating" not in freak.journal_path.read_text()


def test_every_receipt_is_in_the_journal(freak: Freak, http: httpx.Client) -> None:
    receipts = [
        http.patch("state", json={"epochs": epochs}, headers={"Freak-Note": "n"}) for epochs in (20, 0)
    ]
    header, *lines = read_journal(freak.journal_path)
    assert (header["freak_journal"], header["run"]) == (1, freak.id)
    assert [(line["seq"], line["status"]) for line in lines] == [
        (1, "accepted"),
        (1, "applied"),
        (2, "rejected"),
    ]
    assert lines[1]["id"] == receipts[0].json()["id"]
    assert {line["note"] for line in lines} == {"n"}


# -- starting and stopping -----------------------------------------------------------------------


def test_stop_frees_the_port_and_leaves_the_state_readable(served: Serve) -> None:
    freak = served()
    pid, port = freak.server_pid, freak.port
    assert pid is not None
    for _ in range(3):
        freak.stop()
    assert not freak.running
    assert freak.server_pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with socket.create_server(("127.0.0.1", port)):  # type: ignore[arg-type]
        pass
    assert freak.snapshot() == freak.store.model
    with freak.locked():
        pass
    freak.publish(step=1, loss=1.0)
    freak.phase("over")
    assert freak.sync() == []


def test_a_stopped_freak_can_control_again_as_another_run(served: Serve, connect: Connect) -> None:
    freak = served()
    first = freak.id
    freak.stop()
    served(Steered(epochs=5), freak=freak)
    assert freak.id != first
    assert connect(freak).get("state/epochs").json() == 5


def test_one_freak_controls_one_state_at_a_time(freak: Freak) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        freak.control(Steered())


@pytest.mark.parametrize("state", [None, {}, Steered, "state", 1])
def test_only_a_model_instance_can_be_controlled(state: Any) -> None:
    with pytest.raises(ConfigurationError, match="pydantic model instance"):
        Freak(port=0).control(state)


def test_asking_before_anything_is_controlled_is_a_clear_error() -> None:
    freak = Freak(port=0)
    freak.stop()
    assert freak.sync() == []
    freak.publish(step=1)
    for ask in (freak.snapshot, freak.locked, lambda: freak.store):
        with pytest.raises(ConfigurationError, match="control"):
            ask()
