"""Key paths and the patterns that select them: one spelling, used everywhere.

A key path names a place inside a configuration file: ``database.host``,
``metadata.annotations["example.com/owner"]``, ``containers[name=web].image``,
``containers[]`` (the order of the items). The empty key path is the document itself.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

_NEEDS_QUOTES = re.compile(r"""[.\[\]"'\s]""")
_ITEM_NEEDS_QUOTES = re.compile(r"""[\[\]"'\s]""")
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# One segment: ["quoted"], [field=item], [field="item"], [], [*] or a plain name.
_SEGMENT = re.compile(
    rf'\[{_QUOTED}\]|\[[^\[\]"\s=]+={_QUOTED}\]|\[[^\[\]"\s]*\]|(?:^|\.)[^.\[\]"\'\s]+', re.DOTALL
)
# What a wildcard stands for: any one segment with its leading dot, the order place included.
_ANY_SEGMENT = rf'(?:\[(?:[^\[\]"]|{_QUOTED})*\]|\.?[^.\[\]"\s]+)'
_SEGMENT_ENDS = r"(?=[.\[]|\Z)"


class PatternError(ValueError):
    """A pattern that cannot be understood; the message says why."""


def quote(text: str) -> str:
    r"""Return `text` in double quotes, with ``"`` and ``\`` escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def child(parent: str, key: str) -> str:
    """Return the key path of mapping key `key` below `parent`."""
    if not key or _NEEDS_QUOTES.search(key):
        return f"{parent}[{quote(key)}]"
    return f"{parent}.{key}" if parent else key


def item(parent: str, field: str, value: str) -> str:
    """Return the key path of the list item whose `field` is `value`."""
    if not value or _ITEM_NEEDS_QUOTES.search(value):
        value = quote(value)
    return f"{parent}[{field}={value}]"


def order(parent: str) -> str:
    """Return the key path of the order of a list's items."""
    return f"{parent}[]"


def covers(key: str, other: str) -> bool:
    """Whether `other` is `key` itself or a place below it."""
    if not key or key == other:
        return True
    return other.startswith(key) and other[len(key)] in ".["


def segments(key: str) -> Iterator[str]:
    """Yield the segments of a key path or key pattern, as they are spelled, without dots.

    Raises `PatternError` where the text is not a key path.
    """
    position = 0
    while position < len(key):
        match = _SEGMENT.match(key, position)
        # A dot separates: it neither begins nor ends a key path, and two are one too many.
        if match is None or (position == 0 and key.startswith(".")):
            raise PatternError(
                f"`{key}` is not a key path: cannot read on at `{key[position:]}`; write keys "
                'joined by dots, and quote a key that has a dot or a space: labels["example.com/x"]'
            )
        yield match[0].removeprefix(".")
        position = match.end()


def _segment_expression(segment: str) -> str:
    if segment == "*":
        return _ANY_SEGMENT + _SEGMENT_ENDS
    if segment == "**":
        return rf"(?:{_ANY_SEGMENT}{_SEGMENT_ENDS})*"
    if segment.startswith('["'):
        # The canonical spelling, so that a needless quotation selects the same place.
        expression = re.escape(child("", _unquote(segment[1:-1])))
    elif segment == "[*]":
        expression = rf'\[(?:[^\[\]"]|{_QUOTED})+\]'
    elif segment.startswith("["):
        field, _, value = segment[1:-1].partition("=")
        if value.startswith('"'):
            segment = item("", field, _unquote(value))
        expression = re.escape(segment).replace(r"\*", r'[^\[\]"]*')
    else:
        expression = re.escape(segment).replace(r"\*", r'[^.\[\]"\s]*')
    separator = "" if expression.startswith(r"\[") else r"\.?"
    return separator + expression + _SEGMENT_ENDS


@lru_cache(maxsize=4096)
def key_pattern(pattern: str) -> re.Pattern[str]:
    """Return the expression that fully matches the key paths which `pattern` covers.

    ``*`` is one segment (or part of one), ``**`` any number, ``[*]`` any item of a
    list; a pattern covers what is below it. Raises `PatternError`.
    """
    if not pattern:
        raise PatternError("an empty key pattern selects nothing; leave `keys` out for whole files")
    body = "".join(_segment_expression(segment) for segment in segments(pattern))
    return re.compile(body + _SEGMENT_ENDS + r".*", re.DOTALL)


@lru_cache(maxsize=4096)
def path_pattern(pattern: str) -> re.Pattern[str]:
    """Return the expression that fully matches the file paths which `pattern` covers.

    ``*`` and ``?`` stay inside a directory, ``**`` crosses them (``**/`` matches no
    directory too), ``[a-z]`` is a class; a pattern covers what is below it.
    Paths are relative to the repository's root. Raises `PatternError`.
    """
    if not pattern:
        raise PatternError("an empty path pattern selects nothing; `**` selects every file")
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise PatternError(
            f"`{pattern}` leaves the repository; paths are relative to its root, without `/` "
            "in front and without `..`"
        )
    expression, position = "", 0
    pattern = pattern.rstrip("/")
    while position < len(pattern):
        if pattern.startswith("**/", position):
            expression += "(?:[^/]+/)*"
            position += 3
        elif pattern.startswith("**", position):
            expression += ".*"
            position += 2
        elif pattern[position] == "*":
            expression += "[^/]*"
            position += 1
        elif pattern[position] == "?":
            expression += "[^/]"
            position += 1
        elif pattern[position] == "[":
            end = pattern.find("]", position + 2)
            if end < 0:
                raise PatternError(f"`{pattern}` opens a class with `[` and never closes it")
            body = pattern[position + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            expression += "[" + ("^" + body[1:] if body.startswith("!") else body) + "]"
            position = end + 1
        else:
            expression += re.escape(pattern[position])
            position += 1
    try:
        return re.compile(rf"{expression}(?:/.*)?", re.DOTALL)
    except re.error as error:
        raise PatternError(f"`{pattern}` is not a path pattern: {error}") from error
