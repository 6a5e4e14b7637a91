"""A proposed `.lockstep.yaml` as text, each line with what speaks for it."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.decisions.pipeline import Pipeline, ProposedEnvironment
from bot.engine.evidence import day
from bot.engine.flows import Flow, Habit
from bot.engine.keep_rules import LearnedKeep
from bot.engine.yaml_text import quoted
from bot.words import count

_WIDTH = 96
# Text that YAML reads as itself wherever it stands, and nobody mistakes.
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "null", "y", "n"))

_EXAMPLES = """\
# When promotions begin and what they wait for, in any environment; examples to choose from:
# promote: automatic
# gates:
#   checks: [ci/test]
#   soak: 24h
#   approvals: 1
#   sign_offs: [qa]
"""
_ROLES = """\
# Who may sign off in which capacity; `sign_offs` of an environment name them.
# roles:
#   qa: [alice, "@acme/qa"]
"""


@dataclass(frozen=True, slots=True)
class HopSeen:
    """What the past tells of one hop."""

    flow: Flow
    habit: Habit


def render(
    pipeline: Pipeline, hops: Mapping[str, HopSeen], keep: Sequence[LearnedKeep], default: str
) -> str:
    """Return the file's text; `hops` are by the target's name, `default` is where it belongs."""
    lines = [
        *_comment(
            "Proposed by `lockstep init`, from the branches and their history. Read it, change "
            f"it, and commit it to {default}: Lockstep reads it on the default branch alone.",
            "",
        ),
        "version: 1",
        "",
        "environments:  # in promotion order; changes begin in the first",
    ]
    above = None
    for environment in pipeline.environments:
        lines += _environment(environment, above, hops.get(environment.name))
        above = environment.name
    lines += textwrap.indent(_EXAMPLES, "    ").splitlines()
    lines += ["", *_keep(keep), "", *_ROLES.splitlines()]
    return "\n".join(lines) + "\n"


def _environment(
    environment: ProposedEnvironment, above: str | None, seen: HopSeen | None
) -> Iterator[str]:
    why = environment.why
    if seen is not None:
        why += f"; {_promotions(seen.flow, environment.source or '')}"
    yield from _comment(why, "  ")
    yield f"  - name: {_scalar(environment.name)}"
    yield f"    branch: {_scalar(environment.branch)}"
    if environment.source != above:
        yield f"    from: {_scalar(environment.source or '')}"
    if seen is not None and seen.habit.method is not None:
        yield f"    merge: {seen.habit.method}  # {seen.habit.why}"
    elif seen is not None:
        why = f"how it merges cannot be told ({seen.habit.why}): a merge commit is the default"
        yield from _comment(why, "    ")


def _promotions(flow: Flow, source: str) -> str:
    times = sorted(flow.promotions.values())
    if not times:
        return f"no promotion from {source} can be seen"
    first, last = day(times[0]), day(times[-1])
    seen = f"{count(len(times), 'promotion')} from {source} seen"
    return f"{seen}, on {first}" if first == last else f"{seen}, from {first} to {last}"


def _keep(rules: Sequence[LearnedKeep]) -> Iterator[str]:
    if not rules:
        yield from _comment(
            "Nothing has differed for long while the rest was promoted. What each environment "
            "owns goes here:",
            "",
        )
        yield "# keep:"
        yield '#   - path: "configs/**/*.yaml"'
        yield '#     keys: [database.host, "**.replicas"]'
        return
    yield "keep:  # what each environment owns: it differs on purpose and is never promoted"
    for rule in rules:
        if not rule.keys:
            yield from _comment(rule.why, "  ")
        yield f"  - path: {quoted(rule.path)}"
        if rule.keys:
            yield "    keys:"
        reasons = dict.fromkeys(why for _, why in rule.keys)
        for reason in reasons:
            yield from _comment(reason, "      ")
            yield from (f"      - {_scalar(key)}" for key, why in rule.keys if why == reason)


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else quoted(text)
