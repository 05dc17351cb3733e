"""The page of the HTTP API: every route with its parameters, and every status, from the routes themselves."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel

import freak_core
from freak_core import Freak, Refused
from freak_core.server.api.prometheus import GAUGES, exposition
from freak_core.server.api.write_options import WRITE_PARAMETERS
from freak_core.text.timestamps import now
from tests.docs.reference.controls import kinds
from tests.docs.reference.docstrings import cell, inline, markdown, parsed, table

INTRO = """\
Every route of a run. How to use them: [../http.md](../http.md). A live run describes itself at
`GET /openapi.json`, with a typed route for each of its fields and actions; `GET /docs` shows that as a page.

Every route needs the header `Authorization: Bearer TOKEN`, except those below "Without a token". `{path}` is
a JSON Pointer into the state, such as `lr/hold`. Every `GET` route answers `HEAD` too, except `/events` and
the routes of Freak 0.0.2."""

STATUSES = {
    200: "read, applied, or valid in a dry run",
    202: "accepted, and not yet applied; the header `Location` leads to the receipt",
    304: "the state is still that of `If-None-Match`",
    405: "the route does not take this method; the header `Allow` lists those that it takes",
}
"""Those that no error class stands for."""

HEADERS = {
    "ETag": "the revision of the state, to be sent back as `If-Match` or `If-None-Match`",
    "Location": "with 202: where the receipt is",
    "Retry-After": "with 429 and 503: seconds after which the request may be sent again",
    "WWW-Authenticate": "with 401: `Bearer`",
    "Allow": "with 405: the methods that the route takes",
    "Content-Security-Policy": "pages load nothing from anywhere else",
    "X-Content-Type-Options": "`nosniff`",
    "X-Frame-Options": "`DENY`: no other page can frame these",
    "Referrer-Policy": "`no-referrer`",
    "Cache-Control": "`no-store`, and `no-cache` for the event stream",
    "X-Accel-Buffering": "`no`, for the event stream: proxies pass each event on at once",
}
"""Headers of answers, besides those of HTTP itself. A test asks a server and compares."""

_PREFIX = "/freak"
_HEAD = ("parameter", "in", "type", "default", "about")
_OPTIONS = {each["name"] for each in WRITE_PARAMETERS}


class Nothing(BaseModel):
    """A state without fields: its program has only the routes that every program has."""


class HttpPage:
    """Writes routes, headers and statuses, and collects the parameters that nothing explains."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def text(self) -> str:
        """Return the page."""
        own = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        with Freak(own, prefix=_PREFIX).control(Nothing()):
            routes = [route for route in own.routes for route in _inside(route)]
            described = own_paths(own)
        listed = [route for route in routes if route.include_in_schema]
        parts = ["# HTTP API", INTRO]
        for old, title in ((False, "Routes"), (True, "Routes of Freak 0.0.2")):
            parts += [
                f"## {title}",
                *(
                    part
                    for route in listed
                    if bool(route.deprecated) is old
                    for part in self._route(route, described)
                ),
            ]
        parts += ["## Options of a write", self._options(described)]
        unlisted = [r for r in routes if not r.include_in_schema and r.methods != {"HEAD"}]
        with_token = [_line(route) for route in unlisted if route.path == "/openapi.json"]
        parts += ["## The description of the routes", table(("route", "does"), with_token)]
        without = [_line(route) for route in unlisted if route.path != "/openapi.json"]
        parts += ["## Without a token", table(("route", "does"), without)]
        parts += ["## Statuses", table(("status", "means"), list(_statuses()))]
        told = [(f"`{name}`", about) for name, about in HEADERS.items()]
        parts += ["## Headers of answers", table(("header", "means"), told)]
        parts += ["## Metrics for Prometheus", table(("metric", "labels", "means"), list(_metrics()))]
        return "\n\n".join(parts) + "\n"

    def _route(self, route: APIRoute, described: dict[str, Any]) -> Iterator[str]:
        (method,) = route.methods - {"HEAD"} or {"GET"}
        path = re.sub(r":(path|text)\}", "}", route.path)
        operation = described[path][method.lower()]
        yield f"### {method} {path}"
        yield markdown(operation.get("description", ""))
        given = operation.get("parameters", ())
        is_write = {each["name"] for each in given} >= _OPTIONS
        rows = [
            self._row(f"{method} {path}", each, operation)
            for each in given
            if not (is_write and each["name"] in _OPTIONS)
        ]
        if "requestBody" in operation:
            rows += _bodies(operation["requestBody"])
        if rows:
            yield table(_HEAD, rows)
        if is_write:
            yield "Takes the [options of a write](#options-of-a-write)."

    def _options(self, described: dict[str, Any]) -> str:
        operation = described["/state"]["patch"]
        given = [each for each in operation["parameters"] if each["name"] in _OPTIONS]
        return table(_HEAD, [self._row("a write", each, operation) for each in given])

    def _row(self, where: str, parameter: dict[str, Any], operation: dict[str, Any]) -> tuple[str, ...]:
        schema = kinds(parameter.get("schema", {}), {})
        about = self._about(where, parameter, operation)
        return (f"`{parameter['name']}`", parameter["in"], schema, _default(parameter), about)

    def _about(self, where: str, parameter: dict[str, Any], operation: dict[str, Any]) -> str:
        told = parameter.get("description")
        if told:
            return cell(told)
        if f"``{parameter['name']}``".lower() in operation.get("description", "").lower():
            return "see above"
        if parameter["in"] == "path":
            return {"path": "a JSON Pointer into the state"}.get(parameter["name"], "its name or id")
        self.missing.append(f"http: {where}: {parameter['name']}")
        return "**undocumented**"


