"""Which files a tree has, by path patterns."""

from collections.abc import Iterator, Sequence

from bot.engine.trees import TreeReader, text_path
from config.patterns import path_pattern

_TREE = b"40000"
_WILD = frozenset("*?[")


def lacking(reader: TreeReader, root: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the patterns that no file of the tree `root` is selected by."""
    return tuple(
        pattern for pattern in patterns if next(selected(reader, root, pattern), None) is None
    )


def selected(reader: TreeReader, root: str, pattern: str) -> Iterator[str]:
    """Yield the paths of the tree `root` that a pattern selects; reads only what may hold one."""
    expression = path_pattern(pattern)
    literal = [part for part in pattern.split("/") if part]
    fixed = next((i for i, part in enumerate(literal) if _WILD & set(part)), len(literal))
    stack: list[tuple[str, str, int]] = [("", root, 0)]
    while stack:
        prefix, tree, depth = stack.pop()
        for name, (mode, raw) in reader.tree(tree).items():
            part = text_path(name)
            if depth < fixed and part != literal[depth]:
                continue
            path = prefix + part
            if mode == _TREE:
                stack.append((path + "/", raw.hex(), depth + 1))
            elif expression.fullmatch(path):
                yield path
