"""The schema that pydantic has made of a class: plain dicts, which are read key by key."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

Schema: TypeAlias = Mapping[str, Any]
"""A part of a schema. Which keys it has depends on its ``type``."""


def schema_of(kind: type[BaseModel]) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of a class, and by reference the schemas that it refers to."""
    schema: Schema = kind.__pydantic_core_schema__
    if schema["type"] != "definitions":
        return schema, {}
    return schema["schema"], {each["ref"]: each for each in schema["definitions"]}
