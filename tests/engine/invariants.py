"""What every plan must keep to, checked with parsers and lookups of its own."""

import json
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import yaml

from bot.engine.candidate import Candidate, Plan
from bot.engine.drift import Comparison, FileComparison
from bot.engine.keep import Keep
from bot.model import Change, Entry, State
from tests.engine.memory_git import MemoryGit
from tests.engine.merge3 import merge3

Leaves = dict[str, Any]


def leaves(path: str, text: str) -> Leaves:
    """Return what a configuration file says, by key path; types tell values apart."""
    text = text.removeprefix("\ufeff")
    if path.endswith(".json"):
        return dict(_walk(json.loads(text), ""))
    if path.endswith(".toml"):
        return dict(_walk(tomllib.loads(text), ""))
    documents = [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one is not None]
    if len(documents) == 1:
        return dict(_walk(documents[0], ""))
    found: Leaves = {}
    for at, one in enumerate(documents):
        name = one.get("metadata", {}).get("name")
        found |= _walk(one, f"{one['kind']}/{name}" if name else str(at))
    return found


def _walk(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, below in value.items():
            plain = f"{key}.{name}" if key else name
            yield from _walk(below, f'{key}["{name}"]' if set(str(name)) & set(". ") else plain)
    elif field := _identity(value):
        for one in value:
            yield from _walk(one, f"{key}[{field}={one[field]}]")
        yield f"{key}[]", [one[field] for one in value]
    else:
        yield key, (type(value).__name__, value)


def _identity(value: Any) -> str:
    """Return what the items of a list are known by here."""
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return next((name for name in ("name", "id") if all(name in one for one in value)), "")
    return ""


def check_plan(git: MemoryGit, keep: Keep, plan: Plan) -> None:
    """Check that every pending value arrives and nothing else changes."""
    changes = plan.promoted + plan.held_back
    assert sorted(c.place for c in changes) == sorted(c.place for c in plan.comparison.changes)
    if any(change.state is State.CONFLICT for change in changes):
        assert plan.candidate is None
        return
    assert (plan.candidate is not None) == bool(plan.promoted)
    if plan.candidate is None:
        return
    check_candidate(git, keep, plan, plan.candidate)


def check_candidate(git: MemoryGit, keep: Keep, plan: Plan, made: Candidate) -> None:
    """Compare the target before and after, value by value."""
    comparison = plan.comparison
    written = MemoryGit(git.objects)
    written.write(made.objects)
    before, theirs = git.files(comparison.target.sha), git.files(comparison.source.sha)
    after = written.files(made.sha)
    promoted: dict[str, list[Change]] = {}
    for change in plan.promoted:
        promoted.setdefault(change.path, []).append(change)
    files = {file.path: file for file in comparison.files}
    for path in {*before, *after, *theirs}:
        if path not in promoted:
            assert after.get(path) == before.get(path), path
        else:
            check_file(written, files[path], after.get(path), promoted[path])
            check_kept(written, keep, path, before.get(path), after.get(path))


def check_file(
    git: MemoryGit, file: FileComparison, after: Entry | None, promoted: list[Change]
) -> None:
    """Check one file that the promotion changes."""
    if not file.keyed:
        check_whole(git, file, after, promoted)
        return
    assert file.source
    assert file.target
    assert after
    moves_mode = any(change.key is None for change in promoted)
    assert after.mode == (file.source if moves_mode else file.target).mode, file.path
    theirs, before, found = (
        leaves(file.path, git.read([entry.oid])[0].decode())
        for entry in (file.source, file.target, after)
    )
    keys = {change.key for change in promoted}
    expected = {key: value for key, value in before.items() if key not in keys}
    expected |= {key: value for key, value in theirs.items() if key in keys}
    values, wanted = _without_orders(found), _without_orders(expected)
    assert values == wanted, file.path
    for key in found.keys() - values.keys():
        leader = theirs if key in keys else before
        common = [name for name in leader.get(key, []) if name in found[key]]
        assert [name for name in found[key] if name in common] == common, (file.path, key)


def check_whole(
    git: MemoryGit, file: FileComparison, after: Entry | None, promoted: list[Change]
) -> None:
    """Check one file that counts as a whole."""
    if after == file.source:
        return
    assert after
    assert file.source
    if file.target and file.base:
        # Both sides changed lines of their own: git's merge of them.
        versions = git.read([file.base.oid, file.target.oid, file.source.oid])
        assert git.read([after.oid]) == [merge3(*versions)]
        assert after.mode == file.target.mode
        return
    # A renamed file carries the target's kept values along, and says so.
    assert "carries the target's" in promoted[0].note
    text, theirs = (git.read([entry.oid])[0].decode() for entry in (after, file.source))
    was, now = leaves(file.path, theirs), leaves(file.path, text)
    differing = {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
    assert all(key in promoted[0].note for key in differing)


def check_kept(
    git: MemoryGit, keep: Keep, path: str, before: Entry | None, after: Entry | None
) -> None:
    """Check that a file which stays a file keeps the values that are the target's own."""
    if before and after and before.is_file and after.is_file:
        own = keep.keys(path)
        was, now = (_readable(path, git.read([entry.oid])[0]) for entry in (before, after))
        changed = {key for key, value in was.items() if now.get(key) != value}
        assert not any(key in own for key in changed), (path, changed)


def _readable(path: str, data: bytes) -> Leaves:
    """Return what a file says; nothing where it cannot be read."""
    if path.endswith((".yaml", ".json", ".toml")):
        with suppress(ValueError, yaml.YAMLError):
            return leaves(path, data.decode())
    return {}


def _without_orders(found: Leaves) -> Leaves:
    return {key: value for key, value in found.items() if not key.endswith("[]")}


def places(comparison: Comparison, *states: State) -> set[tuple[str, str | None]]:
    """Return the places that are in one of the states."""
    return {(c.path, c.key) for c in comparison.changes if c.state in states}


def check_afterwards(before: Plan, after: Plan) -> None:
    """Check that a landed promotion left nothing to promote, and what it held back as it was."""
    assert after.candidate is None
    assert after.state in (State.IN_SYNC, State.DRIFT)
    check_held_back(before, after)


def check_held_back(before: Plan, after: Plan) -> None:
    """Check that what drifts afterwards drifted before, comments and layout aside."""
    drift = places(before.comparison, State.DRIFT)
    layout = {(change.path, None) for change in before.comparison.changes}
    new = places_of(after.comparison, read_anew(before))
    assert places(after.comparison, State.DRIFT) <= drift | layout | new
    kept = {path for path, _ in places(before.comparison, State.KEPT)}
    carried = {change.path for change in before.promoted if "carries" in change.note}
    new_kept = {path for path, _ in places(after.comparison, State.KEPT) - new}
    assert new_kept <= kept | carried


def read_anew(before: Plan) -> set[str]:
    """Return the paths that counted as one value before: afterwards they may parse."""
    return {file.path for file in before.comparison.files if not file.keyed}


def places_of(comparison: Comparison, paths: set[str]) -> set[tuple[str, str | None]]:
    """Return the places of some paths that differ."""
    return {(c.path, c.key) for c in comparison.changes if c.path in paths}
