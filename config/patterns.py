"""Key paths and the patterns that select them: one spelling, used everywhere.

A key path names a place inside a configuration file: ``database.host``,
``metadata.annotations["example.com/owner"]``, ``containers[name=web].image``,
``containers[]`` (the order of the items). The empty key path is the document itself.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from config.suggest import named

# What a key, an item's value and an item's field are made of where they stand unquoted.
_KEY = r"""[^.\[\]"'\s]"""
_ITEM = r"""[^\[\]"'\s]"""
_FIELD = r"""[^\[\]"'\s=]"""
_IN_QUOTES = r'(?:[^"\\]|\\.)'
_QUOTED = f'"{_IN_QUOTES}*"'
# One segment: ["quoted"], [field="item"], [field=item], [], [*] or a plain name.
_SEGMENT = re.compile(
    rf"\[{_QUOTED}\]|\[{_FIELD}+={_QUOTED}\]|\[{_FIELD}+={_ITEM}+\]|\[\*?\]|(?:^|\.){_KEY}+",
    re.DOTALL,
)
_PLAIN_KEY = re.compile(f"{_KEY}+")
_PLAIN_ITEM = re.compile(f"{_ITEM}+")
_SEGMENT_ENDS = r"(?=[.\[]|\Z)"
_ANY_ITEM = rf"\[{_FIELD}+=(?:{_QUOTED}|{_ITEM}+)\]"
# What a wildcard stands for: any one segment with its leading dot, the order place included.
_ANY_SEGMENT = rf"(?:\[{_QUOTED}\]|{_ANY_ITEM}|\[\]|\.?{_KEY}+){_SEGMENT_ENDS}"
_PART_ENDS = r"(?=/|\Z)"


class PatternError(ValueError):
    """A pattern that cannot be understood; the message says why."""


def quote(text: str) -> str:
    r"""Return `text` in double quotes, with ``"`` and ``\`` escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def child(parent: str, key: str) -> str:
    """Return the key path of mapping key `key` below `parent`."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{parent}[{quote(key)}]"
    return f"{parent}.{key}" if parent else key


def item(parent: str, field: str, value: str) -> str:
    """Return the key path of the list item whose `field` is `value`."""
    if not _PLAIN_ITEM.fullmatch(value):
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


def above(key: str) -> Iterator[str]:
    """Yield every place that covers `key`, from the document itself to the key.

    Where a quoted segment has a dot or a bracket in it, some of what is yielded is the
    key path of nothing: ask whether it is among places that there are.
    """
    yield ""
    for position, character in enumerate(key):
        if character in ".[" and position:
            yield key[:position]
    if key:
        yield key


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
                f"{named(key)} is not a key path: cannot read on at {named(key[position:])}; join "
                'keys with dots, quote one that has a dot or a space, `labels["example.com/x"]`, '
                "and call an item of a list by its name, `containers[name=web]`"
            )
        yield match[0].removeprefix(".")
        position = match.end()


def _stars(chunks: list[str], character: str) -> str:
    """Return the expression for `chunks` with any number of `character` between them.

    What stands between two stars is taken where it first fits, and never tried elsewhere:
    the star behind it makes good for any choice. So no pattern takes more than linear time.
    """
    first, *middle, last = chunks
    held = "".join(f"(?>{character}*?{chunk})" for chunk in middle if chunk)
    return f"{first}{held}{character}*{last}"


def _runs(parts: Iterable[str]) -> list[list[str]]:
    """Return the stretches of `parts` between those that are ``**``."""
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(part)
    return runs


def _literal(segment: str) -> str:
    return ("" if segment.startswith("[") else r"\.?") + re.escape(segment)


def _with_stars(text: str, character: str) -> tuple[str, str]:
    """Return the expressions for `text` as it is spelled without quotes, and with them."""
    chunks = text.split("*")
    plain = _stars([re.escape(chunk) for chunk in chunks], character)
    quoted = _stars([re.escape(quote(chunk)[1:-1]) for chunk in chunks], _IN_QUOTES)
    return plain, f'"{quoted}"'


def _segment_expression(segment: str) -> str:
    if "**" in segment and '"' not in segment:
        raise PatternError(
            f"{named(segment)}: `**` crosses keys only as a segment of its own, as in `**.replicas`"
        )
    if segment == "*":
        return _ANY_SEGMENT
    if segment == "[*]":
        expression = _ANY_ITEM
    elif segment.startswith('["'):
        # The canonical spelling, so that a needless quotation selects the same place.
        expression = _literal(child("", _unquote(segment[1:-1])))
    elif segment.startswith("[") and "=" in segment:
        expression = _item_expression(*segment[1:-1].split("=", 1))
    elif "*" in segment:
        plain, quoted = _with_stars(segment, _KEY)
        expression = rf"(?:\.?{plain}|\[{quoted}\])"
    else:
        expression = _literal(segment)
    return expression + _SEGMENT_ENDS


