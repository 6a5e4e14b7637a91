"""What the pages show: repositories, branches, files, pull requests, issues, deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from bot.sandbox.checks import latest_statuses, verdicts
from bot.sandbox.errors import Denied, Missing
from bot.sandbox.git import FileChange
from bot.sandbox.markup import Html, diff, fill, joined, markdown
from bot.sandbox.merge import blocked_by, merge_state
from bot.sandbox.pulls import conversation, issue, issues, pull, pulls, reviews
from bot.sandbox.records import Account, Comment, Hook, Issue, Pull, Repository
from bot.sandbox.world import World

_SHOWN = 200_000
_METHODS = {"merge": "Merge", "squash": "Squash and merge", "rebase": "Rebase and merge"}
_STATES = {
    "clean": "Ready to merge.",
    "dirty": "Conflicts with its base.",
    "draft": "A draft.",
    "behind": "Behind its base.",
    "unstable": "Could be merged, but not every check has passed.",
    "blocked": "Blocked.",
}


@dataclass(frozen=True, slots=True)
class View:
    """One look at a page: who looks, and what its address says."""

    world: World
    me: Account | None
    params: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def repo(self) -> Repository:
        """Return the repository of the address; raises Missing where one may not see it."""
        found = self.world.find_repository(self.params["owner"], self.params["name"])
        if found is None or not self.world.may(found, self.me, "read"):
            who = self.me.login if self.me else "nobody"
            raise Missing(f"There is no such repository, or {who} may not see it.")
        return found

    @property
    def root(self) -> str:
        """Return the address of the repository's page."""
        return "/" + quote(self.world.full_name(self.repo))

    def login(self, key: int) -> str:
        """Return somebody's login."""
        return self.world.account(key).login


def _frame(view: View, content: Html) -> Html:
    root, name = view.root, view.world.full_name(view.repo)
    open_pulls = [p for p in pulls(view.world, view.repo) if _is_open(view, p)]
    return fill(
        '<h1><a href="{root}">{name}</a></h1><nav><a href="{root}">Branches</a>'
        '<a href="{root}/pulls">Pull requests ({count})</a><a href="{root}/issues">Issues</a>'
        '<a href="{root}/hooks">Webhooks</a></nav>{content}',
        root=root,
        name=name,
        count=len(open_pulls),
        content=content,
    )


def _is_open(view: View, asked: Pull) -> bool:
    return conversation(view.world, asked).state == "open"


def _card(head: object, body: Html) -> Html:
    return fill(
        '<section class="card"><div class="head">{head}</div><div class="body">{body}</div>'
        "</section>",
        head=head,
        body=body,
    )


def _rows(rows: Sequence[Html], empty: str) -> Html:
    if not rows:
        return fill('<p class="soft">{empty}</p>', empty=empty)
    inside = joined(fill('<div class="row">{row}</div>', row=row) for row in rows)
    return fill('<section class="card">{inside}</section>', inside=inside)


def _badge(state: str) -> Html:
    return fill('<span class="badge {state}">{state}</span>', state=state)


def repositories(view: View) -> tuple[str, Html]:
    """Show the repositories that one may see."""
    seen = [r for r in view.world.repositories() if view.world.may(r, view.me, "read")]
    rows = [
        fill(
            '<a href="/{path}"><strong>{name}</strong></a> '
            '<span class="soft">{kind}, {count} branches</span>',
            path=quote(view.world.full_name(repo)),
            name=view.world.full_name(repo),
            kind="private" if repo.private else "public",
            count=sum(ref.startswith("refs/heads/") for ref in repo.refs),
        )
        for repo in seen
    ]
    list_of = _rows(rows, "There is no repository yet.")
    return "Repositories", fill("<h1>Repositories</h1>{rows}", rows=list_of)


