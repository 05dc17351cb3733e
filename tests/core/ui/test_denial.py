"""Every route of ``freak ui`` with every method and credentials: who may not, learns nothing of any run."""

import itertools
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from freak_core import Freak
from freak_core.reach.forwarding import Forwarding
from freak_core.ui.app import create_app, create_routes
from freak_core.ui.live_runs import LiveRuns
from freak_core.ui.pass_through import ROUTES
from tests.core.test_access import EVIL
from tests.core.test_denial import METHODS, TELLS, WRONG
from tests.core.ui.process import Ui

PUBLIC = {
    "/",
    "/healthz",
    "/ui/{name:path}",
    "/runs/{run_id}/",
    "/runs/{run_id}/healthz",
    "/runs/{run_id}/dashboard/{name:path}",
    "/runs/{run_id}/docs",
    "/runs/{run_id}/docs/{name}",
}
KNOWN = ("past", "it broke", "interrupted")
"""What the list and the page of the run have, and nobody else may see."""


def every_path() -> list[str]:
    app = create_app("t" * 16, "127.0.0.1", create_routes(LiveRuns(Forwarding(print))))
    found = {route.path for route in iter_route_contexts(app.routes)}
    of_runs = {f"/runs/{{run_id}}/{route}" for route in ROUTES}
    return sorted(
        (found | of_runs | {"/nowhere", "/runs/{run_id}/nowhere"}) - {"/runs/{run_id}/{route:path}"}
    )


PATHS = every_path()
QUERIES = {"/series": {"runs": "x"}, "/compare": {"runs": "x"}, "/next": {"after": "x"}}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ui, list[str]]]:
    """``freak ui`` of a home with a live run and one that has failed, and their ids."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREAK_HOME", str(home))
        from tests.core.steered import Steered

        past = Freak(port=0, name="past").control(Steered())
        past.stop(RuntimeError("it broke"))
        with Freak(port=0, name="now").control(Steered()) as live, Ui(home) as ui:
            yield ui, [past.id, live.id]


def sent(ui: Ui, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    filled = {name: value.replace("{token}", ui.token) for name, value in headers.items()}
    body = {"json": {"epochs": 77}} if method in ("POST", "PUT", "PATCH", "FOO") else {}
    with ui.anyone.stream(method, path, headers=filled, params=QUERIES.get(path, {}), **body) as answer:
        answer.read()
    return answer


def tells(answer: httpx.Response) -> list[bytes]:
    return [word for word in (*TELLS, *(known.encode() for known in KNOWN)) if word in answer.content]


def filled(path: str, run_id: str) -> str:
    return path.replace("{run_id}", run_id).replace("{name:path}", "nothing").replace("{name}", "docs.css")


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_told(shown: tuple[Ui, list[str]], path: str) -> None:
    ui, ids = shown
    for method, headers, run_id in itertools.product(METHODS, WRONG, ids):
        answer = sent(ui, method, filled(path, run_id), headers)
        granted = path in PUBLIC and method in ("GET", "HEAD")
        assert answer.status_code in ((200, 404) if granted else (401, 404, 405)), (method, headers)
        assert granted or not tells(answer), (method, headers)
        if not granted and path not in ("/nowhere", *PUBLIC) and method in ("GET", "PATCH"):
            assert answer.status_code in (401, 405), (method, headers)


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_or_page_gets_nothing_even_with_the_token(
    shown: tuple[Ui, list[str]], path: str
) -> None:
    ui, ids = shown
    for method, evil, run_id in itertools.product(METHODS, EVIL, ids):
        answer = sent(ui, method, filled(path, run_id), {"Authorization": "Bearer {token}", **evil})
        assert answer.status_code == 403, (method, evil)
        assert not tells(answer)


def test_the_token_opens_what_is_denied_above(shown: tuple[Ui, list[str]]) -> None:
    ui, (past, live) = shown
    assert {row["id"] for row in ui.runs()} == {past, live}
    told = ui.http.get(f"runs/{past}/run")
    assert tells(told)
    assert ui.http.get(f"runs/{live}/state").json()["epochs"] == 10  # no request above has changed it


@pytest.mark.parametrize(
    "run_id", ["..", "%2e%2e", "..%2fui", ".hidden", "a%2fb", "a%5cb", "%00", "%0a", "x" * 201, "nobody"]
)
def test_an_id_leads_to_no_other_folder(shown: tuple[Ui, list[str]], run_id: str) -> None:
    ui, _ = shown
    request = httpx.Request("GET", f"{ui.url}runs/x/run", headers={"Authorization": f"Bearer {ui.token}"})
    request.url = request.url.copy_with(raw_path=f"/runs/{run_id}/run".encode())
    answer = ui.http.send(request)
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    "route",
    [
        "/%2fetc%2fpasswd",
        "/run%2f..%2fstate",
        "/http:%2f%2fevil.example%2f",
        "/healthz/x",
        "%2fstate/healthz",
    ],
)
def test_a_route_leads_to_no_other_server(shown: tuple[Ui, list[str]], route: str) -> None:
    ui, (_, live) = shown
    request = httpx.Request("GET", f"{ui.url}runs/x/run", headers={"Authorization": f"Bearer {ui.token}"})
    request.url = request.url.copy_with(raw_path=f"/runs/{live}{route}".encode())
    assert ui.http.send(request).status_code == 404


def test_what_a_run_answers_is_no_page_that_a_browser_runs(shown: tuple[Ui, list[str]]) -> None:
    ui, ids = shown
    for run_id in ids:
        headers = ui.http.get(f"runs/{run_id}/run").headers
        assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"
