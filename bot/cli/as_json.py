"""The JSON that other programs rely on; its shape is documented and stays.

A value that does not exist is left out: absent is not null.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.decisions.verdicts import GateResult
from bot.engine.candidate import Plan
from bot.engine.drift import Comparison
from bot.model import Change, Commit, Head
from bot.policies.persona import Persona

VERSION = 1


def drift_document(repository: Path, comparisons: Sequence[Comparison]) -> str:
    """Return the document of `lockstep drift --json`."""
    return dumped(
        {
            "version": VERSION,
            "repository": str(repository.resolve()),
            "hops": [
                {
                    "source": _head(comparison.source),
                    "target": _head(comparison.target),
                    "state": comparison.state,
                    "counts": comparison.counts,
                    "changes": [_change(change) for change in comparison.changes],
                }
                for comparison in comparisons
            ],
        }
    )


def plan_document(
    plan: Plan,
    gates: Sequence[GateResult],
    *,
    at: datetime | None = None,
    persona: Persona | None = None,
) -> str:
    """Return the document of `lockstep plan --json`."""
    candidate = plan.candidate
    return dumped(
        {
            "version": VERSION,
            "source": _head(plan.comparison.source),
            "target": _head(plan.comparison.target),
            "state": plan.state,
            "candidate": candidate
            and {
                "sha": candidate.sha,
                "tree": candidate.tree,
                "parents": list(candidate.parents),
                "message": candidate.message,
            },
            "promoted": [_change(change) for change in plan.promoted],
            "held_back": [_change(change) for change in plan.held_back],
            "commits": [commit_shown(commit) for commit in plan.commits],
            "gates": [gate(result) for result in gates],
            **({} if at is None else {"at": at.isoformat()}),
            **({} if persona is None else {"as": _persona(persona)}),
        }
    )


def _persona(persona: Persona) -> dict[str, Any]:
    return {
        "person": persona.person,
        "wrote": persona.wrote,
        "sign_offs": list(persona.roles),
        "sign_offs_through_teams": list(persona.perhaps),
        "may_override": persona.may_override,
        "changes": [gate(result) for result in persona.changed],
    }


def gate(result: GateResult) -> dict[str, Any]:
    """Return what a gate says."""
    said = {
        "gate": result.gate,
        "state": result.verdict.state,
        "reason": result.verdict.reason,
    }
    return {**said, "because": list(result.because)} if result.because else said


def dumped(document: dict[str, Any]) -> str:
    """Return a document as it is printed."""
    # ASCII, so that a path which is not UTF-8 survives as its surrogate escapes.
    return json.dumps(document, indent=2, ensure_ascii=True)


def _head(head: Head) -> dict[str, str]:
    return {"environment": head.environment, "branch": head.branch, "sha": head.sha}


def _change(change: Change) -> dict[str, Any]:
    sides = (("source", change.source), ("target", change.target), ("agreed", change.agreed))
    return {
        "path": change.path,
        "key": change.key,
        "state": change.state,
        **{name: value.data for name, value in sides if value.exists},
        "commits": [commit_shown(commit) for commit in change.commits],
    }


def commit_shown(commit: Commit) -> dict[str, str]:
    """Return a commit as documents show it."""
    return {
        "sha": commit.sha,
        "author": commit.author,
        "date": commit.date,
        "subject": commit.subject,
    }
