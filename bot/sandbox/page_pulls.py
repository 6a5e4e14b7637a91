"""The pages of pull requests, issues and commits."""

from collections.abc import Sequence

from bot.sandbox.checks import latest_statuses, verdicts
from bot.sandbox.errors import Missing
from bot.sandbox.git import FileChange
from bot.sandbox.gitlab_merging import approvers, may_squash, merge_status
from bot.sandbox.gitlab_shapes import setting
from bot.sandbox.groups import membership
from bot.sandbox.markup import Html, diff, fill, joined, markdown
from bot.sandbox.merge import blocked_by, merge_state
from bot.sandbox.page_parts import View, badge, card, frame, row_list, shown
from bot.sandbox.page_places import about_tail, spoken, tail
from bot.sandbox.pulls import conversation, issues, pull, pulls, reviews
from bot.sandbox.records import Comment, Issue, Pull, Reaction, at_least

_METHODS = {"merge": "Merge", "squash": "Squash and merge", "rebase": "Rebase and merge"}
_STATES = {
    "clean": "Ready to merge.",
    "dirty": "Conflicts with its base.",
    "draft": "A draft.",
    "behind": "Behind its base.",
    "unstable": "Could be merged, but not every check has passed.",
    "blocked": "Blocked.",
}


_LAB_METHODS = {
    "merge": "Merge",
    "rebase_merge": "Merge (semi-linear)",
    "ff": "Fast-forward",
}
_LAB_STATES = {
    "mergeable": "Ready to merge.",
    "conflict": "Conflicts with its target.",
    "draft_status": "A draft.",
    "need_rebase": "Behind its target: rebase it first.",
    "commits_status": "Nothing to merge.",
    "not_approved": "Approvals are missing.",
    "requested_changes": "Changes were requested.",
    "ci_must_pass": "The pipeline must succeed.",
    "ci_still_running": "The pipeline is running.",
}


def _line(view: View, about: Issue, state: str, path: str, more: str) -> Html:
    labels = joined(fill(' <span class="label">{name}</span>', name=n) for n in about.labels)
    return fill(
        '{badge} <a href="{root}{path}"><strong>{title}</strong></a>{labels} '
        '<span class="soft">{number} by {who}{more}</span>',
        badge=badge(state),
        root=view.root,
        path=path,
        title=about.title,
        labels=labels,
        number=spoken(view.ways, about),
        who=view.login(about.author_id),
        more=more,
    )


def pull_list(view: View) -> tuple[str, Html]:
    """Show all pull requests, the newest first."""
    rows = []
    for asked in reversed(pulls(view.world, view.repo)):
        about = conversation(view.world, asked)
        more = f", {asked.head_ref} into {asked.base_ref}"
        where = about_tail(view.ways, about)
        rows.append(_line(view, about, _state(view, asked), where, more))
    noun = view.ways.pull
    return f"{noun.capitalize()}s", frame(view, row_list(rows, f"There is no {noun} yet."))


def _state(view: View, asked: Pull) -> str:
    return "merged" if asked.merged_at else conversation(view.world, asked).state


def issue_list(view: View) -> tuple[str, Html]:
    """Show all issues, the newest first."""
    found = [one for one in issues(view.world, view.repo) if not one.is_pull]
    found = [one for one in found if not one.confidential or _may_see(view, one)]
    rows = [_line(view, one, one.state, about_tail(view.ways, one), "") for one in reversed(found)]
    return "Issues", frame(view, row_list(rows, "There is no issue yet."))


def issue_page(view: View) -> tuple[str, Html]:
    """Show an issue and what was said on it."""
    about = view.about(is_pull=False)
    if about.confidential and not _may_see(view, about):
        raise Missing("Not Found")
    head = _title(view, about, about.state)
    parts = [head, *_said(view, about), _comment_form(view, about)]
    return f"{about.title} {spoken(view.ways, about)}", frame(view, joined(parts))


def _may_see(view: View, about: Issue) -> bool:
    if view.me is None:
        return False
    held = membership(view.world, view.repo, view.me)
    return view.me.id == about.author_id or at_least(held, "planner")


def _title(view: View, about: Issue, state: str) -> Html:
    labels = joined(fill(' <span class="label">{name}</span>', name=n) for n in about.labels)
    return fill(
        '<h1>{title} <span class="soft">{number}</span></h1><p>{badge}{labels}</p>',
        labels=labels,
        title=about.title,
        number=spoken(view.ways, about),
        badge=badge(state),
    )


