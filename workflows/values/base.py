"""What all values that cross Temporal share: how they are written, and whose they are."""

from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from bot.model import ForgeName


class Value(BaseModel):
    """One that crosses: frozen, and written without what it says by default."""

    model_config = ConfigDict(frozen=True)

    @model_serializer(mode="wrap")
    def _only_what_says_something(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave defaults out: a state crosses twice in every step, and most of it is empty."""
        fields = type(self).model_fields
        return {
            name: value
            for name, value in handler(self).items()
            if fields[name].is_required() or getattr(self, name) != fields[name].default
        }


class RepositoryKey(Value):
    """A repository on a forge."""

    forge: ForgeName
    owner: str
    name: str

    @property
    def full_name(self) -> str:
        """OWNER/NAME."""
        return f"{self.owner}/{self.name}"

    @property
    def path(self) -> str:
        """What workflow ids are made of."""
        return f"{self.forge}/{self.owner}/{self.name}"

    @property
    def pipeline_id(self) -> str:
        """The id of the workflow that takes this repository's events."""
        return f"pipeline/{self.path}"

    @property
    def drift_watch_id(self) -> str:
        """The id of the workflow that keeps the drift issue and the back-merge."""
        return f"drift-watch/{self.path}"

    def rollback_id(self, environment: str, promotion: str) -> str:
        """Return the id of the workflow of one roll-back."""
        return f"rollback/{self.path}/{environment}/{promotion[:12]}"

    def promotion_id(self, environment: str, source: str) -> str:
        """Return the id of the workflow of one promotion."""
        return f"promotion/{self.path}/{environment}/{source[:12]}"
