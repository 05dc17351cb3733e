"""One run in ``freak ui``: a live one through its own server, an ended one from its folder."""

from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from freak_core import Freak
from freak_core.ui.live_runs import MOST_CONNECTIONS
from tests.core.conftest import Connect, Serve
from tests.core.runs.places import recorded
from tests.core.steered import Steered
from tests.core.ui.process import Ui
from tests.waiting import eventually


def test_a_live_run_is_read_and_changed_as_at_its_own_server(
    ui: Ui, freak: Freak, http: httpx.Client
) -> None:
    at = f"runs/{freak.id}"
    assert ui.http.get(f"{at}/state").json() == http.get("state").json()
    assert ui.http.get(f"{at}/state/weights/a~1b").json() == 1.0
    changed = ui.http.patch(f"{at}/state", json={"epochs": 20})
    assert (changed.status_code, changed.json()["status"]) == (200, "applied")
    assert changed.headers["ETag"] == http.get("state").headers["ETag"]
    assert ui.http.get(f"{at}/state", headers={"If-None-Match": changed.headers["ETag"]}).status_code == 304
    refused = ui.http.patch(f"{at}/state", json={"epochs": -1})
    assert refused.status_code == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    wrong = ui.http.post(f"{at}/state", json={})
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, http.post("state").headers["Allow"])


def test_events_arrive_while_they_happen(ui: Ui, freak: Freak) -> None:
    with ui.http.stream("GET", f"runs/{freak.id}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": connected"
        ui.http.patch(f"runs/{freak.id}/state", json={"epochs": 33})
        assert any('"epochs":33' in line for line in lines)


def test_an_ended_run_is_read_from_its_folder_and_takes_no_changes(ui: Ui, ended: Freak) -> None:
    at = f"runs/{ended.id}"
    assert ui.http.get(f"{at}/run").json()["phase"] == "failed"
    assert ui.http.get(f"{at}/state/epochs").json() == 10
    assert len(ui.http.get(f"{at}/series?names=loss").json()["loss"]) == 50
    refused = ui.http.patch(f"{at}/state", json={"epochs": 20})
    assert refused.status_code == 409
    assert "it broke" in refused.json()["detail"]


def test_a_run_that_ends_while_its_page_is_open_goes_on_from_its_folder(ui: Ui, served: Serve) -> None:
    program = recorded(served(name="short"))
    with ui.http.stream("GET", f"runs/{program.id}/events") as answer:
        lines = answer.iter_lines()
        next(lines)
        program.stop()
        assert any('"phase":"finished"' in line for line in lines)
    assert eventually(lambda: ui.http.get(f"runs/{program.id}/run").json().get("phase") == "finished")


def test_the_token_of_the_ui_goes_to_no_run_and_that_of_a_run_opens_nothing_here(
    ui: Ui, freak: Freak, connect: Connect
) -> None:
    assert connect(freak, ui.token).get("run").status_code == 401
    asked = ui.anyone.get(f"runs/{freak.id}/run", headers={"Authorization": f"Bearer {freak.token}"})
    assert asked.status_code == 401


def test_a_run_is_reached_wherever_it_listens(
    ui: Ui, served: Serve, certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("s")
    folder.chmod(0o700)
    places: list[dict[str, object]] = [
        {"prefix": "/some/where"},
        {"uds": folder / "one.sock"},
        {"uds": folder / "two.sock", "prefix": "/x"},
        {"ssl_certfile": certificate[0], "ssl_keyfile": certificate[1]},
    ]
    for place in places:
        program = served(name="placed", **place)
        at = f"runs/{program.id}"
        changed = eventually(
            lambda at=at: (a := ui.http.patch(f"{at}/state", json={"epochs": 20})).status_code == 200 and a
        )
        assert changed.json()["status"] == "applied", place
        assert ui.http.get(f"{at}/state/epochs").json() == 20
        assert ui.row(program.id)["unreachable"] is None
        program.stop()


def test_pages_that_are_closed_leave_no_connection_to_the_run(ui: Ui, freak: Freak) -> None:
    events = f"runs/{freak.id}/events"
    with ExitStack() as pages:
        for _ in range(MOST_CONNECTIONS):
            assert pages.enter_context(ui.http.stream("GET", events)).status_code == 200
        refused = ui.http.get(f"runs/{freak.id}/run")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
    with ExitStack() as pages:
        for _ in range(MOST_CONNECTIONS):
            again = eventually(
                lambda: (a := pages.enter_context(ui.http.stream("GET", events))).status_code == 200 and a
            )
            assert next(again.iter_lines()) == ": connected"


def test_a_large_state_comes_whole_and_unchanged(ui: Ui, served: Serve, connect: Connect) -> None:
    weights = {f"w{i}": i / 7 for i in range(20_000)}
    program = served(Steered(weights=weights))
    assert ui.http.get(f"runs/{program.id}/state").content == connect(program).get("state").content
    assert ui.http.head(f"runs/{program.id}/state").content == b""
    assert ui.http.get(f"runs/{program.id}/state/epochs").json() == 10
    too_large = ui.http.patch(f"runs/{program.id}/state", content=b" " * 100_000)
    assert too_large.status_code in (413, 415)
