"""The JSON of `lockstep check` and `lockstep policy`; its shape is documented and stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.cli.as_json import VERSION, commit_shown, dumped, gate
from bot.cli.replay import Replayed
from bot.policies.checked import Checked, Tested
from config.load import ConfigError
from config.organisation import Organisation
from config.schema import Config


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that `lockstep check` looked at; `model` is None where it does not load.

    `inherits` is what it inherits from and was not looked at.
    """

    name: str
    model: Config | Organisation | None
    checked: Checked
    inherits: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.checked.errors and not self.checked.failed


def check_document(files: Sequence[CheckedFile]) -> str:
    """Return the document of `lockstep check --json`."""
    return dumped(
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


def replay_document(found: Sequence[Replayed]) -> str:
    """Return the document of `lockstep policy replay --json`; lengths are in seconds."""
    return dumped(
        {
            "version": VERSION,
            "would_wait": sum(bool(one.waits) for one in found),
            "promotions": [_replayed(one) for one in found],
        }
    )


def _replayed(one: Replayed) -> dict[str, Any]:
    longer = one.longer
    return {
        "commit": commit_shown(one.commit),
        "environment": one.environment,
        "source": one.source,
        "landed": one.landed.isoformat(),
        "changes": one.changes,
        "rules": list(one.policy.rules),
        **({"risk": one.policy.risk} if one.policy.risk else {}),
        "would_wait": bool(one.waits),
        "waits": [gate(result) for result in one.waits],
        **(
            {"until": one.until.isoformat(), "longer": longer.total_seconds()}
            if one.waits and one.until is not None and longer is not None
            else {}
        ),
        "unknown_to_git": list(one.people),
        "impossible": list(one.impossible),
    }


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
