"""The contract's world on GitLab: the adapter, through real python-gitlab, against the sandbox."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Literal

from gitlab.v4.objects import Project

from bot.decisions.facts import CheckState, MergeMethod, Permission, ReviewState
from bot.forges.gitlab import GitLab
from bot.sandbox.pulls import conversation, pulls
from tests.forges.sandboxed import Sandboxed, founded
from tests.forges.world import ME
from tests.sandbox.conftest import Forge as Sandbox

# The sandbox's own words for a Guest and a Reporter.
_ROLES: dict[Permission, str] = {"read": "guest", "triage": "read"}
_WORDS: dict[CheckState, str] = {"failure": "failed", "cancelled": "canceled"}
_METHODS = {"merge": "merge", "squash": "merge", "rebase": "ff"}


class SandboxedGitLab(Sandboxed[GitLab]):
    """The sandbox as GitLab, with everybody in it, and the bot's adapter."""

    routes: ClassVar = {
        "open_pull_request": ("POST", "/merge_requests$"),
        "pull_request": ("GET", r"/merge_requests/\d+$"),
        "merge": ("PUT", "/merge$"),
        "comment": ("POST", "/notes$"),
        "write_issue": ("POST", "/issues$"),
        "checks": ("GET", "/statuses$"),
    }
    limited: ClassVar = {"status": 429, "message": "Retry later"}

    def __init__(self, sandbox: Sandbox, forge: GitLab) -> None:
        super().__init__(sandbox, forge)
        self._pipelines: dict[str, int] = {}

    def _as(self, person: str) -> Project:
        self.sandbox.token(person)
        return self.sandbox.project(person, self.repository)

    def push(self, branch: str, text: str) -> str:
        if branch not in {one.name for one in self._as("alice").branches.list(get_all=True)}:
            self._as("alice").branches.create({"branch": branch, "ref": "main"})
        files = {f"{branch}.txt": text}
        sha: str = self.do.commit(self.repository, branch, files, "bob", f"Change {branch}")
        return sha

    def write_by_address(self, address: str) -> str:
        given = {
            "branch": "development",
            "commit_message": "Change",
            "author_email": address,
            "author_name": "Stranger",
            "actions": [{"action": "create", "file_path": "strange.txt", "content": "x\n"}],
        }
        return str(self._as("alice").commits.create(given).id)

    def noreply(self, login: str) -> str:
        return f"4711-{login}@users.noreply.127.0.0.1"

    def delete(self, branch: str) -> None:
        self._as("alice").branches.delete(branch)

    def rename(self, name: str) -> None:
        project = self._as("alice")
        project.path = name
        project.save()
        self.repository = f"acme/{name}"

    def person(self, login: str, permission: Permission, *, by_team: bool = False) -> None:
        self.do.add_user(login)
        role = _ROLES.get(permission, permission)
        if by_team:
            self.do.set_group_role("acme", login, role)
        elif role != "none":
            self.do.set_role(self.repository, login, role)

    def team(self, team: str, members: dict[str, Literal["active", "pending"]]) -> None:
        for login in members:
            self.do.add_user(login)
        # Whoever asks to be let in stands in no list until somebody does it.
        active = [login for login, state in members.items() if state == "active"]
        self.do.add_group(team, dict.fromkeys(active, "write"))

    def report(
        self, sha: str, name: str, state: CheckState, *, by: Literal["status", "run"]
    ) -> None:
        word = _WORDS.get(state, state)
        if by == "status":
            self.do.set_status(self.repository, sha, name, state)
        elif sha in self._pipelines:
            self.do.set_pipeline(self.repository, self._pipelines[sha], "running", {name: word})
        else:
            made = self.do.run_pipeline(self.repository, "main", "running", {name: word}, sha)
            self._pipelines[sha] = made

    def review(self, number: int, person: str, state: ReviewState) -> None:
        words = {"approved": "APPROVE", "changes_requested": "REQUEST_CHANGES"}
        word = words.get(state, "COMMENT")
        self.do.review(self.repository, self._counted(number), person, word, "So.")

    def _counted(self, number: int) -> int:
        """Return the number that the sandbox itself has for a merge request."""
        controls = self.sandbox.sandbox.controls

        def find() -> int:
            world, repo = controls._world, controls._repo(self.repository)
            return next(
                asked.number
                for asked in pulls(world, repo)
                if conversation(world, asked).iid == number
            )

        return self.sandbox.call(find)

    def tick(self) -> None:
        store = self.sandbox.sandbox.controls._world.store
        before = store.clock

        def later() -> None:
            store.clock = lambda: before() + 2

        self.sandbox.call(later)

    def say(self, number: int, person: str, body: str, *, on_pull_request: bool = True) -> int:
        said = self._place(person, number, on_pull_request=on_pull_request).notes.create(
            {"body": body}
        )
        return int(said.id)

    def _place(self, person: str, number: int, *, on_pull_request: bool) -> Any:
        project = self._as(person)
        place = project.mergerequests if on_pull_request else project.issues
        return place.get(number, lazy=True)

    def acknowledgements(
        self, number: int, comment: int, *, on_pull_request: bool = True
    ) -> Sequence[str]:
        place = self._place("alice", number, on_pull_request=on_pull_request)
        awards = place.notes.get(comment, lazy=True).awardemojis.list(get_all=True)
        return [one.user["username"] for one in awards if one.name == "eyes"]

    def comments(self, number: int, *, on_pull_request: bool = True) -> Sequence[tuple[str, str]]:
        place = self._place("alice", number, on_pull_request=on_pull_request)
        notes = place.notes.list(get_all=True, order_by="created_at", sort="asc")
        return [(note.author["username"], note.body) for note in notes if not note.system]

    def open_as(self, person: str, head: str, base: str) -> int:
        given = {"source_branch": head, "target_branch": base, "title": "Mine"}
        return int(self._as(person).mergerequests.create(given).iid)

    def open_from_fork(self, person: str, head: str) -> int:
        fork = self._as(person).forks.create({})
        mine = self.sandbox.project(person, fork.path_with_namespace)
        mine.branches.create({"branch": head, "ref": "main"})
        self.do.commit(mine.path_with_namespace, head, {"fork.txt": "x\n"}, person, "Change")
        given = {
            "source_branch": head,
            "target_branch": "main",
            "title": "Fork",
            "target_project_id": self._as(person).id,
        }
        return int(mine.mergerequests.create(given).iid)

    def open_issue_as(self, person: str, body: str) -> int:
        made = self._as(person).issues.create({"title": "Issue", "description": body})
        return int(made.iid)

    def close_as(self, person: str, number: int) -> None:
        self._edit(person, number, "close")

    def reopen_as(self, person: str, number: int) -> None:
        self._edit(person, number, "reopen")

    def _edit(self, person: str, number: int, event: str) -> None:
        asked = self._as(person).mergerequests.get(number)
        asked.state_event = event
        asked.save()

    def merge_as(self, person: str, number: int) -> str:
        asked = self._as(person).mergerequests.get(number)
        done = asked.merge()
        return str(done["merge_commit_sha"] or done["sha"])

    def allow(self, *methods: MergeMethod) -> None:
        (method,) = {_METHODS[one] for one in methods}
        option = "always" if methods == ("squash",) else "default_off"
        self.do.set_up(self.repository, merge_method=method, squash_option=option)
        self.forge.repository(*self.repository.split("/"))

    def refuses_rebase(self) -> str:
        self.allow("merge")
        return "the project's merge method is “Merge commit”, and `merge: rebase` needs"

    def block(self, number: int) -> str:
        assert number
        self.do.set_up(self.repository, only_allow_merge_if_pipeline_succeeds=True)
        return "its pipeline has to succeed"

    def message(self, sha: str) -> str:
        return str(self._as("alice").commits.get(sha).message).rstrip("\n")

    def head(self, branch: str) -> str:
        return str(self._as("alice").branches.get(branch).commit["id"])


def sandboxed_gitlab(root: Path) -> AbstractContextManager[Sandbox]:
    """Run a sandbox with acme/config on main and development."""
    return founded(root, "gitlab", lambda sandbox: sandbox.do.add_group("acme", {"alice": "admin"}))


def by_token(sandbox: Sandbox, token: str | None = None, **options: Any) -> GitLab:
    """Return the adapter as the bot's account."""
    return GitLab(token or sandbox.token(ME), url=sandbox.sandbox.url, **options)
