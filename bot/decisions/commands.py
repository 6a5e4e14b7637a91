"""Comment text in, commands out; what was meant as one and is not gets an answer instead.

Which lines count and what each command takes: "On the forge" in the interface. Who
may give a command, and whether its environment or role exists, is decided elsewhere.
"""

import re
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Literal

from bot.decisions.arguments import MisreadError, arguments, shown, spelled, spelled_reason
from bot.decisions.comments import own_lines
from bot.words import Words
from config.suggest import closest

# In one comment, so that replies stay few.
MOST_COMMANDS = 25
# Below this other programs' commands, such as `/rebase`, would look like typing errors.
_LIKENESS = 0.75

# `kind` tells the members of a union apart where they cross into Temporal and back.


@dataclass(frozen=True, slots=True)
class Promote:
    """``/promote ENVIRONMENT``, now or at a time as it was written."""

    environment: str
    at: str | None = None
    kind: Literal["promote"] = "promote"


@dataclass(frozen=True, slots=True)
class SignOff:
    """``/sign-off ROLE``."""

    role: str
    kind: Literal["sign-off"] = "sign-off"


@dataclass(frozen=True, slots=True)
class Reject:
    """``/reject ROLE REASON``."""

    role: str
    reason: str
    kind: Literal["reject"] = "reject"


@dataclass(frozen=True, slots=True)
class Hold:
    """``/hold REASON``."""

    reason: str
    kind: Literal["hold"] = "hold"


@dataclass(frozen=True, slots=True)
class Resume:
    """``/resume``."""

    kind: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True)
class Cancel:
    """``/cancel``; with an environment also what is planned for it."""

    environment: str | None = None
    kind: Literal["cancel"] = "cancel"


@dataclass(frozen=True, slots=True)
class Retry:
    """``/retry``."""

    kind: Literal["retry"] = "retry"


@dataclass(frozen=True, slots=True)
class Rollback:
    """``/rollback ENVIRONMENT``."""

    environment: str
    kind: Literal["rollback"] = "rollback"


@dataclass(frozen=True, slots=True)
class Freeze:
    """``/freeze REASON``."""

    reason: str
    kind: Literal["freeze"] = "freeze"


@dataclass(frozen=True, slots=True)
class Thaw:
    """``/thaw``."""

    kind: Literal["thaw"] = "thaw"


@dataclass(frozen=True, slots=True)
class Override:
    """``/override GATE REASON``; `gate` is a key of ``gates:``, or ``freezes``."""

    gate: str
    reason: str
    kind: Literal["override"] = "override"


@dataclass(frozen=True, slots=True)
class Keep:
    """``/keep PATH [KEY]``; no key means the whole file."""

    path: str
    key: str | None = None
    kind: Literal["keep"] = "keep"


@dataclass(frozen=True, slots=True)
class Discard:
    """``/discard PATH [KEY]``; no key means the whole file."""

    path: str
    key: str | None = None
    kind: Literal["discard"] = "discard"


@dataclass(frozen=True, slots=True)
class Resolve:
    """``/resolve PATH[:KEY] source|target``; no key means the whole file."""

    path: str
    key: str | None
    side: Literal["source", "target"]
    kind: Literal["resolve"] = "resolve"


@dataclass(frozen=True, slots=True)
class Drift:
    """``/drift``."""

    kind: Literal["drift"] = "drift"


@dataclass(frozen=True, slots=True)
class Status:
    """``/status``."""

    kind: Literal["status"] = "status"


@dataclass(frozen=True, slots=True)
class Help:
    """``/help``."""

    kind: Literal["help"] = "help"


Command = (
    Promote
    | SignOff
    | Reject
    | Hold
    | Resume
    | Cancel
    | Retry
    | Rollback
    | Freeze
    | Thaw
    | Override
    | Keep
    | Discard
    | Resolve
    | Drift
    | Status
    | Help
)


@dataclass(frozen=True, slots=True)
class Unclear:
    """A line that was meant for us and cannot be taken; `answer` is Markdown, for its author."""

    written: str
    answer: str
    kind: Literal["unclear"] = "unclear"


