"""The pages of repositories, branches, files and deliveries."""

from urllib.parse import quote, urlencode

from bot.sandbox.errors import Denied, Missing
from bot.sandbox.markup import Html, fill, joined
from bot.sandbox.page_parts import View, badge, frame, row_list, shown
from bot.sandbox.page_places import tail
from bot.sandbox.pipelines import external_of, jobs_of, pipeline_status
from bot.sandbox.records import Hook
from bot.sandbox.records_gitlab import Pipeline

_LONGEST = 200_000


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
    list_of = row_list(rows, "There is no repository yet.")
    return "Repositories", fill("<h1>Repositories</h1>{rows}", rows=list_of)


def repository(view: View) -> tuple[str, Html]:
    """Show the branches of a repository."""
    git, rows = view.world.git(view.repo), []
    for ref in sorted(view.repo.refs):
        if not ref.startswith("refs/heads/"):
            continue
        name, found = ref.removeprefix("refs/heads/"), git.commit(view.repo.refs[ref])
        row = fill(
            '<a href="{root}{tree}{path}"><strong>{name}</strong></a>{mark} '
            '<a class="soft" href="{root}{commit}{sha}"><code>{short}</code></a> {subject} '
            '<span class="soft">by {author}</span>',
            root=view.root,
            tree=tail(view.ways, "branch"),
            commit=tail(view.ways, "commit"),
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
    return view.world.full_name(view.repo), frame(
        view, joined([row_list(rows, "There is no branch yet."), clone])
    )


def branch(view: View) -> tuple[str, Html]:
    """Show the files at a branch, and a form to propose its changes."""
    name = view.params["branch"]
    sha, git = view.world.head(view.repo, name), view.world.git(view.repo)
    files = [entry for entry in git.tree(sha, recursive=True) if entry.type == "blob"]
    rows = [
        fill(
            '<a href="{root}{blob}?{query}"><code>{path}</code></a> '
            '<span class="soft">{size} bytes</span>',
            root=view.root,
            blob=tail(view.ways, "file"),
            query=urlencode({"branch": name, "path": shown(entry.path)}),
            path=shown(entry.path),
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
        "<button>Open a {noun}</button></p></form>",
        root=view.root,
        name=name,
        noun=view.ways.pull,
        options=options,
    )
    head = fill("<h2>{name}</h2>", name=name)
    return name, frame(view, joined([head, row_list(rows, "No files."), _new_file(view), form]))


def _new_file(view: View) -> Html:
    return fill(
        '<form action="{root}{blob}"><input type="hidden" name="branch" value="{branch}">'
        '<p><input class="short" name="path" placeholder="path of a new file" required> '
        "<button>Write it</button></p></form>",
        root=view.root,
        blob=tail(view.ways, "file"),
        branch=view.params["branch"],
    )


def file(view: View) -> tuple[str, Html]:
    """Show a file with a form to edit it."""
    name, path = view.query.get("branch", ""), view.query.get("path", "")
    git = view.world.git(view.repo)
    entry = git.entry(view.world.head(view.repo, name), path)
    content = git.blob(entry.sha) if entry and entry.type == "blob" else b""
    if b"\0" in content or len(content) > _LONGEST:
        raise Denied("This file is binary or too long to be edited here.")
    form = fill(
        '<h2><a href="{root}{place}{tree}">{name}</a> / {path}</h2>'
        '<form method="post" action="{root}/do/edit">'
        '<input type="hidden" name="branch" value="{name}">'
        '<input type="hidden" name="path" value="{path}">'
        '<p><textarea name="content" rows="24" spellcheck="false">\n{content}</textarea></p>'
        '<p><input name="message" placeholder="What does this change? (Edit {path})"></p>'
        '<p><button class="main">Commit to {name} as {me}</button></p></form>',
        root=view.root,
        place=tail(view.ways, "branch"),
        tree=quote(name),
        name=name,
        path=path,
        content=content.decode(errors="replace"),
        me=view.me.login if view.me else "nobody",
    )
    return path, frame(view, form)


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
                '<input type="hidden" name="back" value="{back}">'
                '<button name="delivery" value="{id}">Send again</button></form></div>',
                event=one.event,
                action=one.action or "",
                status=one.status or one.state,
                code=one.status_code or "",
                at=one.delivered_at,
                again=", sent again" if one.redelivery else "",
                root=view.root,
                back=tail(view.ways, "hooks"),
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
    return "Webhooks", frame(view, joined(parts) or Html('<p class="soft">No webhook.</p>'))


def pipeline(view: View) -> tuple[str, Html]:
    """Show a pipeline and its jobs."""
    found = view.world.store.get(Pipeline, int(view.params["pipeline"]), view.repo.id)
    if found is None:
        raise Missing("There is no such pipeline.")
    rows = [
        fill("{state} <strong>{name}</strong>", state=badge(job.status), name=job.name)
        for job in jobs_of(view.world, found)
    ]
    rows += [
        fill(
            "{state} <strong>{name}</strong> from outside", state=badge(one.state), name=one.context
        )
        for one in external_of(view.world, found)
    ]
    head = fill(
        "<h2>Pipeline {id} {state}</h2><p>{ref} at <code>{sha}</code></p>",
        id=found.id,
        state=badge(pipeline_status(view.world, found)),
        ref=found.ref,
        sha=found.sha[:10],
    )
    return f"Pipeline {found.id}", frame(view, joined([head, row_list(rows, "No jobs.")]))