def _said(view: View, about: Issue) -> list[Html]:
    first = card(
        f"{view.login(about.author_id)} at {about.created_at}",
        markdown(about.body) if about.body else Html('<p class="soft">No description.</p>'),
    )
    told = [
        (
            c.created_at,
            c.id,
            f"issuecomment-{c.id}",
            f"{view.login(c.author_id)} at {c.created_at}{_seen_by(view, c)}",
            c.body,
        )
        for c in view.world.store.all(Comment, view.repo.id)
        if c.number == about.number
    ]
    told += [
        (
            r.submitted_at or "",
            r.id,
            f"pullrequestreview-{r.id}",
            f"{view.login(r.author_id)} {r.state.lower().replace('_', ' ')} {r.commit_sha[:10]}",
            r.body,
        )
        for r in reviews(view.world, view.repo, about.number)
        if r.submitted_at
    ]
    spoken = (card(head, markdown(body), anchor) for _, _, anchor, head, body in sorted(told))
    return [first, *spoken]


def _seen_by(view: View, comment: Comment) -> str:
    """Return who has put eyes on a comment, as the forge shows its reaction."""
    given = view.world.store.all(Reaction, view.repo.id)
    subject = f"comment/{comment.id}"
    who = [view.login(r.author_id) for r in given if (r.subject, r.content) == (subject, "eyes")]
    return f" 👀 {', '.join(who)}" if who else ""


def _comment_form(view: View, about: Issue, *, merged: bool = False) -> Html:
    word = "Close" if about.state == "open" else "Reopen"
    other = fill('<button formaction="{root}/do/close">{word}</button>', root=view.root, word=word)
    return fill(
        '<form method="post" action="{root}/do/comment">'
        '<input type="hidden" name="number" value="{number}">'
        '<input type="hidden" name="back" value="{back}">'
        '<p><textarea name="body" rows="4" placeholder="Leave a comment as {me}"></textarea></p>'
        '<p><button class="main">Comment</button> '
        "{other}</p></form>",
        root=view.root,
        number=about.number,
        back=about_tail(view.ways, about),
        me=view.me.login if view.me else "nobody",
        # What was merged stays merged.
        other="" if merged else other,
    )


def pull_page(view: View) -> tuple[str, Html]:
    """Show a pull request: body, conversation, checks, buttons, difference."""
    about, git = view.about(is_pull=True), view.world.git(view.repo)
    asked = pull(view.world, view.repo, about.number)
    where = fill(
        '<p class="soft"><code>{head}</code> into <code>{base}</code>, at '
        '<a href="{root}{commit}{sha}"><code>{short}</code></a></p>',
        head=asked.head_ref,
        base=asked.base_ref,
        root=view.root,
        commit=tail(view.ways, "commit"),
        sha=asked.head_sha,
        short=asked.head_sha[:10],
    )
    start = git.merge_base(asked.base_sha, asked.head_sha) or asked.base_sha
    changes = git.changes(start, asked.head_sha)
    parts = [
        _title(view, about, _state(view, asked)),
        where,
        *_said(view, about),
        _checks(view, asked.head_sha, about_tail(view.ways, about)),
        *([_decide(view, asked)] if about.state == "open" else []),
        _comment_form(view, about, merged=asked.merged_at is not None),
        fill("<h2>Changed files: {count}</h2>", count=len(changes)),
        _difference(changes),
    ]
    return f"{about.title} {spoken(view.ways, about)}", frame(view, joined(parts))


def _difference(changes: Sequence[FileChange]) -> Html:
    return joined(
        fill(
            '<section class="card"><div class="head"><code>{name}</code> '
            '<span class="soft">{status}, +{plus} -{minus}</span></div>{patch}</section>',
            name=shown(f"{c.old_path} → {c.path}" if c.old_path else c.path),
            status=c.status,
            plus=c.additions,
            minus=c.deletions,
            patch=diff(c.patch),
        )
        for c in changes
    )


def _checks(view: View, sha: str, back: str) -> Html:
    told = {s.context: s.description for s in latest_statuses(view.world, view.repo, sha)}
    rows = [
        fill(
            '<div class="row">{badge} <strong>{name}</strong> <span class="soft">{said}</span> '
            "{buttons}</div>",
            badge=badge(state),
            name=name,
            said=told.get(name) or "",
            buttons=_check_form(view, sha, back, name),
        )
        for name, state in sorted(verdicts(view.world, view.repo, sha).items())
    ]
    other = fill('<div class="row">{form}</div>', form=_check_form(view, sha, back, None))
    return fill(
        '<section class="card"><div class="head">Checks</div>{rows}{other}</section>',
        rows=joined(rows),
        other=other,
    )


