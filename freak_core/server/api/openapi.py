"""The OpenAPI document of a run: the routes of every run, and one for each of its fields and actions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from freak_core import errors
from freak_core.messages import json_patch
from freak_core.messages.protocol import ActionInfo
from freak_core.receipts import Receipt
from freak_core.server.api.request_body import JSON_TYPES
from freak_core.server.api.write_options import WRITE_PARAMETERS
from freak_core.text import paths

JSONObject = dict[str, Any]
"""A JSON schema, or a part of an OpenAPI document."""

_STATE = "state."
_READ_REFUSALS = (
    errors.Malformed,
    errors.Unauthorized,
    errors.AccessDenied,
    errors.NotFound,
    errors.Rejected,
)
_WRITE_REFUSALS = tuple(errors.Refused.__subclasses__())

RESPONSE_HEADERS = {
    "ETag": "revision of the state, to be sent back as If-Match or If-None-Match",
    "Location": "where the receipt is, relative to this request",
    "Retry-After": "seconds after which the request may be sent again",
    "WWW-Authenticate": "Bearer: the request needs a token",
}
"""Headers of answers, and what they say."""


def describe(
    routes: Sequence[BaseRoute], run: JSONObject, schema: JSONObject, actions: Mapping[str, ActionInfo]
) -> JSONObject:
    """Return the OpenAPI 3.1 document of a run.

    Args:
        routes: the routes of every run.
        run: what ``GET /run`` says.
        schema: the JSON schema of the state.
        actions: description and JSON schema of the arguments of each action, by name.
    """
    found = get_openapi(
        title=f"Freak: {run.get('name', 'a run')}",
        version=str(run.get("versions", {}).get("freak", "unknown")),
        description="Remote control of a running program.",
        routes=routes,
        servers=[{"url": "."}],  # beside this document, whatever prefix or tunnel it is behind
    )
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            operation["tags"] = ["every program"]
            read = operation["responses"] | _refusals(_READ_REFUSALS)
            operation["responses"] = read if method == "get" else _written()
            if method != "get":
                named = [each for each in operation.get("parameters", []) if each["in"] == "path"]
                left_out = ("dry_run", "at_step", "at_epoch") if path.startswith("/receipts") else ()
                known = [each for each in _write_parameters(run) if each["name"] not in left_out]
                operation["parameters"] = [*named, *known]
    schemas = _shared("", Receipt.model_json_schema()) | {"Problem": _PROBLEM_SCHEMA}
    schemas |= _shared(_STATE, schema)
    parameters = _write_parameters(run)
    merge: JSONObject = {"schema": _merge_schema(schema)}
    found["paths"]["/state"]["patch"]["requestBody"]["content"] |= dict.fromkeys(JSON_TYPES, merge)
    found["paths"] |= dict(_fields(schema, parameters))
    for name, action in actions.items():
        prefix = f"action.{_component(name)}."
        schemas |= _shared(prefix, action["arguments"])
        found["paths"][f"/actions/{quote(name, safe='')}"] = _action(name, action, prefix, parameters)
    found["components"] = {
        "schemas": schemas,
        "responses": {kind.__name__: _refusal(kind.status) for kind in _WRITE_REFUSALS},
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "the token that the program printed"}
        },
    }
    found["security"] = [{"token": []}]
    return found


def _answer(description: str, schema: JSONObject, *headers: str, problem: bool = False) -> JSONObject:
    kind = "application/problem+json" if problem else "application/json"
    told = {name: {"description": RESPONSE_HEADERS[name], "schema": {"type": "string"}} for name in headers}
    return {"description": description, "content": {kind: {"schema": schema}}, "headers": told}


def _refusal(status: int) -> JSONObject:
    """Return the answer to a request that is refused, as the classes of the errors describe it."""
    lines = [(each.__doc__ or "").partition("\n")[0] for each in _WRITE_REFUSALS if each.status == status]
    about = " Or: ".join(line.removeprefix(f"{status}: ") for line in lines)
    headers = {429: ["Retry-After"], 503: ["Retry-After"], 401: ["WWW-Authenticate"]}.get(status, [])
    schema = {"$ref": "#/components/schemas/Problem"}
    return _answer(about, schema, *headers, problem=True)


def _refusals(kinds: Sequence[type[errors.Refused]]) -> JSONObject:
    return {str(kind.status): {"$ref": f"#/components/responses/{kind.__name__}"} for kind in reversed(kinds)}


def _written() -> JSONObject:
    """Return the answers to a write."""
    receipt = {"$ref": "#/components/schemas/Receipt"}
    return {
        "200": _answer("applied, or valid in a dry run", receipt, "ETag"),
        "202": _answer("accepted, and not yet applied", receipt, "ETag", "Location"),
        **_refusals(_WRITE_REFUSALS),
    }


def _described(kind: str, description: str) -> JSONObject:
    return {"type": kind, "description": description}


def _pointer(description: str) -> JSONObject:
    return {**_described("string", description), "pattern": "^(/([^~]|~0|~1)*)?$"}


_PROBLEM_SCHEMA: JSONObject = {
    "title": "Problem",
    "description": "Why a request was refused: a problem document (RFC 9457).",
    "type": "object",
    "properties": {
        "type": _described("string", "always about:blank"),
        "title": _described("string", "what the status means"),
        "status": _described("integer", "the HTTP status"),
        "detail": _described("string", "what is wrong with the request, and what to do"),
        "errors": {
            **_described("array", "the reasons, one for each path"),
            "items": {
                "type": "object",
                "properties": {
                    "path": _described("string", "JSON Pointer into the state; empty for the whole state"),
                    "type": _described("string", "kind of the error, as pydantic names it"),
                    "message": _described("string", "what is wrong with the value"),
                },
            },
        },
        "receipt": {"$ref": "#/components/schemas/Receipt"},
        "retry_after": _described("number", "seconds after which the request may be sent again"),
    },
    "required": ["type", "title", "status"],
}


_FROM = _pointer("JSON Pointer to what is moved or copied")
JSON_PATCH_SCHEMA: JSONObject = {
    "description": "A JSON Patch (RFC 6902): operations that are applied in their order, all or none.",
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "op": {
                **_described("string", "what to do; `merge` is not in the RFC: a merge patch of one value"),
                "enum": list(json_patch.MEMBERS),
            },
            "path": _pointer("JSON Pointer; `-` is the place after the last item of a list"),
            "value": {"description": "the value of add, replace, test and merge"},
        },
        "anyOf": [
            {
                "properties": {"op": {"const": op}, **({"from": _FROM} if needed == "from" else {})},
                "required": ["op", *([needed] if needed else [])],
            }
            for op, needed in json_patch.MEMBERS.items()
        ],
        "required": ["op", "path"],
    },
}


def _write_parameters(run: JSONObject) -> list[JSONObject]:
    """Return the options of a write: a program that applies writes at once takes no step and no epoch."""
    at_once = run.get("apply") == "now"
    return [each for each in WRITE_PARAMETERS if not (at_once and each["name"] in ("at_step", "at_epoch"))]


def _merge_schema(schema: JSONObject) -> JSONObject:
    """Return the schema of a merge patch of the whole state: some of its fields."""
    known = {name: _partial(_moved(each, _STATE)) for name, each in schema.get("properties", {}).items()}
    return {
        "description": "A JSON merge patch (RFC 7396): an object of the values to change.",
        "type": "object",
        "properties": known,
        "additionalProperties": schema.get("additionalProperties", False),
    }


def _partial(schema: JSONObject) -> JSONObject:
    """Return the schema of a merge patch of a value: null removes a key."""
    values = schema.get("additionalProperties")
    if not isinstance(values, dict):
        return schema
    return {**schema, "additionalProperties": {"anyOf": [values, {"type": "null"}]}}


def _fields(schema: JSONObject, parameters: list[JSONObject]) -> Iterator[tuple[str, JSONObject]]:
    """Yield route and description of every field that the schema of a state names, at any depth."""
    definitions = schema.get("$defs", {})
    waiting: list[tuple[paths.Path, JSONObject, tuple[str, ...]]] = [((), schema, ())]
    while waiting:
        path, node, seen = waiting.pop()
        if path:
            yield "/state" + quote(paths.to_pointer(path)), _field(path, node, parameters)
        ref = node.get("$ref", "").removeprefix("#/$defs/")
        if ref and ref not in seen:  # a model that contains itself is described once
            node, seen = definitions.get(ref, {}), (*seen, ref)
        properties = node.get("properties", {})
        waiting += [((*path, name), each, seen) for name, each in reversed(properties.items())]


def _field(path: paths.Path, schema: JSONObject, parameters: list[JSONObject]) -> JSONObject:
    schema = _moved(schema, _STATE)
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    patch: JSONObject = {kind: {"schema": _partial(schema)} for kind in JSON_TYPES}
    patch[json_patch.CONTENT_TYPE] = {"schema": JSON_PATCH_SCHEMA}
    # pydantic writes some durations (P17Y196D) as the format does not allow.
    shown = {key: value for key, value in schema.items() if (key, value) != ("format", "duration")}
    about = schema.get("description") or schema.get("title") or paths.to_dots(path)
    name = _component(".".join(path))
    common = {"tags": ["state"], "description": about}
    write = {**common, "parameters": parameters, "responses": _written()}
    read = {"200": _answer("the value", shown, "ETag"), **_refusals(_READ_REFUSALS)}
    return {
        "get": {
            **common,
            "summary": f"read {paths.to_dots(path)}",
            "operationId": f"get_{name}",
            "responses": read,
        },
        "put": {
            **write,
            "summary": f"set {paths.to_dots(path)}",
            "operationId": f"set_{name}",
            "requestBody": body,
        },
        "patch": {
            **write,
            "summary": f"change some values in {paths.to_dots(path)}",
            "operationId": f"patch_{name}",
            "requestBody": {"required": True, "content": patch},
        },
        "delete": {
            **write,
            "summary": f"set {paths.to_dots(path)} back to its initial value",
            "operationId": f"reset_{name}",
        },
    }


def _action(name: str, action: ActionInfo, prefix: str, parameters: list[JSONObject]) -> JSONObject:
    schema = _moved(action["arguments"], prefix)
    if not schema.get("required"):
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {
        "post": {
            "tags": ["actions"],
            "summary": f"call {name}",
            "description": action.get("description") or "",
            "operationId": f"call_{_component(name)}",
            "parameters": parameters,
            "requestBody": {
                "required": "required" in schema,
                "content": {"application/json": {"schema": schema}},
            },
            "responses": _written(),
        }
    }


def _shared(prefix: str, schema: JSONObject) -> dict[str, JSONObject]:
    """Return the definitions of a schema as components; without a prefix, the receipt's schema too."""
    found = {
        prefix + _component(name): _moved(each, prefix) for name, each in schema.get("$defs", {}).items()
    }
    if not prefix:
        found["Receipt"] = _moved(schema, prefix)
    return found