def repository(view: View) -> tuple[str, Html]:
    """Show the branches of a repository."""
    git, rows = view.world.git(view.repo), []
    for ref in sorted(view.repo.refs):
        if not ref.startswith("refs/heads/"):
            continue
        name, found = ref.removeprefix("refs/heads/"), git.commit(view.repo.refs[ref])
        row = fill(
            '<a href="{root}/tree/{path}"><strong>{name}</strong></a>{mark} '
            '<a class="soft" href="{root}/commit/{sha}"><code>{short}</code></a> {subject} '
            '<span class="soft">by {author}</span>',
            root=view.root,
            path=quote(name),
            name=name,
            mark=Html(' <span class="label">protected</span>')
            if view.world.protection(view.repo, name)
            else "",
            sha=found.sha,
            short=found.sha[:10],
            subject=found.message.partition("\n")[0],
            author=found.author.name,
        )
        rows.append(row)
    clone = fill(
        '<p class="soft">Clone with <code>git clone {url}</code> and a token as the password.</p>',
        url=f"http://<this address>{view.root}.git",
    )
    return view.world.full_name(view.repo), _frame(
        view, joined([_rows(rows, "There is no branch yet."), clone])
    )


def branch(view: View) -> tuple[str, Html]:
    """Show the files at a branch, and a form to open a pull request from it."""
    name = view.params["branch"]
    sha, git = view.world.head(view.repo, name), view.world.git(view.repo)
    files = [entry for entry in git.tree(sha, recursive=True) if entry.type == "blob"]
    rows = [
        fill(
            '<a href="{root}/blob?{query}"><code>{path}</code></a> '
            '<span class="soft">{size} bytes</span>',
            root=view.root,
            query=urlencode({"branch": name, "path": _shown(entry.path)}),
            path=_shown(entry.path),
            size=entry.size or 0,
        )
        for entry in files
    ]
    heads = sorted(ref for ref in view.repo.refs if ref.startswith("refs/heads/"))
    names = [ref.removeprefix("refs/heads/") for ref in heads]
    options = joined(fill("<option>{n}</option>", n=n) for n in names if n != name)
    form = fill(
        '<form method="post" action="{root}/do/open"><input type="hidden" name="head" '
        'value="{name}"><p>Into <select name="base">{options}</select> '
        '<input class="short" name="title" placeholder="Title" required> '
        "<button>Open a pull request</button></p></form>",
        root=view.root,
        name=name,
        options=options,
    )
    head = fill("<h2>{name}</h2>", name=name)
    return name, _frame(view, joined([head, _rows(rows, "No files."), _new_file(view), form]))


def _new_file(view: View) -> Html:
    return fill(
        '<form action="{root}/blob"><input type="hidden" name="branch" value="{branch}">'
        '<p><input class="short" name="path" placeholder="path of a new file" required> '
        "<button>Write it</button></p></form>",
        root=view.root,
        branch=view.params["branch"],
    )


def _shown(path: str) -> str:
    return path.encode(errors="replace").decode()


def file(view: View) -> tuple[str, Html]:
    """Show a file with a form to edit it."""
    name, path = view.query.get("branch", ""), view.query.get("path", "")
    git = view.world.git(view.repo)
    entry = git.entry(view.world.head(view.repo, name), path)
    content = git.blob(entry.sha) if entry and entry.type == "blob" else b""
    if b"\0" in content or len(content) > _SHOWN:
        raise Denied("This file is binary or too long to be edited here.")
    form = fill(
        '<h2><a href="{root}/tree/{tree}">{name}</a> / {path}</h2>'
        '<form method="post" action="{root}/do/edit">'
        '<input type="hidden" name="branch" value="{name}">'
        '<input type="hidden" name="path" value="{path}">'
        '<p><textarea name="content" rows="24" spellcheck="false">\n{content}</textarea></p>'
        '<p><input name="message" placeholder="What does this change? (Edit {path})"></p>'
        '<p><button class="main">Commit to {name} as {me}</button></p></form>',
        root=view.root,
        tree=quote(name),
        name=name,
        path=path,
        content=content.decode(errors="replace"),
        me=view.me.login if view.me else "nobody",
    )
    return path, _frame(view, form)


