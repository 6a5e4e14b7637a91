"""The policy of one planned promotion: its changes key by key, its facts, all that applies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.decisions.conditions import Subject
from bot.decisions.policy import Policies, Policy, policy_for
from bot.engine.candidate import Plan
from bot.engine.objects import Objects
from bot.engine.unfold import unfolded
from bot.policies.declared import declared
from config.schema import Environment


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a promotion besides its content; see `Subject`."""

    now: datetime | None = None
    authors: frozenset[str] | None = None
    labels: frozenset[str] | None = None
    people: Mapping[str, frozenset[str] | None] = field(default_factory=dict)


def policy_of(
    objects: Objects, policies: Policies, environment: Environment, plan: Plan, known: Known
) -> Policy:
    """Return the gates of a promotion into `environment`. Raises `MissingObject`."""
    asking = any(layer.rules for layer in policies.layers)
    subject = Subject(
        environment.name,
        unfolded(objects, plan.promoted) if asking else plan.promoted,
        authors=known.authors,
        labels=known.labels,
        people=known.people,
        now=known.now,
    )
    return policy_for(policies, environment, subject, declared(objects, policies, plan))
