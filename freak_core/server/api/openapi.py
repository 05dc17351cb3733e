"""OpenAPI: the routes that every program has, and one for each field and action of this one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from freak_core import paths
from freak_core.receipts import Receipt
from freak_core.server.api.write_options import WRITE_PARAMETERS

JSONSchema = dict[str, Any]
_STATE = "state."


def describe(
    routes: Sequence[BaseRoute], run: Mapping[str, Any], schema: JSONSchema, actions: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a run.

    Args:
        routes: those that every program has.
        run: facts of the run.
        schema: JSON schema of its state.
        actions: description and JSON schema of the arguments of each action.
    """
    found = get_openapi(
        title=f"Freak: {run.get('name', 'a run')}",
        version=str(run.get("versions", {}).get("freak", "unknown")),
        description="Remote control of a running program.",
        routes=routes,
        servers=[{"url": "."}],  # next to this document, under whatever prefix or tunnel
    )
    for path in found["paths"].values():
        for method, operation in path.items():
            operation["tags"] = ["every program"]
            operation["responses"].pop("422", None)  # FastAPI's own, which is never answered here
            operation["responses"] |= {"default": {"$ref": _PROBLEM}} if method == "get" else _WRITTEN
    schemas = _shared("", Receipt.model_json_schema()) | {"Problem": _PROBLEM_SCHEMA}
    schemas |= _shared(_STATE, schema)
    found["paths"] |= dict(_fields(schema))
    for name, action in actions.items():
        prefix = f"action.{_component(name)}."
        schemas |= _shared(prefix, action["arguments"])
        found["paths"][f"/actions/{quote(name, safe='')}"] = _action(name, action, prefix)
    found["components"] = {
        "schemas": schemas,
        "responses": {"Problem": _answer("#/components/schemas/Problem", "refused, and why")},
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
    }
    found["security"] = [{"token": []}]
    return found


def _answer(ref: str, description: str) -> dict[str, Any]:
    kind = "application/problem+json" if ref.endswith("Problem") else "application/json"
    return {"description": description, "content": {kind: {"schema": {"$ref": ref}}}}


_PROBLEM = "#/components/responses/Problem"
_RECEIPT = "#/components/schemas/Receipt"
_WRITTEN = {
    "200": _answer(_RECEIPT, "applied"),
    "202": _answer(_RECEIPT, "accepted; not yet applied"),
    "default": {"$ref": _PROBLEM},
}
_PROBLEM_SCHEMA: JSONSchema = {
    "title": "Problem",
    "description": "RFC 9457",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("path", "type", "message")},
            },
        },
        "receipt": {"$ref": _RECEIPT},
        "retry_after": {"type": "number"},
    },
    "required": ["type", "title", "status"],
}


def _fields(schema: JSONSchema) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield route and description of every field that the schema names, at any depth."""
    definitions = schema.get("$defs", {})
    waiting: list[tuple[paths.Path, JSONSchema, tuple[str, ...]]] = [((), schema, ())]
    while waiting:
        path, node, seen = waiting.pop()
        if path:
            yield "/state" + quote(paths.to_pointer(path)), _field(path, node)
        ref = node.get("$ref", "").removeprefix("#/$defs/")
        if ref and ref not in seen:  # a model that holds itself is described once
            node, seen = definitions.get(ref, {}), (*seen, ref)
        properties = node.get("properties", {})
        waiting += [((*path, name), each, seen) for name, each in reversed(properties.items())]


def _field(path: paths.Path, schema: JSONSchema) -> dict[str, Any]:
    schema = _moved(schema, _STATE)
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    about = schema.get("description") or schema.get("title") or paths.to_dots(path)
    name = _component(".".join(path))
    common = {"tags": ["state"], "description": about}
    write = {**common, "parameters": WRITE_PARAMETERS, "responses": _WRITTEN}
    read = {"description": "the value", "content": {"application/json": {"schema": schema}}}
    return {
        "get": {
            **common,
            "summary": f"read {paths.to_dots(path)}",
            "operationId": f"get_{name}",
            "responses": {"200": read, "default": {"$ref": _PROBLEM}},
        },
        "put": {
            **write,
            "summary": f"set {paths.to_dots(path)}",
            "operationId": f"set_{name}",
            "requestBody": body,
        },
        "delete": {
            **write,
            "summary": f"put {paths.to_dots(path)} back",
            "operationId": f"reset_{name}",
        },
    }


def _action(name: str, action: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    schema = _moved(action["arguments"], prefix)
    return {
        "post": {
            "tags": ["actions"],
            "summary": f"call {name}",
            "description": action.get("description") or "",
            "operationId": f"call_{_component(name)}",
            "parameters": WRITE_PARAMETERS,
            "requestBody": {"content": {"application/json": {"schema": schema}}},
            "responses": _WRITTEN,
        }
    }


def _shared(prefix: str, schema: JSONSchema) -> dict[str, JSONSchema]:
    """Return the definitions of a schema, and for the receipt itself, as components."""
    found = {
        prefix + _component(name): _moved(each, prefix) for name, each in schema.get("$defs", {}).items()
    }
    if not prefix:
        found["Receipt"] = _moved(schema, prefix)
    return found


def _moved(schema: Any, prefix: str) -> Any:
    """Return a schema whose references lead to the components."""
    if isinstance(schema, list):
        return [_moved(each, prefix) for each in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {}
    for key, value in schema.items():
        if key == "$defs":
            continue
        if isinstance(value, str) and value.startswith("#/$defs/"):
            moved[key] = f"#/components/schemas/{prefix}{_component(value.removeprefix('#/$defs/'))}"
        else:
            moved[key] = _moved(value, prefix)
    return moved


def _component(name: str) -> str:
    """Return a name with the characters that OpenAPI allows in one; different names stay different."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in "._" else f"-{ord(c):x}-" for c in name)
