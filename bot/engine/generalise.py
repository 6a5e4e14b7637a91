"""The fewest path patterns that stand for many paths, as a person would write them."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import PurePosixPath

from config.patterns import path_pattern

# Asked with a pattern and the paths that it covers.
Accept = Callable[[str, Sequence[str]], bool]


def path_rules(
    paths: Sequence[str], universe: Sequence[str], accept: Accept
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the fewest accepted patterns for `paths`, each with those it stands for."""
    if len(paths) == 1:
        if accept(paths[0], paths):
            yield literal(paths[0]), paths
        return
    for pattern in _candidates(paths):
        expression = path_pattern(pattern)
        covered = [path for path in universe if expression.fullmatch(path)]
        if set(paths) <= set(covered) and accept(pattern, covered):
            yield pattern, paths
            return
    groups: dict[str, list[str]] = defaultdict(list)
    shared = len(_shared_directory(paths))
    for path in paths:
        directories = path.split("/")[:-1]
        # Files that share their directory have nothing left to be told apart by but their names.
        groups["/".join(directories[: shared + 1]) if len(directories) > shared else path].append(
            path
        )
    for group in groups.values():
        yield from path_rules(group, universe, accept)


def _candidates(paths: Sequence[str]) -> Iterator[str]:
    """Yield patterns for several paths, the ones that a person would write first."""
    if not paths:
        return
    split = [path.split("/") for path in paths]
    shared = _shared_directory(paths)
    prefix = "".join(literal(part) + "/" for part in shared)
    names = {parts[-1] for parts in split}
    depths = {len(parts) - len(shared) for parts in split}
    endings = {PurePosixPath(name).suffix for name in names}
    ending = literal(endings.pop()) if len(endings) == 1 else ""
    if depths == {1}:
        yield f"{prefix}*{ending}"
        start, end = _shared_start(names), _shared_start({name[::-1] for name in names})[::-1]
        if start or len(end) > len(ending):
            yield f"{prefix}{literal(start)}*{literal(end)}"
        return
    if len(names) == 1:
        name = literal(names.pop())
        if depths == {2}:
            yield f"{prefix}*/{name}"
        yield f"{prefix}**/{name}"
    else:
        if depths == {2}:
            yield f"{prefix}*/*{ending}"
        yield f"{prefix}**/*{ending}"


def _shared_directory(paths: Sequence[str]) -> list[str]:
    shared: list[str] = []
    for parts in zip(*(path.split("/")[:-1] for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return shared


def _shared_start(texts: Collection[str]) -> str:
    first, last = min(texts), max(texts)
    length = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), len(first))  # noqa: B905 -- the longer one's rest is no shared start
    return first[:length]


def literal(path: str) -> str:
    """Return the pattern that means a path, or a part of one, to the letter."""
    escaped = re.sub(r"[\[*?]", r"[\g<0>]", path)
    # Two that patterns refuse, and know no spelling for.
    return re.sub(r"(^|/)!|\{", r"\1?", escaped)
