"""The JSON Schemas of `.lockstep.yaml` and of an organisation's policy, for editors."""

import json
import sys

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from config.organisation import POLICY_FILE, Organisation
from config.schema import Config

# By the name of the file: its model.
KINDS: dict[str, type[BaseModel]] = {"lockstep": Config, "lockstep-policy": Organisation}
_NAMES = {"lockstep": ".lockstep.yaml", "lockstep-policy": POLICY_FILE}


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


def json_schema(kind: str = "lockstep") -> str:
    """Return the schema of a kind of file as the text that is committed."""
    generated = KINDS[kind].model_json_schema(schema_generator=_ForEditors)
    name = _NAMES[kind]
    head = {
        "$schema": _ForEditors.schema_dialect,
        "$id": f"urn:lockstep-bot:{name.removeprefix('.')}:1",
        "title": f"Lockstep: `{name}`",
    }
    return json.dumps(head | {k: v for k, v in generated.items() if k != "title"}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema(*sys.argv[1:]))
