"""What the buttons on the pages do; each says where to go next and what to tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.sandbox.controls import Controls
from bot.sandbox.errors import Denied, Invalid
from bot.sandbox.gitlab_acting import merge_as, note_as, review_as
from bot.sandbox.merge import may_land, merge_pull
from bot.sandbox.page_places import about_tail, tail
from bot.sandbox.pulls import (
    close_pull,
    comment,
    conversation,
    edit_issue,
    issue,
    open_pull,
    pull,
    reopen_pull,
    review,
)
from bot.sandbox.records import Account, Hook, Pull, Repository
from bot.sandbox.world import World

Went = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Deed:
    """A button that was pressed: where, by whom, with which fields."""

    world: World
    controls: Controls
    repo: Repository
    me: Account
    form: Mapping[str, str]

    def field(self, name: str) -> str:
        """Return a field; raises Invalid where it is empty."""
        value = self.form.get(name, "").strip()
        if not value:
            raise Invalid(f"{name} is empty")
        return value

    def number(self) -> int:
        """Return the number of the pull request or issue."""
        value = self.field("number")
        if not value.isdigit():
            raise Invalid(f"{value!r} is no number")
        return int(value)

    def pull(self) -> Pull:
        """Return the pull request that the button is on."""
        return pull(self.world, self.repo, self.number())

    def require(self, role: str) -> None:
        """Raise Denied below a role, and for whatever would change an archived repository."""
        if self.repo.archived:
            raise Denied("the repository is archived and so read-only")
        if not self.world.may(self.repo, self.me, role):
            raise Denied(f"{self.me.login} needs {role} access for that")

    @property
    def on_gitlab(self) -> bool:
        """Say whether the server goes by GitLab's habits."""
        return self.world.ways.forge == "gitlab"

    def back(self, number: int) -> str:
        """Return the end of the address of a pull request or an issue."""
        return about_tail(self.world.ways, issue(self.world, self.repo, number))

    def full_name(self) -> str:
        """Return `owner/name`."""
        return self.world.full_name(self.repo)


def _comment(deed: Deed) -> Went:
    number = deed.number()
    if deed.on_gitlab:
        deed.require("guest")
        kept = note_as(deed.world, deed.repo, deed.me, number, deed.field("body"))
        said = "" if kept else "GitLab took that for a quick action, and keeps no note of it."
        return deed.back(number), said
    deed.require("read")
    comment(deed.world, deed.repo, deed.me, number, deed.field("body"))
    return deed.back(number), ""


def _review(deed: Deed) -> Went:
    asked = deed.pull()
    deed.require("read")
    event, body = deed.field("event"), deed.form.get("body", "")
    if deed.on_gitlab:
        review_as(deed.world, deed.repo, deed.me, asked, event, body)
    else:
        review(deed.world, deed.repo, deed.me, asked, event=event, body=body)
    return deed.back(asked.number), ""


def _merge(deed: Deed) -> Went:
    deed.require("write")
    asked = deed.pull()
    method = deed.field("method")
    if deed.on_gitlab:
        squash = method == "squash"
        sha = merge_as(deed.world, deed.repo, deed.me, asked, squash=squash)
    else:
        sha = merge_pull(deed.world, deed.repo, asked, deed.me, method=method, sha=asked.head_sha)
    return deed.back(asked.number), f"Merged as {sha[:12]}."


def _close(deed: Deed) -> Went:
    about = issue(deed.world, deed.repo, deed.number())
    if about.author_id != deed.me.id:
        deed.require("triage")
    is_open = about.state == "open"
    if not about.is_pull:
        state = "closed" if is_open else "open"
        reason = "completed" if is_open else "reopened"
        edit_issue(deed.world, deed.repo, deed.me, about, state=state, state_reason=reason)
        return deed.back(about.number), ""
    asked = deed.pull()
    if conversation(deed.world, asked).state == "open":
        close_pull(deed.world, deed.repo, asked, deed.me)
    else:
        reopen_pull(deed.world, deed.repo, asked, deed.me)
    return deed.back(asked.number), ""


def _check(deed: Deed) -> Went:
    """Set a status as CI would: whoever plays here plays CI too."""
    name, state = deed.field("context"), deed.field("state")
    ref, back = deed.field("ref"), deed.form.get("back", "")
    description = "Set by hand in the sandbox"
    deed.controls.set_status(deed.full_name(), ref, name, state, description)
    return back, f"{name} is now {state}."


def _edit(deed: Deed) -> Went:
    deed.require("write")
    branch, path = deed.field("branch"), deed.field("path")
    # Browsers send a form's lines with CR LF.
    content = deed.form.get("content", "").replace("\r\n", "\n")
    head = deed.repo.refs.get(f"refs/heads/{branch}", "")
    refused = may_land(deed.world, deed.repo, deed.me, branch, head)
    if refused:
        raise Denied(refused)
    message = deed.form.get("message", "").strip() or f"Edit {path}"
    login = deed.me.login
    sha = deed.controls.commit(deed.full_name(), branch, {path: content}, login, message)
    return tail(deed.world.ways, "branch", branch), f"Committed {sha[:12]} to {branch} as {login}."


def _open(deed: Deed) -> Went:
    deed.require("write" if deed.on_gitlab else "read")
    made = open_pull(
        deed.world,
        deed.repo,
        deed.me,
        title=deed.field("title"),
        body=deed.form.get("body", ""),
        base_ref=deed.field("base"),
        head_repo=deed.repo,
        head_ref=deed.field("head"),
    )
    return deed.back(made.number), ""


def _redeliver(deed: Deed) -> Went:
    deed.require("admin")
    value = deed.field("delivery")
    old = deed.world.store.delivery(int(value) if value.isdigit() else 0)
    hooks = {hook.id for hook in deed.world.store.all(Hook, deed.repo.id)}
    if old is None or old.hook_id not in hooks:
        raise Invalid("there is no such delivery here")
    deed.controls.redeliver(old.id)
    return tail(deed.world.ways, "hooks"), "Sent again."


ACTIONS: Mapping[str, Callable[[Deed], Went]] = {
    "comment": _comment,
    "review": _review,
    "merge": _merge,
    "close": _close,
    "check": _check,
    "edit": _edit,
    "open": _open,
    "redeliver": _redeliver,
}
