"""The JSON schema of a state: what clients may send."""

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import CoreSchema, core_schema


class _TolerantJsonSchema(GenerateJsonSchema):
    """Describes a field without a JSON schema, such as a callable, as ``{}`` instead of failing.

    Marks computed and frozen fields as read only, and decimals by their format, for the dashboard's form.
    """

    def model_fields_schema(self, schema: core_schema.ModelFieldsSchema) -> JsonSchemaValue:
        """Describe computed fields too."""
        described = super().model_fields_schema(schema)
        for field in schema.get("computed_fields", []):
            marks = {"readOnly": True, "computed": True}
            described["properties"][field["property_name"]] = self.generate_inner(field) | marks
        return described

    def model_field_schema(self, schema: core_schema.ModelField) -> JsonSchemaValue:
        """Mark a frozen field as read only."""
        described = super().model_field_schema(schema)
        return described | {"readOnly": True} if schema.get("frozen") else described

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """Name the format, since a decimal is written as a text."""
        return super().decimal_schema(schema) | {"format": "decimal"}

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:  # noqa: ARG002
        return {}

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Say nothing: a default that JSON cannot write is left out."""


def json_schema(model_class: type[BaseModel]) -> JsonSchemaValue:
    """Return the JSON schema of what clients may send, by field names. Never raises."""
    try:
        return model_class.model_json_schema(by_alias=False, schema_generator=_TolerantJsonSchema)
    except Exception:  # noqa: BLE001  a user's __get_pydantic_json_schema__ may raise anything
        properties: JsonSchemaValue = {name: {} for name in model_class.model_fields}
        return {"title": model_class.__name__, "type": "object", "properties": properties}
