"""The schema that pydantic has made of a class: plain dicts, which are read key by key."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

Schema: TypeAlias = Mapping[str, Any]
"""A part of a schema. Which keys it has depends on its ``type``."""


def schema_of(kind: type[BaseModel]) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of a class, and by reference the schemas that it refers to."""
    return parts_of(kind.__pydantic_core_schema__)


def parts_of(schema: Schema) -> tuple[Schema, dict[str, Schema]]:
    """Return a schema, and by reference the schemas that it refers to."""
    if schema["type"] != "definitions":
        return schema, {}
    return schema["schema"], {each["ref"]: each for each in schema["definitions"]}


def schemas_in(kind: type[BaseModel]) -> Iterator[Schema]:
    """Yield every part of a class's schema."""
    waiting: list[object] = [kind.__pydantic_core_schema__]
    while waiting:
        schema = waiting.pop()
        if isinstance(schema, dict):
            yield schema
            # Not the default: it is an object of the program.
            waiting += [inner for key, inner in schema.items() if key not in ("default", "metadata")]
        elif isinstance(schema, list | tuple):
            waiting += schema