def _line(view: View, about: Issue, state: str, path: str, more: str) -> Html:
    labels = joined(fill(' <span class="label">{name}</span>', name=n) for n in about.labels)
    return fill(
        '{badge} <a href="{root}{path}"><strong>{title}</strong></a>{labels} '
        '<span class="soft">#{number} by {who}{more}</span>',
        badge=_badge(state),
        root=view.root,
        path=path,
        title=about.title,
        labels=labels,
        number=about.number,
        who=view.login(about.author_id),
        more=more,
    )


def pull_list(view: View) -> tuple[str, Html]:
    """Show all pull requests, the newest first."""
    rows = []
    for asked in reversed(pulls(view.world, view.repo)):
        about = conversation(view.world, asked)
        more = f", {asked.head_ref} into {asked.base_ref}"
        rows.append(_line(view, about, _state(view, asked), f"/pull/{asked.number}", more))
    return "Pull requests", _frame(view, _rows(rows, "There is no pull request yet."))


def _state(view: View, asked: Pull) -> str:
    return "merged" if asked.merged_at else conversation(view.world, asked).state


def issue_list(view: View) -> tuple[str, Html]:
    """Show all issues, the newest first."""
    found = [one for one in issues(view.world, view.repo) if not one.is_pull]
    rows = [_line(view, one, one.state, f"/issues/{one.number}", "") for one in reversed(found)]
    return "Issues", _frame(view, _rows(rows, "There is no issue yet."))


def issue_page(view: View) -> tuple[str, Html]:
    """Show an issue and what was said on it."""
    about = issue(view.world, view.repo, int(view.params["number"]))
    head = _title(about, about.state)
    parts = [head, *_said(view, about), _comment_form(view, about)]
    return f"{about.title} #{about.number}", _frame(view, joined(parts))


def _title(about: Issue, state: str) -> Html:
    return fill(
        '<h1>{title} <span class="soft">#{number}</span></h1><p>{badge}</p>',
        title=about.title,
        number=about.number,
        badge=_badge(state),
    )


def _said(view: View, about: Issue) -> list[Html]:
    first = _card(
        f"{view.login(about.author_id)} at {about.created_at}",
        markdown(about.body) if about.body else Html('<p class="soft">No description.</p>'),
    )
    told = [
        (c.created_at, c.id, f"{view.login(c.author_id)} at {c.created_at}", c.body)
        for c in view.world.store.all(Comment, view.repo.id)
        if c.number == about.number
    ]
    told += [
        (
            r.submitted_at or "",
            r.id,
            f"{view.login(r.author_id)} {r.state.lower().replace('_', ' ')} {r.commit_sha[:10]}",
            r.body,
        )
        for r in reviews(view.world, view.repo, about.number)
        if r.submitted_at
    ]
    return [first, *(_card(head, markdown(body)) for _, _, head, body in sorted(told))]


def _comment_form(view: View, about: Issue) -> Html:
    word = "Close" if about.state == "open" else "Reopen"
    return fill(
        '<form method="post" action="{root}/do/comment">'
        '<input type="hidden" name="number" value="{number}">'
        '<input type="hidden" name="back" value="{back}">'
        '<p><textarea name="body" rows="4" placeholder="Leave a comment as {me}"></textarea></p>'
        '<p><button class="main">Comment</button> '
        '<button formaction="{root}/do/close">{word}</button></p></form>',
        root=view.root,
        number=about.number,
        back=f"/{'pull' if about.is_pull else 'issues'}/{about.number}",
        me=view.me.login if view.me else "nobody",
        word=word,
    )


