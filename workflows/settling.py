"""Settle a place that drifted or conflicts, by a pull request: keep it, undo it, choose a side."""

from bot.decisions import commands as c
from bot.engine.candidate import carry
from bot.engine.drift import compare
from bot.engine.trees import TreeReader
from bot.markdown import sentence
from bot.messages import proposals, replies
from bot.model import Head, State
from config.schema import Config
from webhook.events import Comment
from workflows.proposing import CannotWriteRule, Proposal, keep_commit, propose
from workflows.sites import Site
from workflows.watching import comparisons


def keep_place(site: Site, config: Config, comment: Comment, path: str, key: str | None) -> str:
    """Propose the rule that `/keep` asks for; return the answer."""
    reader = TreeReader(site.git)
    heads = [head for e in config.environments if (head := site.head(e)) is not None]
    if not any(reader.entry(reader.root(head.sha), path) for head in heads):
        return replies.no_file(path)
    try:
        commit = keep_commit(site, path, key)
    except CannotWriteRule as why:
        return sentence(str(why))
    if commit is None:
        return replies.kept_already(path, key)
    proposal = Proposal(
        branch=f"lockstep/keep/{commit.sha[:12]}",
        base=site.info.default_branch,
        commit=commit,
        title=proposals.keep_title(path, key),
        body=proposals.keep_body(comment.author, path, key, site.words),
    )
    return replies.proposed("The rule is", propose(site, proposal).number, site.words)


def settle_place(
    site: Site, config: Config, comment: Comment, command: c.Discard | c.Resolve
) -> str:
    """Bring one place from one side of a hop to the other, by a pull request; return the answer."""
    place, opened = (command.path, command.key), []
    for comparison in comparisons(site, config):
        wanted = State.DRIFT if isinstance(command, c.Discard) else State.CONFLICT
        if not any(
            (change.path, change.key) == place and change.state is wanted
            for change in comparison.changes
        ):
            continue
        from_, into = comparison.source, comparison.target
        if isinstance(command, c.Resolve) and command.side == "target":
            from_, into = into, from_
        number = _carried(site, comment, command, from_, into, place)
        if isinstance(number, str):
            return number
        opened.append(number)
    if not opened:
        return replies.no_difference(*place, site.words)
    return " ".join(replies.proposed("The value is", number, site.words) for number in opened)


def _carried(
    site: Site,
    comment: Comment,
    command: c.Discard | c.Resolve,
    from_: Head,
    into: Head,
    place: tuple[str, str | None],
) -> int | str:
    """Return the number of the pull request, or why there is none."""
    title = proposals.carry_title(from_.environment, into.environment, *place)
    comparison = compare(site.git, from_, into, site.keep)
    carried = carry(site.git, comparison, site.keep, {place}, f"{title}\n")
    if carried.commit is None:
        why = [change.note for change in carried.refused if change.note]
        return sentence("; ".join(why)) or replies.no_difference(*place, site.words)
    proposal = Proposal(
        branch=f"lockstep/{command.kind}/{into.environment}/{carried.commit.sha[:12]}",
        base=into.branch,
        commit=carried.commit,
        title=title,
        body=proposals.carry_body(
            comment.author,
            command.kind,
            carried.changes,
            from_.environment,
            into.environment,
            site.words,
        ),
    )
    return propose(site, proposal).number