def own_paths(own: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description of the routes that every program has, by path."""
    paths = get_openapi(title="", version="", routes=own.routes)["paths"]
    return {path.removeprefix(_PREFIX): methods for path, methods in paths.items()}


def _inside(route: Any) -> list[Any]:
    """Return the routes of a router that an app includes; newer FastAPIs keep it as one route."""
    router = getattr(route, "original_router", None)
    return list(router.routes) if router is not None else [route]


def _bodies(body: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each kind of body, with the content types that it may have."""
    by_about: dict[str, list[str]] = {}
    for kind, described in body["content"].items():
        about = described["schema"].get("description") or body["description"]
        by_about.setdefault(about, []).append(f"`{kind}`")
    for about, kinds_of_body in by_about.items():
        yield ("body", ", ".join(kinds_of_body), "JSON", "", cell(about))


def _line(route: Any) -> tuple[str, str]:
    return (f"`GET {route.path}`", inline(parsed(inspect.getdoc(route.endpoint)).text.partition("\n\n")[0]))


def _default(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", {})
    return f"`{schema['default']}`" if schema.get("default") not in (None, "") else ""


def _statuses() -> Iterator[tuple[str, str]]:
    refusals = [
        each for each in vars(freak_core).values() if inspect.isclass(each) and issubclass(each, Refused)
    ]
    told = dict(STATUSES)
    for kind in refusals:
        if kind is not Refused:
            line = (inspect.getdoc(kind) or "").partition("\n\n")[0]
            told[kind.status] = f"{line.removeprefix(f'{kind.status}: ')} (`{kind.__name__}` in Python)"
    for status in sorted(told):
        yield (f"{status}", cell(told[status]))


def _metrics() -> Iterator[tuple[str, ...]]:
    facts = {fact: 1 for _, fact, _ in GAUGES} | {"started_at": now()}
    text = exposition(facts, {"path": 1}, {"name": 1.0}, {})
    for name, about in re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE):
        labels = re.search(rf"^{name}\{{(.*)\}}", text, re.MULTILINE)
        names = ", ".join(f"`{each}`" for each in re.findall(r"(\w+)=", labels[1])) if labels else ""
        yield (f"`{name}`", names, about)