def pull_page(view: View) -> tuple[str, Html]:
    """Show a pull request: body, conversation, checks, buttons, difference."""
    asked = pull(view.world, view.repo, int(view.params["number"]))
    about, git = conversation(view.world, asked), view.world.git(view.repo)
    where = fill(
        '<p class="soft"><code>{head}</code> into <code>{base}</code>, at '
        '<a href="{root}/commit/{sha}"><code>{short}</code></a></p>',
        head=asked.head_ref,
        base=asked.base_ref,
        root=view.root,
        sha=asked.head_sha,
        short=asked.head_sha[:10],
    )
    start = git.merge_base(asked.base_sha, asked.head_sha) or asked.base_sha
    changes = git.changes(start, asked.head_sha)
    parts = [
        _title(about, _state(view, asked)),
        where,
        *_said(view, about),
        _checks(view, asked.head_sha, f"/pull/{asked.number}"),
        *([_decide(view, asked)] if about.state == "open" else []),
        _comment_form(view, about),
        fill("<h2>{count} changed files</h2>", count=len(changes)),
        _difference(changes),
    ]
    return f"{about.title} #{about.number}", _frame(view, joined(parts))


def _difference(changes: Sequence[FileChange]) -> Html:
    return joined(
        fill(
            '<section class="card"><div class="head"><code>{name}</code> '
            '<span class="soft">{status}, +{plus} -{minus}</span></div>{patch}</section>',
            name=_shown(f"{c.old_path} → {c.path}" if c.old_path else c.path),
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
            badge=_badge(state),
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
    state = merge_state(view.world, view.repo, asked)
    why = blocked_by(view.world, view.repo, asked.base_ref, asked.head_sha, asked.number)
    options = joined(
        fill('<option value="{m}">{words}</option>', m=m, words=_METHODS[m])
        for m in view.repo.merge_methods
    )
    return _card(
        f"{_STATES.get(state, state)} {why or ''}",
        fill(
            '<form method="post" class="inline" action="{root}/do/review">'
            '<input type="hidden" name="number" value="{number}">'
            '<input type="hidden" name="back" value="{back}">'
            '<button name="event" value="APPROVE">Approve as {me}</button></form>'
            '<form method="post" class="inline" action="{root}/do/merge">'
            '<input type="hidden" name="number" value="{number}">'
            '<input type="hidden" name="back" value="{back}">'
            '<select name="method">{options}</select> '
            '<button class="main">Merge as {me}</button></form>',
            root=view.root,
            number=asked.number,
            back=f"/pull/{asked.number}",
            me=view.me.login if view.me else "nobody",
            options=options,
        ),
    )


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
    parts = [head, _checks(view, sha, f"/commit/{sha}"), _difference(changes)]
    return sha[:10], _frame(view, joined(parts))


def hooks(view: View) -> tuple[str, Html]:
    """Show a repository's webhooks and their newest deliveries, for those who own it."""
    if not view.world.may(view.repo, view.me, "admin"):
        raise Denied("Webhooks are shown to those with admin access: act as somebody who has it.")
    parts = []
    for hook in view.world.store.all(Hook, view.repo.id):
        rows = [
            fill(
                '<div class="row"><strong>{event}</strong> {action} '
                '<span class="soft">{status} {code}, {at}{again}</span> '
                '<form method="post" class="inline" action="{root}/do/redeliver">'
                '<input type="hidden" name="back" value="/hooks">'
                '<button name="delivery" value="{id}">Send again</button></form></div>',
                event=one.event,
                action=one.action or "",
                status=one.status or one.state,
                code=one.status_code or "",
                at=one.delivered_at,
                again=", sent again" if one.redelivery else "",
                root=view.root,
                id=one.id,
            )
            for one in view.world.store.deliveries(hook.id)[:50]
        ]
        parts.append(
            fill(
                '<section class="card"><div class="head"><code>{url}</code> for {events}</div>'
                "{rows}</section>",
                url=hook.url,
                events=", ".join(hook.events),
                rows=joined(rows),
            )
        )
    return "Webhooks", _frame(view, joined(parts) or Html('<p class="soft">No webhook.</p>'))
