"""The JSON Schema of `.lockstep.yaml`, for the editors that people write it in."""

import json
import sys

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from config.schema import Config

TITLE = "Lockstep: `.lockstep.yaml`"
IDENTIFIER = "urn:lockstep-bot:lockstep.yaml:1"


class _ForEditors(GenerateJsonSchema):
    """Says what a person may write: no null, no titles made of names, no empty defaults."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - its signature
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        default = schema.get("default")
        if isinstance(default, (str, int, bool)):
            return super().default_schema(schema)
        return self.generate_inner(schema["schema"])


def json_schema() -> str:
    """Return the schema as the text that is committed."""
    generated = Config.model_json_schema(schema_generator=_ForEditors)
    head = {"$schema": _ForEditors.schema_dialect, "$id": IDENTIFIER, "title": TITLE}
    return json.dumps(head | {k: v for k, v in generated.items() if k != "title"}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema())