def _item_expression(field: str, value: str) -> str:
    if value.startswith('"'):
        return _literal(item("", field, _unquote(value)))
    if "*" not in value:
        return _literal(item("", field, value))
    plain, quoted = _with_stars(value, _ITEM)
    return rf"\[{re.escape(field)}=(?:{plain}|{quoted})\]"


@lru_cache(maxsize=4096)
def key_pattern(pattern: str) -> re.Pattern[str]:
    """Return the expression that fully matches the key paths which `pattern` covers.

    ``*`` is one segment (or part of one), ``**`` any number, ``[*]`` any item of a
    list; a star in quotes is a star; a pattern covers what is below it. Raises
    `PatternError`.
    """
    if not pattern:
        raise PatternError("an empty key pattern selects nothing; leave `keys` out for whole files")
    first, *others = ("".join(map(_segment_expression, run)) for run in _runs(segments(pattern)))
    # Each run is taken where it first fits, as in `_stars`: `**` makes good for any choice.
    held = "".join(f"(?>(?:{_ANY_SEGMENT})*?{run})" for run in others if run)
    return re.compile(f"{first}{held}.*", re.DOTALL)


@lru_cache(maxsize=4096)
def path_pattern(pattern: str) -> re.Pattern[str]:
    """Return the expression that fully matches the file paths which `pattern` covers.

    ``*`` and ``?`` stay inside a directory, ``**`` as a part of its own crosses them
    (``**/`` matches no directory too), ``[a-z]`` is a class; a pattern covers what is
    below it. Paths are relative to the repository's root. Raises `PatternError`.
    """
    if not pattern:
        raise PatternError("an empty path pattern selects nothing; `**` selects every file")
    parts = pattern.rstrip("/").split("/")
    if pattern.startswith("/") or ".." in parts:
        raise PatternError(
            f"{named(pattern)} leaves the repository; paths are relative to its root, without `/` "
            "in front and without `..`"
        )
    if "" in parts or "." in parts:
        raise PatternError(
            f"{named(pattern)} has a part that no path has; leave out `./` and doubled slashes"
        )
    first, *others = (
        "/".join(_part_expression(part) + _PART_ENDS for part in run) for run in _runs(parts)
    )
    held = [f"(?>(?:[^/]+/)*?{run})" for run in others if run]
    body = "/".join([first, *held] if first else held)
    below = "/.+" if parts[-1] == "**" and body else "(?:/.*)?" if body else ".+"
    return re.compile(body + below, re.DOTALL)


def _part_expression(part: str) -> str:
    if "**" in part:
        raise PatternError(
            f"{named(part)}: `**` crosses directories only as a part of its own, as in "
            "`configs/**/*.yaml`"
        )
    if part.startswith("!") or re.search(r"\{[^}]*,.*\}", part):
        raise PatternError(
            f"{named(part)}: a pattern has no `!` and no `{{a,b}}`; write a rule for each"
        )
    chunks, position = [""], 0
    while position < len(part):
        character = part[position]
        if character == "*":
            chunks.append("")
        elif character == "?":
            chunks[-1] += "[^/]"
        elif character == "[":
            expression, position = _class(part, position)
            chunks[-1] += expression
        else:
            chunks[-1] += re.escape(character)
        position += 1
    return _stars(chunks, "[^/]") if len(chunks) > 1 else chunks[0]


def _class(part: str, start: int) -> tuple[str, int]:
    """Return the expression for the class that opens at `start`, and where it closes."""
    body_start = start + 1 + (part[start + 1 : start + 2] in {"!", "^"})
    end = part.find("]", body_start + 1)
    if end < 0:
        raise PatternError(
            f"{named(part)} opens a class with `[` and never closes it; for a bracket that is "
            "part of a name write `[[]`"
        )
    members = ""
    for first, last in re.findall(r"(.)(?:-(.))?", part[body_start:end], re.DOTALL):
        if last and last < first:
            raise PatternError(f"{named(part)} has the range `{first}-{last}` backwards")
        members += re.escape(first) + ("-" + re.escape(last) if last else "")
    negation = "^" if body_start > start + 1 else ""
    return f"(?!/)[{negation}{members}]", end


@lru_cache(maxsize=4096)
def text_pattern(pattern: str) -> re.Pattern[str]:
    """Return the expression that fully matches the texts which `pattern` covers.

    ``*`` is any number of characters, all others stand for themselves. Raises `PatternError`.
    """
    if not pattern:
        raise PatternError("an empty pattern matches nothing; write `*` for any text")
    chunks = [re.escape(chunk) for chunk in pattern.split("*")]
    body = _stars(chunks, r"[\s\S]") if len(chunks) > 1 else chunks[0]
    return re.compile(body, re.DOTALL)
