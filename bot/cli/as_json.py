"""The JSON that other programs rely on; its shape is documented and stays.

A value that does not exist is left out: absent is not null.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.decisions.verdicts import GateResult
from bot.engine.candidate import Plan
from bot.engine.drift import Comparison
from bot.model import Change, Commit, Head
from bot.policies.checked import Checked, Tested
from config.load import ConfigError
from config.organisation import Organisation
from config.schema import Config

VERSION = 1


def drift_document(repository: Path, comparisons: Sequence[Comparison]) -> str:
    """Return the document of `lockstep drift --json`."""
    return _dumped(
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


def plan_document(plan: Plan, gates: Sequence[GateResult]) -> str:
    """Return the document of `lockstep plan --json`."""
    candidate = plan.candidate
    return _dumped(
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
            "commits": [_commit(commit) for commit in plan.commits],
            "gates": [_gate(result) for result in gates],
        }
    )


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that `lockstep check` looked at; `model` is None where it does not load."""

    name: str
    model: Config | Organisation | None
    checked: Checked

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.checked.errors and not self.checked.failed


def check_document(files: Sequence[CheckedFile]) -> str:
    """Return the document of `lockstep check --json`."""
    return _dumped(
        {
            "version": VERSION,
            "valid": all(file.is_valid for file in files),
            "files": [
                {
                    "file": file.name,
                    "valid": file.is_valid,
                    "errors": [_place(error) for error in file.checked.errors],
                    "remarks": [_place(remark) for remark in file.checked.remarks],
                    "tests": [_test(test) for test in file.checked.tests],
                }
                for file in files
            ],
        }
    )


def _place(error: ConfigError) -> dict[str, Any]:
    return {
        "line": error.line,
        "column": error.column,
        "path": error.path,
        "message": error.message,
    }


def _test(tested: Tested) -> dict[str, Any]:
    outcome = tested.outcome
    return {
        "name": outcome.test.name,
        "line": tested.place.line,
        "column": tested.place.column,
        "passed": not outcome.differences,
        "rules": list(outcome.policy.rules),
        "differences": [
            {
                "what": difference.what,
                "line": place.line,
                "column": place.column,
                "expected": difference.expected,
                "actual": difference.actual,
            }
            for difference, place in zip(outcome.differences, tested.places, strict=True)
        ],
    }


def _gate(result: GateResult) -> dict[str, Any]:
    said = {
        "gate": result.gate,
        "state": result.verdict.state,
        "reason": result.verdict.reason,
    }
    return {**said, "because": list(result.because)} if result.because else said


def _dumped(document: dict[str, Any]) -> str:
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
        "commits": [_commit(commit) for commit in change.commits],
    }


def _commit(commit: Commit) -> dict[str, str]:
    return {
        "sha": commit.sha,
        "author": commit.author,
        "date": commit.date,
        "subject": commit.subject,
    }
