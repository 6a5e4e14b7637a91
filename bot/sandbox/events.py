"""What happened in the sandbox, in no forge's words: a dialect makes webhooks of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened: what kind, which action, in which repository, by whom."""

    kind: str
    action: str | None
    repo_id: int
    actor_id: int
    subject: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)