def _check_form(view: View, sha: str, back: str, name: str | None) -> Html:
    kind = "hidden" if name else "text"
    return fill(
        '<form method="post" class="inline" action="{root}/do/check">'
        '<input type="hidden" name="ref" value="{sha}">'
        '<input type="hidden" name="back" value="{back}">'
        '<input class="short" type="{kind}" name="context" value="{name}" placeholder="ci/test"'
        ' required> <button name="state" value="success">Pass</button> '
        '<button name="state" value="failure">Fail</button></form>',
        root=view.root,
        sha=sha,
        back=back,
        kind=kind,
        name=name or "",
    )


def _decide(view: View, asked: Pull) -> Html:
    about = conversation(view.world, asked)
    said, options = (
        _lab_choices(view, asked) if view.ways.forge == "gitlab" else _hub_choices(view, asked)
    )
    approving = view.me is not None and any(
        review.author_id == view.me.id for review in approvers(view.world, view.repo, asked)
    )
    takes_back = approving and view.ways.forge == "gitlab"
    return card(
        said,
        fill(
            '<form method="post" class="inline" action="{root}/do/review">'
            '<input type="hidden" name="number" value="{number}">'
            '<input type="hidden" name="back" value="{back}">'
            '<button name="event" value="{event}">{word} as {me}</button></form>'
            '<form method="post" class="inline" action="{root}/do/merge">'
            '<input type="hidden" name="number" value="{number}">'
            '<input type="hidden" name="back" value="{back}">'
            '<select name="method">{options}</select> '
            '<button class="main">Merge as {me}</button></form>',
            root=view.root,
            number=asked.number,
            back=about_tail(view.ways, about),
            event="UNAPPROVE" if takes_back else "APPROVE",
            word="Revoke approval" if takes_back else "Approve",
            me=view.me.login if view.me else "nobody",
            options=joined(
                fill('<option value="{m}">{words}</option>', m=m, words=words)
                for m, words in options.items()
            ),
        ),
    )


def _hub_choices(view: View, asked: Pull) -> tuple[str, dict[str, str]]:
    state = merge_state(view.world, view.repo, asked)
    why = blocked_by(view.world, view.repo, asked.base_ref, asked.head_sha, asked.number)
    methods = {method: _METHODS[method] for method in view.repo.merge_methods}
    return f"{_STATES.get(state, state)} {why or ''}", methods


def _lab_choices(view: View, asked: Pull) -> tuple[str, dict[str, str]]:
    status = merge_status(view.world, view.repo, asked)
    given = len(approvers(view.world, view.repo, asked))
    word = {1: "1 approval."}.get(given, f"{given} approvals.")
    squashing = {"squash": "Squash and merge"} if may_squash(view.repo) else {}
    choices = {"merge": _LAB_METHODS[str(setting(view.repo, "merge_method"))], **squashing}
    return f"{_LAB_STATES.get(status, status)} {word}", choices


def compare(view: View) -> tuple[str, Html]:
    """Show what one branch or commit has that another has not."""
    base_name, _, head_name = view.params["basehead"].partition("...")
    git = view.world.git(view.repo)
    base, head = (view.world.resolve(view.repo, name) for name in (base_name, head_name))
    commits = git.log(f"{base}..{head}")
    rows = [
        fill(
            '<a href="{root}{commit}{sha}"><code>{short}</code></a> {subject}',
            root=view.root,
            commit=tail(view.ways, "commit"),
            sha=found.sha,
            short=found.sha[:10],
            subject=found.message.partition("\n")[0],
        )
        for found in commits
    ]
    parts = [
        fill("<h2>{base} … {head}</h2>", base=base_name, head=head_name),
        row_list(rows, "No commits between them."),
        _difference(git.changes(git.merge_base(base, head) or base, head)),
    ]
    return f"{base_name}...{head_name}", frame(view, joined(parts))


def commit(view: View) -> tuple[str, Html]:
    """Show a commit: message, checks, difference to its first parent."""
    git, sha = view.world.git(view.repo), view.params["sha"]
    if git.type_of(sha) != "commit":
        raise Missing(f"There is no commit {sha}.")
    found = git.commit(sha)
    empty = git.write_tree(None, {})
    changes = git.changes(found.parents[0] if found.parents else empty, sha)
    head = fill(
        '<h2><code>{sha}</code></h2><p class="soft">{author}</p><pre>{message}</pre><br>',
        sha=sha,
        author=f"{found.author.name} <{found.author.email}>",
        message=found.message,
    )
    parts = [head, _checks(view, sha, tail(view.ways, "commit", sha)), _difference(changes)]
    return sha[:10], frame(view, joined(parts))
