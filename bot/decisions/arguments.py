"""What stands behind a command's name: words and their quotation marks, places and reasons."""

import re
from collections.abc import Callable, Iterator, Sequence

from config.gates import SEVERAL, Gates
from config.patterns import PatternError, quote, segments

# So that no history and no reply grows with what somebody pastes.
LONGEST_COMMAND = 1_000  # characters

_QUOTED = r'"(?:[^"\\]|\\.)*+"'
# Quoted as a whole, or bare; bare ones keep the quotes of a key: labels["example.com/x"].
_WORD = re.compile(rf"""`[^`]*+`(?!\S)|'[^']*+'(?!\S)|(?!['`])(?:[^\s"]|{_QUOTED})++(?!\S)""")
_QUOTED_PATH = re.compile(rf"({_QUOTED}|'[^']*+')(?::|$)")


class MisreadError(ValueError):
    """Why a line cannot be taken; the beginning of the answer."""


def arguments(slots: Sequence[str], text: str) -> Iterator[str | None]:
    """Yield what `text` gives for each slot of a usage; None for an optional one left out.

    Raises `MisreadError` where it does not fit.
    """
    if len(text) > LONGEST_COMMAND:
        raise MisreadError(f"has more than {LONGEST_COMMAND} characters")
    for slot in slots:
        text = text.strip()
        if slot == "REASON":
            yield _reason(text)
            return
        if slot == "[at TIME]":
            yield _time(text)
            return
        word, text = _word(text, slot)
        if slot == "PATH[:KEY]":
            yield from _place(word)
        elif word:
            yield _READ.get(slot.strip("[]"), _name)(_plain(word))
        else:
            yield None
    if text.strip():
        raise MisreadError(f"goes on with `{shown(text)}`, which I cannot place")


def _word(text: str, slot: str) -> tuple[str, str]:
    if not text:
        if slot.startswith("["):
            return "", ""
        raise MisreadError(f"lacks {slot}")
    match = _WORD.match(text)
    if match is None:
        raise MisreadError("has a quotation mark without its other half")
    return match[0], text[match.end() :]


def _time(text: str) -> str | None:
    """Return what stands behind ``at``, on one line; whether it is a time is decided elsewhere."""
    if not text:
        return None
    word, _, rest = text.partition(" ")
    if word != "at":
        raise MisreadError(f"goes on with `{shown(text)}`, which I cannot place")
    if not rest.strip():
        raise MisreadError("lacks TIME")
    return _reason(rest.strip())


def _reason(text: str) -> str:
    """Return what a person says, on one line and without anything invisible."""
    match = _WORD.fullmatch(text)
    if match and text[0] in "\"'`":
        text = _plain(text)
    reason = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not reason:
        raise MisreadError("lacks REASON")
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
        raise MisreadError("needs a path from the repository's root, without `/` in front or `..`")
    return path


def _key(key: str) -> str:
    try:
        empty = not list(segments(key))
    except PatternError as error:
        raise MisreadError("names no key path; keys are joined by dots") from error
    if empty:
        raise MisreadError("names an empty key")
    return key


def _gate(word: str) -> str:
    gates = [*Gates.model_fields, "freezes", "facts"]
    gate, colon, name = word.partition(":")
    if gate not in gates or (colon and (gate not in SEVERAL or not name)):
        known = ", ".join(f"`{gate}`" for gate in gates)
        raise MisreadError(f"names none of the gates {known}")
    return word


def _name(word: str) -> str:
    if not word.strip():
        raise MisreadError("has an empty name")
    return word


def _side(word: str) -> str:
    if word not in {"source", "target"}:
        raise MisreadError(f"says neither `source` nor `target` but `{shown(word)}`")
    return word


# What is not here is a name.
_READ: dict[str, Callable[[str], str]] = {
    "PATH": _path,
    "KEY": _key,
    "GATE": _gate,
    "source|target": _side,
}


def _plain(word: str) -> str:
    """Return `word` without the quotation marks around it."""
    if word[0] in "'`":
        return word[1:-1]
    if re.fullmatch(_QUOTED, word):
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


def spelled(value: str, quote_if: str | None = None) -> str:
    """Return how to write a word so that it is read as it is; quoted too if `quote_if` is in it."""
    bare = _WORD.fullmatch(value) and value[0] not in "\"'`"
    return quote(value) if not bare or (quote_if and quote_if in value) else value


def spelled_reason(reason: str) -> str:
    """Return how to write a reason so that it is read as it is."""
    return quote(reason) if reason[0] in "\"'`" else reason


def shown(text: str) -> str:
    """Return `text` fit to be quoted in a reply: one short line that cannot leave its code span."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line.replace("`", "'")
    return line if len(line) <= 60 else line[:59] + "…"