def _moved(schema: JSONObject, prefix: str) -> JSONObject:
    """Return a schema whose references point to the components; of a state, unknown fields are refused.

    ``uniqueItems`` is left out: a set takes an item that comes twice.
    """
    left_out = ("$defs", "uniqueItems")
    moved = {key: _moved_value(value, prefix) for key, value in schema.items() if key not in left_out}
    if prefix and isinstance(moved.get("properties"), dict) and moved.get("type") == "object":
        moved.setdefault("additionalProperties", False)
    tag, kinds = schema.get("discriminator"), moved.get("oneOf")
    if isinstance(tag, dict) and isinstance(kinds, list):  # it is needed also where it has a default
        moved["oneOf"] = [{"allOf": [kind, {"required": [tag["propertyName"]]}]} for kind in kinds]
    return moved


def _moved_value(value: object, prefix: str) -> object:
    if isinstance(value, dict):
        return _moved(value, prefix)
    if isinstance(value, list):
        return [each if isinstance(each, str) else _moved_value(each, prefix) for each in value]
    if isinstance(value, str) and value.startswith("#/$defs/"):
        return f"#/components/schemas/{prefix}{_component(value.removeprefix('#/$defs/'))}"
    return value


def _component(name: str) -> str:
    """Return a name in the characters that OpenAPI allows; different names stay different."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in "._" else f"-{ord(c):x}-" for c in name)
