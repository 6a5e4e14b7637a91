"""What may be set up of a GitLab: groups, levels, scoped tokens, pipelines, protected branches."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.sandbox import pipelines
from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.groups import add_group, find_path, move_group, transfer
from bot.sandbox.protecting import protect_branch
from bot.sandbox.pulls import conversation, pulls
from bot.sandbox.records import ROLES, Account, Repository
from bot.sandbox.records_gitlab import Pipeline
from bot.sandbox.world import World


class GitLabControls:
    """The half of the controls that only a GitLab has; roles are the records' own words.

    guest 10, planner 15, read 20 (Reporter), write 30 (Developer), maintain 40, admin 50 (Owner).
    """

    _world: World
    _add_hook: Callable[..., int]

    def add_group(
        self,
        path: str,
        members: Mapping[str, str] | None = None,
        private: bool = False,  # noqa: FBT001, FBT002 - a JSON argument by name
    ) -> int:
        """Make a group, inside others where the path says so; members map login to role."""
        for login in members or {}:
            self._account(login)
        return add_group(self._world, path, members, private=private).id

    def set_group_role(self, group: str, login: str, role: str) -> None:
        """Give somebody a role in a group and all that is in it; `none` takes it away."""
        found, account = self._account(group), self._account(login)
        if role not in ROLES:
            raise Invalid(f"{role!r} is no role: one of {', '.join(ROLES)}")
        self._world.set_org_member(found, account, role)

    def share(self, repo: str, group: str, role: str) -> None:
        """Give the members of a group a role in a project."""
        found = self._repo(repo)
        self._account(group)
        self._world.store.put(replace(found, shares={**found.shares, group: role}))

    def add_scoped_token(
        self,
        login: str,
        scopes: Sequence[str],
        expires_in: float | None = None,
        name: str = "sandbox",
    ) -> str:
        """Return a personal access token with these scopes."""
        return self._token(self._account(login), scopes, expires_in, name)

    def add_project_token(
        self, repo: str, role: str, scopes: Sequence[str], expires_in: float | None = None
    ) -> str:
        """Return a project access token: a bot of its own, a member with this role."""
        found = self._repo(repo)
        login = f"project_{found.id}_bot_{secrets.token_hex(16)}"
        bot = self._world.add_account(login, "Bot", name="sandbox")
        self._world.set_role(found, login, role)
        return self._token(bot, scopes, expires_in, "sandbox")

    def add_group_token(
        self, group: str, role: str, scopes: Sequence[str], expires_in: float | None = None
    ) -> str:
        """Return a group access token: a bot of its own, a member of the group."""
        found = self._account(group)
        login = f"group_{found.id}_bot_{secrets.token_hex(16)}"
        bot = self._world.add_account(login, "Bot", name="sandbox")
        self._world.set_org_member(found, bot, role)
        return self._token(bot, scopes, expires_in, "sandbox")

    def _token(
        self, account: Account, scopes: Sequence[str], expires_in: float | None, name: str
    ) -> str:
        expires = None if expires_in is None else self._world.store.clock() + expires_in
        secret = f"glpat-{secrets.token_urlsafe(15)}"
        made = self._world.add_token(
            account, scopes=tuple(scopes), expires=expires, secret=secret, name=name
        )
        return made.secret

    def add_system_hook(
        self, url: str, secret: str | None = None, events: Sequence[str] = ("*",)
    ) -> int:
        """Add a hook of the server's own, which hears of every project; returns its id."""
        return self._add_hook(url=url, secret=secret, events=tuple(events), dialect="gitlab")

    def set_instance_admin(self, login: str) -> None:
        """Let somebody do everything everywhere, as GitLab's administrators may."""
        self._world.store.put(replace(self._account(login), instance_admin=True))

    def protect_branch(
        self,
        repo: str,
        name: str,
        push: Sequence[str] = ("maintain",),
        merge: Sequence[str] = ("maintain",),
        force: bool = False,  # noqa: FBT001, FBT002 - a JSON argument by name
    ) -> None:
        """Protect a branch or a pattern of them; push and merge list roles, `none` for nobody."""
        protect_branch(self._world, self._repo(repo), name, push, merge, force=force)

    def set_up(self, repo: str, **settings: Any) -> None:
        """Change a project's settings, by GitLab's names for them (`merge_method`, …)."""
        found = self._repo(repo)
        self._world.store.put(replace(found, settings={**found.settings, **settings}))

    def show_merge_status(self, repo: str, number: int, status: str | None) -> None:
        """Say another `detailed_merge_status` than the true one (`checking`, …); None ends it."""
        found = self._repo(repo)
        for asked in pulls(self._world, found):
            if conversation(self._world, asked).iid == number:
                self._world.store.put(replace(asked, shown_status=status))
                return
        raise Missing(f"there is no merge request {number} in {repo}")

    def transfer(self, repo: str, to: str) -> None:
        """Move a project to another group; its old path redirects."""
        transfer(self._world, self._repo(repo), self._account(to))

    def move_group(self, group: str, path: str) -> None:
        """Rename a group or put it elsewhere, with all that is in it."""
        move_group(self._world, self._account(group), path)

    def run_pipeline(
        self,
        repo: str,
        ref: str,
        status: str,
        jobs: Mapping[str, str] | None = None,
        sha: str | None = None,
        source: str = "push",
        login: str = "sandbox-ci",
    ) -> int:
        """Add a pipeline for a branch's head (or `sha`); jobs map name to state. Returns its id."""
        found = self._repo(repo)
        actor = self._ci_account(login)
        at = sha or self._world.head(found, ref)
        listed = [(name, state, False) for name, state in (jobs or {}).items()]
        made = pipelines.run(self._world, found, actor, at, ref, status, listed, source)
        return made.id

    def set_pipeline(
        self,
        repo: str,
        pipeline: int,
        status: str,
        jobs: Mapping[str, str] | None = None,
        login: str = "sandbox-ci",
    ) -> None:
        """Move a pipeline, and its jobs, to other states."""
        found = self._repo(repo)
        known = self._world.store.get(Pipeline, pipeline, found.id)
        if known is None:
            raise Missing(f"there is no pipeline {pipeline}")
        actor = self._ci_account(login)
        for name, state in (jobs or {}).items():
            pipelines.set_job(self._world, known, actor, name, state)
        pipelines.set_pipeline(self._world, known, actor, status)

    def _ci_account(self, login: str) -> Account:
        if login == "sandbox-ci":
            return self._world.add_account(login, "Bot")
        return self._account(login)

    def _account(self, login: str) -> Account:
        found = self._world.find_account(login)
        if found is None:
            raise Missing(f"there is no user {login}: add it first")
        return found

    def _repo(self, full_name: str) -> Repository:
        found = find_path(self._world, full_name)
        if found is None:
            raise Invalid(f"there is no repository {full_name}: add it first")
        return found