# What each command takes is read from its usage, so the two cannot disagree.
_COMMANDS: dict[str, tuple[str, Callable[..., Command]]] = {
    "promote": ("ENVIRONMENT [at TIME]", Promote),
    "sign-off": ("ROLE", SignOff),
    "reject": ("ROLE REASON", Reject),
    "hold": ("REASON", Hold),
    "resume": ("", Resume),
    "cancel": ("[ENVIRONMENT]", Cancel),
    "retry": ("", Retry),
    "rollback": ("ENVIRONMENT", Rollback),
    "freeze": ("REASON", Freeze),
    "thaw": ("", Thaw),
    "override": ("GATE REASON", Override),
    "keep": ("PATH [KEY]", Keep),
    "discard": ("PATH [KEY]", Discard),
    "resolve": ("PATH[:KEY] source|target", Resolve),
    "drift": ("", Drift),
    "status": ("", Status),
    "help": ("", Help),
}
# Works on every forge, whatever the forge does with other lines that start with a slash.
_PREFIXED = "/lockstep "

# Prow's word, which difflib would take for its opposite.
_OTHER_WORDS = {"unhold": "resume", "unfreeze": "thaw"}

USAGES = tuple(f"/{name} {takes}".rstrip() for name, (takes, _) in _COMMANDS.items())

# What stands in brackets is one, also where it has several words.
_SLOT = re.compile(r"\[[^\]]*\]|\S+")
_COMMAND = re.compile(r" {0,3}/(\S++)(.*)", re.DOTALL)


def parse_comment(text: str, words: Words) -> tuple[Command | Unclear, ...]:
    """Return what the lines of a new comment ask for, in order; never raises.

    Empty for a comment that has nothing for us. At most `MOST_COMMANDS` are taken;
    an `Unclear` in the end says so where there were more.
    """
    found: list[Command | Unclear] = []
    # Half a surrogate pair cannot be stored or sent on.
    for line in own_lines(text.encode(errors="replace").decode()):
        parsed = _parse_line(line.text, words)
        if parsed is None:
            continue
        written = shown(line.text)
        if len(found) == MOST_COMMANDS:
            answer = (
                f"I take the first {MOST_COMMANDS} commands of a comment; `{written}` and what "
                "follows was not done. Write it in another comment."
            )
            return (*found, Unclear(written, answer))
        if line.quoted:
            answer = (
                f"`{written}` belongs to the quotation above it, so I left it alone. "
                "Put an empty line between the two."
            )
            parsed = Unclear(written, answer)
        found.append(parsed)
    return tuple(found)


def write(command: Command, words: Words) -> str:
    """Return the line that asks for `command`, as it is written on a forge.

    A path or key with a line break in it has no form that could be read again.
    """
    takes, _ = _COMMANDS[command.kind]
    values = iter(astuple(command)[:-1])
    parts = [words.command(command.kind)]
    for slot in _SLOT.findall(takes):
        value = next(values)
        if slot == "PATH[:KEY]":
            key = next(values)
            path = spelled(value, quote_if=":")
            parts.append(path if key is None else f"{path}:{key}")
        elif slot == "[at TIME]":
            parts += [f"at {value}"] if value else []
        elif slot == "REASON":
            parts.append(spelled_reason(value))
        elif value is not None:
            parts.append(spelled(value))
    return " ".join(parts)


def _parse_line(line: str, words: Words) -> Command | Unclear | None:
    match = _COMMAND.match(line)
    if match is None or "/" in match[1]:
        return None
    name, rest = match[1], match[2]
    prefixed = _folded(name) == "lockstep"
    prefix = _PREFIXED if prefixed else words.prefix
    if prefixed:
        name, rest = [*rest.split(maxsplit=1), "", ""][:2]
        name = name or "help"
    command = _folded(name)
    written = shown(line)
    if command not in _COMMANDS:
        return _near_miss(written, command, prefix, known=prefixed)
    takes, build = _COMMANDS[command]
    try:
        return build(*arguments(_SLOT.findall(takes), rest))
    except MisreadError as why:
        usage = f"{prefix}{command} {takes}".rstrip()
        return Unclear(written, f"`{written}` {why}. Write `{usage}`.")


def _near_miss(written: str, name: str, prefix: str, *, known: bool) -> Unclear | None:
    near = _OTHER_WORDS.get(name) or closest(name, _COMMANDS, likeness=_LIKENESS)
    if near:
        meant = f"{prefix}{near} {_COMMANDS[near][0]}".rstrip()
        return Unclear(written, f"I know no `{written}`. Did you mean `{meant}`?")
    if known:
        return Unclear(written, f"I know no `{written}`. `{prefix}help` lists what I know.")
    return None


def _folded(name: str) -> str:
    # Only ASCII: the Kelvin sign folds to a `k`, and a look-alike must never be a command.
    return name.lower() if name.isascii() else name
