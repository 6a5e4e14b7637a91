"""Comment text in, commands out; what was meant as one and is not gets an answer instead.

Which lines count and what each command takes: "On the forge" in the interface. Who
may give a command, and whether its environment or role exists, is decided elsewhere.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

from bot.decisions.comments import own_lines
from config.patterns import PatternError, quote, segments
from config.schema import Gates
from config.suggest import closest

# So that neither a history nor a reply grows with what somebody pastes.
LONGEST_COMMAND = 1_000  # characters
MOST_COMMANDS = 25  # in one comment

# Below this other programs' commands, such as `/rebase`, would look like typing errors.
_LIKENESS = 0.75

# `kind` tells the members of a union apart where they cross into Temporal and back.


@dataclass(frozen=True, slots=True)
class Promote:
    """``/promote ENVIRONMENT``."""

    environment: str
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
    """``/cancel``."""

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
    "promote": ("ENVIRONMENT", Promote),
    "sign-off": ("ROLE", SignOff),
    "reject": ("ROLE REASON", Reject),
    "hold": ("REASON", Hold),
    "resume": ("", Resume),
    "cancel": ("", Cancel),
    "retry": ("", Retry),
    "rollback": ("ENVIRONMENT", Rollback),
    "override": ("GATE REASON", Override),
    "keep": ("PATH [KEY]", Keep),
    "discard": ("PATH [KEY]", Discard),
    "resolve": ("PATH[:KEY] source|target", Resolve),
    "drift": ("", Drift),
    "status": ("", Status),
    "help": ("", Help),
}
# Prow's word, which difflib would take for its opposite.
_OTHER_WORDS = {"unhold": "resume"}

USAGES = tuple(f"/{name} {takes}".rstrip() for name, (takes, _) in _COMMANDS.items())

_COMMAND = re.compile(r" {0,3}/(\S++)(.*)", re.DOTALL)
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
# Quoted as a whole, or bare; bare ones keep the quotes of a key: labels["example.com/x"].
_WORD = re.compile(rf"""`[^`]*+`(?!\S)|'[^']*+'(?!\S)|(?!['`])(?:[^\s"]|{_QUOTED})++(?!\S)""")
_QUOTED_PATH = re.compile(rf"({_QUOTED}|'[^']*+')(?::|$)")


class _MisreadError(ValueError):
    """Why a line cannot be taken; the beginning of the answer."""


def parse_comment(text: str) -> tuple[Command | Unclear, ...]:
    """Return what the lines of a new comment ask for, in order; never raises.

    Empty for a comment that has nothing for us. At most `MOST_COMMANDS` are taken;
    an `Unclear` in the end says so where there were more.
    """
    found: list[Command | Unclear] = []
    # Half a surrogate pair cannot be stored or sent on.
    for line in own_lines(text.encode(errors="replace").decode()):
        parsed = _parse_line(line.text)
        if parsed is None:
            continue
        written = _shown(line.text)
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


def write(command: Command, *, prefixed: bool = False) -> str:
    """Return the line that asks for `command`; as ``/lockstep …`` where `prefixed`.

    GitLab keeps some names for itself, so the bot shows the prefixed form there. A
    path or key with a line break in it has no form that could be read again.
    """
    takes, _ = _COMMANDS[command.kind]
    values = iter(astuple(command)[:-1])
    words = [_prefix(prefixed=prefixed) + command.kind]
    for slot in takes.split():
        value = next(values)
        if slot == "PATH[:KEY]":
            key = next(values)
            path = _spelled(value, quote_if=":")
            words.append(path if key is None else f"{path}:{key}")
        elif slot == "REASON":
            words.append(quote(value) if value[0] in "\"'`" else value)
        elif value is not None:
            words.append(_spelled(value))
    return " ".join(words)


def _parse_line(line: str) -> Command | Unclear | None:
    match = _COMMAND.match(line)
    if match is None or "/" in match[1]:
        return None
    name, rest = match[1], match[2]
    prefixed = _folded(name) == "lockstep"
    if prefixed:
        name, rest = [*rest.split(maxsplit=1), "", ""][:2]
        name = name or "help"
    command = _folded(name)
    written = _shown(line)
    if command not in _COMMANDS:
        return _near_miss(written, command, prefixed=prefixed)
    takes, build = _COMMANDS[command]
    try:
        return build(*_arguments(takes.split(), rest))
    except _MisreadError as why:
        usage = f"{_prefix(prefixed=prefixed)}{command} {takes}".rstrip()
        return Unclear(written, f"`{written}` {why}. Write `{usage}`.")


def _near_miss(written: str, name: str, *, prefixed: bool) -> Unclear | None:
    near = _OTHER_WORDS.get(name) or closest(name, _COMMANDS, likeness=_LIKENESS)
    prefix = _prefix(prefixed=prefixed)
    if near:
        meant = f"{prefix}{near} {_COMMANDS[near][0]}".rstrip()
        return Unclear(written, f"I know no `{written}`. Did you mean `{meant}`?")
    if prefixed:
        return Unclear(written, f"I know no `{written}`. `{prefix}help` lists what I know.")
    return None


def _arguments(slots: Sequence[str], text: str) -> Iterator[str | None]:
    """Yield what `text` gives for each slot of a usage; raise `_MisreadError` where it does not."""
    if len(text) > LONGEST_COMMAND:
        raise _MisreadError(f"has more than {LONGEST_COMMAND} characters")
    for slot in slots:
        text = text.strip()
        if slot == "REASON":
            yield _reason(text)
            return
        word, text = _word(text, slot)
        if slot == "PATH[:KEY]":
            yield from _place(word)
        elif slot == "PATH":
            yield _path(_plain(word))
        elif slot == "[KEY]":
            yield _key(_plain(word)) if word else None
        elif slot == "GATE":
            yield _gate(_plain(word))
        elif slot == "source|target":
            if word not in {"source", "target"}:
                raise _MisreadError(f"says neither `source` nor `target` but `{_shown(word)}`")
            yield word
        else:
            yield _plain(word)
    if text.strip():
        raise _MisreadError(f"goes on with `{_shown(text)}`, which I cannot place")


def _word(text: str, slot: str) -> tuple[str, str]:
    if not text:
        if slot.startswith("["):
            return "", ""
        raise _MisreadError(f"lacks {slot}")
    match = _WORD.match(text)
    if match is None:
        raise _MisreadError("has a quotation mark without its other half")
    return match[0], text[match.end() :]


def _reason(text: str) -> str:
    """Return what a person says, on one line and without anything invisible."""
    match = _WORD.fullmatch(text)
    if match and text[0] in "\"'`":
        text = _plain(text)
    reason = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not reason:
        raise _MisreadError("lacks REASON")
    return reason


def _place(word: str) -> tuple[str, str | None]:
    if word.startswith("`"):
        word = word[1:-1]
    if quoted := _QUOTED_PATH.match(word):
        path, key = _plain(quoted[1]), word[quoted.end() :]
        separated = quoted[0].endswith(":")
    else:
        path, separator, key = word.partition(":")
        separated = bool(separator)
    return _path(path), _key(key) if separated else None


def _path(path: str) -> str:
    if not path or path.startswith("/") or ".." in path.split("/"):
        raise _MisreadError("needs a path from the repository's root, without `/` in front or `..`")
    return path


def _key(key: str) -> str:
    try:
        empty = not list(segments(key))
    except PatternError as error:
        raise _MisreadError("names no key path; keys are joined by dots") from error
    if empty:
        raise _MisreadError("names an empty key")
    return key


def _gate(word: str) -> str:
    gates = [*Gates.model_fields, "freezes"]
    if word not in gates:
        known = ", ".join(f"`{gate}`" for gate in gates)
        raise _MisreadError(f"names none of the gates {known}")
    return word


def _plain(word: str) -> str:
    """Return `word` without the quotation marks around it."""
    if word[0] in "'`":
        return word[1:-1]
    if re.fullmatch(_QUOTED, word):
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


def _spelled(value: str, quote_if: str = "") -> str:
    bare = _WORD.fullmatch(value) and value[0] not in "\"'`"
    return value if bare and not any(c in value for c in quote_if) else quote(value)


def _folded(name: str) -> str:
    # Only ASCII: the Kelvin sign folds to a `k`, and a look-alike must never be a command.
    return name.lower() if name.isascii() else name


def _prefix(*, prefixed: bool) -> str:
    return "/lockstep " if prefixed else "/"


def _shown(text: str) -> str:
    """Return `text` fit to be quoted in a reply: one short line that cannot leave its code span."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line.replace("`", "'")
    return line if len(line) <= 60 else line[:59] + "…"
