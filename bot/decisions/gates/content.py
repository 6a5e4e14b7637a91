"""The gates `drained`, `required_files` and `schemas`: what is further down, and the content."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bot.decisions.facts import GateFacts
from bot.decisions.gates.wording import listed
from bot.decisions.requirements import Requirements
from bot.decisions.verdicts import Closed, Failed, GateResult, Open, Verdict
from bot.words import count

# A status shows one line, and whoever mends the first three looks again anyway.
_MOST_PROBLEMS = 3


def drained(needed: Requirements, facts: GateFacts, _: datetime) -> Iterator[GateResult]:
    """Judge whether anything waits further down the pipeline."""
    if not needed.drained:
        return
    verdict: Verdict
    if facts.below is None:
        verdict = Closed("it is not known what waits further down")
    elif facts.below:
        waiting = [
            f"{count(each.changes, 'change')} from {each.source} to {each.target}"
            for each in facts.below
        ]
        verdict = Closed(f"further down {listed(waiting)} must be promoted first")
    else:
        verdict = Open("nothing waits further down")
    yield GateResult("drained", verdict)


def required_files(needed: Requirements, facts: GateFacts, _: datetime) -> Iterator[GateResult]:
    """Judge whether the candidate has the files that it must have."""
    if needed.required_files:
        missing = facts.missing
        yield GateResult(
            "required_files",
            Closed("it is not known which files the candidate has")
            if missing is None
            else Failed(f"the candidate has no {_some(missing)}; add what is missing to the source")
            if missing
            else Open("every required file is there"),
        )


def schemas(needed: Requirements, facts: GateFacts, _: datetime) -> Iterator[GateResult]:
    """Judge whether the promoted files are as their schemas say."""
    if needed.schemas:
        invalid = facts.invalid
        yield GateResult(
            "schemas",
            Closed("the candidate has not been compared with its schemas")
            if invalid is None
            else Failed(_some(invalid, "; "))
            if invalid
            else Open("every promoted file is as its schema says"),
        )


def _some(problems: Sequence[str], joint: str = ", ") -> str:
    more = len(problems) - _MOST_PROBLEMS
    shown = joint.join(problems[:_MOST_PROBLEMS])
    return f"{shown}, and {more} more" if more > 0 else shown
