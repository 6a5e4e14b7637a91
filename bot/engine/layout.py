"""A text without its kept values: what remains to compare is comments and layout."""

from collections.abc import Iterator

from bot.engine import toml_text
from bot.engine.keep import KeptKeys
from bot.engine.nodes import Node, identities
from bot.engine.values import Text, format_of
from config.patterns import child, item

_MASK = "\0kept"


def mask(path: str, text: Text, kept: KeptKeys) -> str:
    """Return `text` with each kept value, to the end of its line, replaced by a mark."""
    reader = format_of(path)
    characters = text.characters
    if kept and reader is toml_text:
        characters = toml_text.masked(characters, kept, _MASK)
    elif kept and reader is not None:
        spans = sorted(
            (node.start, node.end)
            for segment, root in reader.addressed(reader.parse(characters))
            for key, node in leaves(root, segment)
            if node.start >= 0 and key in kept
        )
        for start, end in reversed(spans):
            # A block scalar ends where the next line begins.
            last = end - 1 if end > start else end
            line_end = characters.find("\n", last)
            rest = characters[line_end:] if line_end >= 0 else ""
            characters = characters[:start] + _MASK + rest
    return ("\ufeff" if text.marked else "") + characters


def with_remarks(path: str, text: str, other: str, kept: KeptKeys) -> str:
    """Return `text` with the comments that stand behind its kept values in `other`."""
    theirs = _remarks(path, other, kept)
    for key, (start, end) in sorted(_remarks(path, text, kept).items(), key=lambda r: -r[1][0]):
        if key in theirs:
            text = text[:start] + other[slice(*theirs[key])] + text[end:]
    return text


def _remarks(path: str, text: str, kept: KeptKeys) -> dict[str, tuple[int, int]]:
    """Return where the rest of the line stands behind each kept value that nothing else follows."""
    reader = format_of(path)
    if reader is None or not kept:
        return {}
    found = {}
    for segment, root in reader.addressed(reader.parse(text)):
        for key, node in leaves(root, segment):
            if node.start < 0 or key not in kept or "\n" in text[node.start : node.end]:
                continue
            line = text[node.end :].partition("\n")[0].removesuffix("\r")
            if line.lstrip()[:1] in ("", "#"):
                found[key] = (node.end, node.end + len(line))
    return found


def leaves(node: Node, key: str) -> Iterator[tuple[str, Node]]:
    """Yield the places of a document in its own text, by key path, as `nodes.flatten` names them.

    What stands elsewhere, behind an alias or a merge, is not entered.
    """
    if node.tag or node.alias or node.value is not None:
        yield key, node
    elif node.pairs:
        for pair in node.pairs:
            if not pair.merged:
                yield from leaves(pair.node, child(key, pair.key))
    elif (known := identities(node)) is not None:
        name, found = known
        for element, identity in zip(node.items or (), found, strict=True):
            yield from leaves(element, item(key, name, identity))
    else:
        yield key, node
