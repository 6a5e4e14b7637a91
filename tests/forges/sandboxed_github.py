"""The contract's world on GitHub: the adapter, through real PyGithub, against the sandbox."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Literal

from github import InputGitAuthor

from bot.decisions.facts import CheckState, MergeMethod, Permission, ReviewState
from bot.forges.github import GitHub
from tests.forges.sandboxed import Sandboxed, founded
from tests.forges.world import ME
from tests.sandbox.conftest import Forge as Sandbox

_ROLES: dict[ReviewState, str] = {
    "approved": "APPROVE",
    "changes_requested": "REQUEST_CHANGES",
    "commented": "COMMENT",
}


class SandboxedGitHub(Sandboxed[GitHub]):
    """The sandbox as GitHub, with everybody in it, and the bot's adapter."""

    routes: ClassVar = {
        "open_pull_request": ("POST", "/pulls$"),
        "pull_request": ("GET", r"/pulls/\d+$"),
        "merge": ("PUT", "/merge$"),
        "comment": ("POST", "/comments$"),
        "write_issue": ("POST", "/issues$"),
        "checks": ("GET", "/check-runs$"),
    }
    limited: ClassVar = {"status": 403, "message": "Slow down"}

    def push(self, branch: str, text: str) -> str:
        refs = self.sandbox.repo("alice", self.repository)
        if branch not in {known.name for known in refs.get_branches()}:
            refs.create_git_ref(f"refs/heads/{branch}", self.head("main"))
        sha: str = self.do.commit(
            self.repository, branch, {f"{branch}.txt": text}, "bob", f"Change {branch}"
        )
        return sha

    def write_by_address(self, address: str) -> str:
        repo = self.sandbox.repo("alice", self.repository)
        parent = repo.get_git_commit(self.head("development"))
        who = InputGitAuthor("Stranger", address)
        made = repo.create_git_commit("Change", parent.tree, [parent], author=who)
        repo.get_git_ref("heads/development").edit(made.sha)
        return made.sha

    def noreply(self, login: str) -> str:
        return f"4711+{login}@users.noreply.127.0.0.1"

    def delete(self, branch: str) -> None:
        self.sandbox.repo("alice", self.repository).get_git_ref(f"heads/{branch}").delete()

    def rename(self, name: str) -> None:
        self.do.edit_repository(self.repository, "alice", name=name)
        self.repository = f"acme/{name}"

    def person(self, login: str, permission: Permission, *, by_team: bool = False) -> None:
        self.do.add_user(login)
        if by_team:
            self.do.set_team("acme", "people", {login: "active"})
            self.do.set_team_role(self.repository, "people", permission)
        else:
            self.do.set_role(self.repository, login, permission)

    def team(self, team: str, members: dict[str, Literal["active", "pending"]]) -> None:
        for login in [*members, ME]:
            self.do.add_user(login)
        organization, slug = team.split("/")
        # Whoever is in the organisation sees its teams.
        self.do.set_team(organization, "bots", {ME: "active"})
        self.do.set_team(organization, slug, members)

    def report(
        self, sha: str, name: str, state: CheckState, *, by: Literal["status", "run"]
    ) -> None:
        if by == "status":
            self.do.set_status(self.repository, sha, name, state)
        else:
            conclusion = None if state == "pending" else state
            self.do.set_check(self.repository, sha, name, conclusion)

    def review(self, number: int, person: str, state: ReviewState) -> None:
        self.do.review(self.repository, number, person, _ROLES[state], "So.")

    def tick(self) -> None:
        """Reviews name their commits here."""

    def say(self, number: int, person: str, body: str, *, on_pull_request: bool = True) -> int:
        del on_pull_request
        said: int = self.do.comment(self.repository, number, person, body)
        return said

    def acknowledgements(
        self, number: int, comment: int, *, on_pull_request: bool = True
    ) -> Sequence[str]:
        del number, on_pull_request
        repo = self.sandbox.repo("alice", self.repository)
        _, found = repo.requester.requestJsonAndCheck(
            "GET", f"{repo.url}/issues/comments/{comment}/reactions"
        )
        assert isinstance(found, list)
        return [one["user"]["login"] for one in found if one["content"] == "eyes"]

    def comments(self, number: int, *, on_pull_request: bool = True) -> Sequence[tuple[str, str]]:
        del on_pull_request
        found = self.sandbox.repo("alice", self.repository).get_issue(number).get_comments()
        return [(comment.user.login, comment.body) for comment in found]

    def open_as(self, person: str, head: str, base: str) -> int:
        repo = self.sandbox.repo(person, self.repository)
        return repo.create_pull(title="Mine", body="", head=head, base=base).number

    def open_from_fork(self, person: str, head: str) -> int:
        repo = self.sandbox.repo(person, self.repository)
        fork = repo.create_fork()
        fork.create_git_ref(f"refs/heads/{head}", self.head("main"))
        self.do.commit(fork.full_name, head, {"fork.txt": "x\n"}, person, "Change")
        return repo.create_pull(title="Fork", body="", head=f"{person}:{head}", base="main").number

    def open_issue_as(self, person: str, body: str) -> int:
        return self.sandbox.repo(person, self.repository).create_issue("Issue", body).number

    def close_as(self, person: str, number: int) -> None:
        self.sandbox.repo(person, self.repository).get_pull(number).edit(state="closed")

    def reopen_as(self, person: str, number: int) -> None:
        self.sandbox.repo(person, self.repository).get_pull(number).edit(state="open")

    def merge_as(self, person: str, number: int) -> str:
        sha: str = self.do.merge(self.repository, number, person)
        return sha

    def allow(self, *methods: MergeMethod) -> None:
        self.do.edit_repository(self.repository, "alice", merge_methods=methods)

    def refuses_rebase(self) -> str:
        self.allow("squash")
        return "Rebase merges are not allowed on this repository"

    def block(self, number: int) -> str:
        assert number
        self.do.protect(self.repository, "main", checks=["unit"])
        return 'Required status check "unit" is expected.'

    def message(self, sha: str) -> str:
        repo = self.sandbox.repo("alice", self.repository)
        return repo.get_commit(sha).commit.message.rstrip("\n")

    def head(self, branch: str) -> str:
        return self.sandbox.repo("alice", self.repository).get_branch(branch).commit.sha


def sandboxed_github(root: Path) -> AbstractContextManager[Sandbox]:
    """Run a sandbox with acme/config on main and development."""
    return founded(root, "github", lambda sandbox: sandbox.do.add_organization("acme", ["alice"]))


def by_token(sandbox: Sandbox, **options: Any) -> GitHub:
    """Return the adapter as the bot's account."""
    return GitHub.with_token(sandbox.token(ME), api_url=sandbox.sandbox.api_url, **options)
