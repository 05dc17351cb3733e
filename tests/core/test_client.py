"""Reading and changing a run with ``Client`` and ``AsyncClient``."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from freak_core import (
    AccessDenied,
    Client,
    Conflict,
    Failed,
    Freak,
    Malformed,
    NotFound,
    Receipt,
    Rejected,
    RunOver,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from freak_core.client.documents import ActionDescription, RunFacts
from freak_core.runs.live_runs import list_runs
from freak_core.runs.run_file import new_run, publish
from tests.core.conftest import Serve
from tests.core.sync_client import TARGET, sync_client
from tests.core.twins import Twin
from tests.waiting import eventually


@pytest.fixture
def client(freak: Freak, twin: Twin) -> Iterator[Any]:
    with twin(freak.link) as client:
        yield client


def test_a_run_is_read_and_steered_by_paths_of_dots(freak: Freak, client: Any) -> None:
    assert client.get("head.lr") == 0.1
    receipt = client.set({"head.lr": 0.3, "epochs": 20}, wait=30, note="loss spiked: 損失")
    assert isinstance(receipt, Receipt)
    assert (receipt.status, receipt.note) == ("applied", "loss spiked: 損失")
    assert client.get()["head"] == {"lr": 0.3, "hidden": [32, 16], "dropout": None}
    assert client.put("head.hidden.0", 64).revision == 2
    assert client.get("head.hidden") == [64, 16]
    assert client.reset("head").status == "applied"
    assert client.get("head.hidden") == [32, 16]
    assert client.get("epochs") == 20
    client.reset()
    assert client.get("epochs") == 10
    assert [r.seq for r in client.receipts()] == [1, 2, 3, 4]
    assert client.receipts(since=3)[0] == client.receipt(client.receipts()[-1].id)


@pytest.fixture
def shared_client(shared_freak: Freak) -> Iterator[Client]:
    with Client(shared_freak.link) as client:
        yield client


@pytest.mark.parametrize(
    "key", ["a/b", "c.d", "ü", "~", "~1", "%2F", "#?&", ".", "..", "", " ", "\\", "\t", '"']
)
def test_any_key_of_a_dict_can_be_reached(shared_freak: Freak, shared_client: Client, key: str) -> None:
    path, client = "weights." + key.replace("\\", "\\\\").replace(".", "\\."), shared_client
    client.set({path: 5})
    assert shared_freak.store.model.weights[key] == 5  # type: ignore[attr-defined]
    assert client.get(path) == 5
    client.put(path, 6)
    assert client.get("weights")[key] == 6
    assert client.get("head") == {"lr": 0.1, "hidden": [32, 16], "dropout": None}


def test_an_empty_first_key_is_not_the_whole_state(shared_client: Client) -> None:
    for path in ("\\", ".lr"):
        with pytest.raises(NotFound):
            shared_client.get(path)
        with pytest.raises(NotFound):
            shared_client.reset(path)


def test_a_path_inside_another_is_refused(client: Any) -> None:
    values: dict[str, Any] = {"head": {"dropout": 0.5}, "head.lr": 1.0}
    with pytest.raises(Malformed, match="head"):
        client.set(values)
    assert values == {"head": {"dropout": 0.5}, "head.lr": 1.0}
    with pytest.raises(Malformed):
        client.set({"": {}})


def test_the_servers_refusals_are_raised_again(client: Any, freak: Freak, twin: Twin) -> None:
    with pytest.raises(Rejected) as rejected:
        client.set({"epochs": 0, "head.lr": "x"})
    assert {error["path"] for error in rejected.value.errors} == {"/epochs", "/head/lr"}
    assert "/epochs" in str(rejected.value)
    assert rejected.value.receipt is not None
    with pytest.raises(NotFound, match="head"):
        client.get("hed")
    with pytest.raises(Malformed):
        client.set({"epochs": float("nan")})
    with pytest.raises(TooLarge):
        client.set({"name": "x" * 70_000})
    with pytest.raises(NotFound):
        client.call("nothing")
    with pytest.raises(NotFound):
        client.receipt("nobody")
    revision = client.revision()
    client.set({"epochs": 20}, if_match=revision)
    with pytest.raises(Conflict):
        client.set({"epochs": 30}, if_match=revision)
    with twin(freak.url, "not the token, no") as stranger, pytest.raises(Unauthorized):
        stranger.get()
    with twin(freak.url) as nobody, pytest.raises(Unauthorized):
        nobody.get()
    with twin(freak.url, freak.read_token) as reader:
        assert reader.get("epochs") == 20
        with pytest.raises(AccessDenied):
            reader.set({"epochs": 30})


def test_a_dead_port_is_unreachable(twin: Twin) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with twin(f"http://127.0.0.1:{held.getsockname()[1]}", "t") as client:
            with pytest.raises(Unreachable):
                client.get()
            with pytest.raises(Unreachable):
                client.set({"a": 1})
            with pytest.raises(Unreachable):
                next(client.events())


def test_a_dry_run_changes_nothing(client: Any) -> None:
    foreseen = client.set({"epochs": 20}, dry_run=True)
    assert [(c.path, c.old, c.new) for c in foreseen.changes] == [("/epochs", 10, 20)]
    assert client.get("epochs") == 10
    assert client.receipts() == []


def test_a_repeated_key_changes_nothing_twice(client: Any) -> None:
    first = client.set({"epochs": 20}, key="mine")
    client.set({"epochs": 30})
    assert client.set({"epochs": 20}, key="mine").id == first.id
    assert client.get("epochs") == 30


def test_actions_are_called_with_keywords(freak: Freak, client: Any) -> None:
    @freak.action
    def add(one: int, other: int = 1) -> int:
        return one + other

    @freak.action
    def fail() -> None:
        raise ValueError("it broke")

    eventually(lambda: "fail" in client.actions())
    assert client.call("add", one=2, other=3, note="why").result == 5
    with pytest.raises(Rejected):
        client.call("add", one="2")
    with pytest.raises(Failed, match="it broke"):
        client.call("fail")
    assert client.schema()["properties"]["epochs"]["maximum"] == 1000
    assert client.run()["id"] == freak.id


def test_an_argument_may_be_called_as_an_option_is(freak: Freak, client: Any) -> None:
    @freak.action
    def crop(key: int, wait: str, action: str, note: str) -> str:
        return f"{key} {wait} {action} {note}"

    given = {"key": 3, "wait": "no", "action": "a"}
    with pytest.raises(Rejected, match="note"):
        client.call("crop", given, note="an option")
    assert client.call("crop", {**given, "note": "b"}).result == "3 no a b"


def test_a_waiting_request_is_waited_for_or_cancelled(served: Serve, twin: Twin) -> None:
    freak = served(apply="sync")
    with twin(freak.link) as client:
        first = client.set({"epochs": 20})
        assert not first.settled
        with pytest.raises(TimeoutError, match="accepted"):
            client.wait(first, timeout=0.1)
        freak.sync(step=3)
        first = client.wait(first.id)
        assert client.wait(first) is first
        assert first.applied is not None
        assert first.applied.step == 3
        with pytest.raises(RunOver):
            client.cancel(first.id)
        second = client.set({"epochs": 30})
        assert client.cancel(second.id).status == "cancelled"
        assert freak.sync() == []


def test_writes_go_through_however_many_there_are(freak: Freak, client: Any) -> None:
    receipts = [client.set({"epochs": 1 + index}) for index in range(40)]
    assert [receipt.revision for receipt in receipts] == list(range(1, 41))


def test_a_restart_of_the_server_is_not_noticed(freak: Freak, client: Any) -> None:
    events = client.events("state")
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(next(events) for _ in range(6)))
    client.set({"epochs": 1})
    reader.start()
    for epochs in range(2, 8):
        client.set({"epochs": epochs})
        if epochs % 3 == 0 and freak.server_pid:
            os.kill(freak.server_pid, signal.SIGKILL)

    def heard() -> bool:  # the reader may have connected after some of them
        client.set({"epochs": client.get("epochs") + 1})
        reader.join(0.2)
        return not reader.is_alive()

    eventually(heard)
    events.close()
    revisions = [event.data["revision"] for event in seen]
    assert revisions == list(range(revisions[0], revisions[0] + 6))
    assert all(receipt.status == "applied" for receipt in client.receipts())


def test_events_end_with_the_run(freak: Freak, client: Any) -> None:
    events = client.events("receipt", last_id=f"{freak.id}-0")
    client.set({"epochs": 20})
    assert [next(events).data["status"] for _ in range(2)] == ["accepted", "applied"]
    freak.stop()
    assert list(events) == []


def test_an_unknown_event_type_is_refused(shared_client: Client) -> None:
    with pytest.raises(Malformed, match="gossip"):
        next(shared_client.events("gossip"))


def test_the_blocking_client_is_written_from_the_asynchronous_one() -> None:
    assert TARGET.read_text() == sync_client(), "run 'make client' and commit what it writes"


@pytest.mark.parametrize("name", ["set", "put", "reset"])
def test_a_misspelt_option_is_refused(shared_client: Client, name: str) -> None:
    """A write that was meant as a dry run must not be carried out."""
    arguments = {"set": [{"epochs": 20}], "put": ["epochs", 20], "reset": []}[name]
    with pytest.raises(TypeError, match="did you mean 'dry_run'"):
        getattr(shared_client, name)(*arguments, dryrun=True)


def test_values_that_are_given_to_patch_are_sent_to_set(client: Any) -> None:
    with pytest.raises(TypeError, match=r"values by path are for set\(\)"):
        client.patch({"epochs": 20})


def test_the_documents_have_the_keys_that_their_types_name(freak: Freak, client: Any) -> None:
    def add(one: int, other: int = 1) -> int:
        """Add two numbers."""
        return one + other

    freak.action(add)
    freak.publish(step=3, epoch=1, loss=0.5)
    run = client.wait_for(step=3)
    assert RunFacts.__required_keys__ <= run.keys() <= RunFacts.__annotations__.keys()
    assert set(client.actions()["add"]) == set(ActionDescription.__annotations__)
    eventually(client.series)
    ((step, at, value),) = client.series()["loss"]
    assert (step, value) == (3, 0.5)
    assert at == pytest.approx(time.time(), abs=60)


# -- finding -------------------------------------------------------------------------------------


def test_the_only_run_is_found_without_a_name(served: Serve, twin: Twin) -> None:
    freak = served(name="solo")
    for wanted in (None, "solo", freak.id, freak.id[:4]):
        with twin.find(wanted) as client:
            assert client.get("epochs") == 10
            assert (client.link, client.url) == (freak.link, freak.url)
            assert client.read_token == freak.read_token


def test_a_run_that_is_still_to_come_is_waited_for(served: Serve, twin: Twin) -> None:
    starting = threading.Timer(0.5, served, kwargs={"name": "late"})
    starting.start()
    twin.find("late", wait=60).close()
    starting.join(60)


def test_a_choice_between_runs_is_listed(served: Serve) -> None:
    one, two, other = served(name="twin"), served(name="twin"), served(name="other")
    with pytest.raises(NotFound) as ambiguous:
        Client.find("twin")
    assert one.id in str(ambiguous.value)
    assert two.id in str(ambiguous.value)
    assert other.id not in str(ambiguous.value)
    with pytest.raises(NotFound, match="more than one"):
        Client.find()
    with pytest.raises(NotFound, match="other"):
        Client.find("nobody")
    Client.find("other").close()
    two.stop()
    Client.find("twin").close()


def test_files_of_dead_runs_are_removed(home: Path, closing: ExitStack) -> None:
    with pytest.raises(NotFound, match="no live run on this machine"):
        Client.find()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait(60)
    dead = new_run("dead", "dead", "http://127.0.0.1:1", "t" * 16, None)
    path = publish(dead.model_copy(update={"pid": child.pid}))
    reborn = publish(dead.model_copy(update={"id": "reborn", "pid_started": 1.0}))
    for torn in (home / "runs" / "torn.json", home / "runs" / "torn" / "run.json"):
        torn.parent.mkdir(exist_ok=True)
        torn.write_text("{")
    alive = publish(dead.model_copy(update={"id": "alive", "name": "alive"}))
    assert [run.id for run in list_runs()] == ["alive"]
    assert (path.exists(), reborn.exists(), alive.exists()) == (False, False, True)


def test_a_stopped_run_is_found_no_more(served: Serve) -> None:
    served(name="brief").stop()
    with pytest.raises(NotFound):
        Client.find("brief")
