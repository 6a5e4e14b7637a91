"""What all of the sandbox's pages share: who looks at what, frames, cards and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bot.sandbox.errors import Missing
from bot.sandbox.groups import find_path
from bot.sandbox.markup import Html, fill, joined
from bot.sandbox.page_places import tail
from bot.sandbox.pulls import conversation, issues, pulls
from bot.sandbox.records import Account, Issue, Pull, Repository
from bot.sandbox.ways import Ways
from bot.sandbox.world import World


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
        path = self.params.get("path") or f"{self.params['owner']}/{self.params['name']}"
        found = find_path(self.world, path)
        if found is None or not self.world.may(found, self.me, "read"):
            who = self.me.login if self.me else "nobody"
            raise Missing(f"There is no such repository, or {who} may not see it.")
        return found

    @property
    def root(self) -> str:
        """Return the address of the repository's page."""
        return "/" + quote(self.world.full_name(self.repo))

    @property
    def ways(self) -> Ways:
        """Return the forge's habits and nouns."""
        return self.world.ways

    def about(self, *, is_pull: bool) -> Issue:
        """Return the issue or the pull request's half of the address; raises Missing."""
        for found in issues(self.world, self.repo):
            if found.is_pull == is_pull and self._named(found):
                return found
        raise Missing("Not Found")

    def _named(self, about: Issue) -> bool:
        if "iid" in self.params:
            return about.iid == int(self.params["iid"])
        return about.number == int(self.params["number"])

    def login(self, key: int) -> str:
        """Return somebody's login."""
        return self.world.account(key).login


def frame(view: View, content: Html) -> Html:
    """Return a repository's page: its name, its tabs, its content."""
    root, name = view.root, view.world.full_name(view.repo)
    open_pulls = [p for p in pulls(view.world, view.repo) if _is_open(view, p)]
    return fill(
        '<h1><a href="{root}">{name}</a></h1><nav><a href="{root}">Branches</a>'
        '<a href="{root}{pulls}">{nouns} ({count})</a><a href="{root}{issues}">Issues</a>'
        '<a href="{root}{hooks}">Webhooks</a></nav>{content}',
        root=root,
        name=name,
        nouns=f"{view.ways.pull.capitalize()}s",
        pulls=tail(view.ways, "pulls"),
        issues=tail(view.ways, "issues"),
        hooks=tail(view.ways, "hooks"),
        count=len(open_pulls),
        content=content,
    )


def _is_open(view: View, asked: Pull) -> bool:
    return conversation(view.world, asked).state == "open"


def card(head: object, body: Html, anchor: str = "") -> Html:
    """Return a box with a head, to be linked to by its anchor."""
    return fill(
        '<section class="card"{anchor}><div class="head">{head}</div>'
        '<div class="body">{body}</div></section>',
        head=head,
        body=body,
        anchor=fill(' id="{name}"', name=anchor) if anchor else "",
    )


def row_list(rows: Sequence[Html], empty: str) -> Html:
    """Return rows in a box, or the sentence that says that there are none."""
    if not rows:
        return fill('<p class="soft">{empty}</p>', empty=empty)
    inside = joined(fill('<div class="row">{row}</div>', row=row) for row in rows)
    return fill('<section class="card">{inside}</section>', inside=inside)


def badge(state: str) -> Html:
    """Return a state as a coloured word."""
    return fill('<span class="badge {state}">{state}</span>', state=state)


def shown(path: str) -> str:
    """Return a path as text, with question marks for bytes that are none."""
    return path.encode(errors="replace").decode()
