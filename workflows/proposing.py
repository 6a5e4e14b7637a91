"""Propose a change by a pull request of the bot's: a back-merge, a keep rule, a value put right."""

import logging
from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from bot.engine.candidate import Candidate, commit_of
from bot.engine.drift import CONFIGURATION
from bot.engine.trees import NewObjects, TreeReader, rewrite
from bot.engine.yaml_text import quoted
from bot.forges.forge import PullRequestInfo
from bot.model import Entry
from bot.repository import RepositoryError
from config.load import ConfigErrors, load
from config.schema import KeepRule
from workflows.sites import Site

_log = logging.getLogger(__name__)


class CannotWriteRule(Exception):
    """No rule can be put into the file as it is; the message is for whoever asked."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A commit, the branch of ours that it goes to, and what its pull request says."""

    branch: str
    base: str
    commit: Candidate
    title: str
    body: str


def propose(site: Site, proposal: Proposal, before: str | None = None) -> PullRequestInfo:
    """Push the commit and open its pull request; what is there already is adopted.

    `before` is where the branch was last, None for a new one.
    """
    site.git.write(proposal.commit.objects)
    new = proposal.commit.objects
    site.mirror.push(proposal.branch, proposal.commit.sha, before, new)
    return site.forge.open_pull_request(
        site.name, proposal.branch, proposal.base, proposal.title, proposal.body
    )


def sweep(site: Site, branch: str) -> None:
    """Delete the branch of a proposal that was merged; one that somebody uses again stays."""
    at = site.mirror.head(branch)
    if at is None:
        return
    found = site.forge.pull_requests(site.name, head=branch, state="all")
    if not found or found[0].state != "merged" or found[0].head_sha != at:
        return
    try:
        site.mirror.push(branch, None, at)
    except RepositoryError as error:
        _log.warning("%s: the branch %s could not be deleted: %s", site.name, branch, error)


def keep_commit(site: Site, path: str, key: str | None) -> Candidate | None:
    """Return a commit on the default branch with a keep rule; None where it is there already.

    Raises `CannotWriteRule`.
    """
    head = site.git.branch(site.info.default_branch)
    if head is None:
        raise CannotWriteRule("the default branch is gone")
    reader = TreeReader(site.git)
    root = reader.root(head)
    entry = reader.entry(root, CONFIGURATION)
    if entry is None:
        raise CannotWriteRule(f"there is no {CONFIGURATION}")
    (data,) = site.git.read([entry.oid])
    text = data.decode("utf-8-sig", "replace")
    written = with_rule(text, path, key)
    if written == text:
        return None
    new = NewObjects(len(head))
    blob = new.add("blob", written.encode())
    tree = rewrite(reader, root, {CONFIGURATION: Entry(entry.mode, blob)}, new)
    place = path if key is None else f"{path}:{key}"
    message = f"Keep {place}\n\nIt differs between the environments on purpose.\n"
    return commit_of(site.git, new, tree, (head,), message, of=[head])


def with_rule(text: str, path: str, key: str | None) -> str:
    """Return a configuration's text with one more keep rule, all else as it was.

    Raises `CannotWriteRule` where the result would not say exactly that.
    """
    try:
        before = load(text)
    except ConfigErrors as errors:
        raise CannotWriteRule(f"`{CONFIGURATION}` does not load: {errors.errors[0]}") from errors
    try:
        rule = KeepRule(path=_pattern(path), keys=() if key is None else (key,))
    except ValidationError as error:
        raise CannotWriteRule(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    if rule in before.keep:
        return text
    written = _inserted(text, rule)
    try:
        after = load(written)
    except ConfigErrors as errors:
        raise CannotWriteRule(_by_hand(rule)) from errors
    if after != before.model_copy(update={"keep": (*before.keep, rule)}):
        raise CannotWriteRule(_by_hand(rule))
    return written


def _pattern(path: str) -> str:
    """Return the path pattern that matches this one path."""
    if any(mark in path for mark in "*?["):
        raise CannotWriteRule("a path with a wildcard in its name has no rule of its own")
    return path


def _by_hand(rule: KeepRule) -> str:
    return f"I cannot write the rule into the file as it is; add `{_flow(rule)}` below `keep:`"


def _flow(rule: KeepRule) -> str:
    keys = f", keys: [{quoted(rule.keys[0])}]" if rule.keys else ""
    return f"{{path: {quoted(rule.path)}{keys}}}"


def _inserted(text: str, rule: KeepRule) -> str:
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    node = next((value for name, value in pairs if name.value == "keep"), None)
    if node is None:
        end = "" if text.endswith("\n") else "\n"
        return f"{text}{end}keep:\n  - {_flow(rule)}\n"
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise CannotWriteRule(_by_hand(rule))
    if node.flow_style:
        at = node.end_mark.index - 1
        return f"{text[:at]}, {_flow(rule)}{text[at:]}"
    # A block ends where the next thing begins, so its last line is its last scalar's.
    at = text.find("\n", _end(node.value[-1]))
    indent = " " * (node.start_mark.column)
    line = f"\n{indent}- {_flow(rule)}"
    return text + line + "\n" if at < 0 else text[:at] + line + text[at:]


def _end(node: yaml.Node) -> int:
    """Return where the last character of a node is written."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return max(node.start_mark.index, node.end_mark.index - 1)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)
