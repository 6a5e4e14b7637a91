"""What a test, a demo or a person at the sandbox's own API may set up and break.

Every public method of `Controls` is one call of `POST /_sandbox/NAME` with its arguments as a
JSON object; all of them run on the store's thread.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.sandbox import checks, github_actions, pulls
from bot.sandbox.controls_gitlab import GitLabControls
from bot.sandbox.errors import Denied, Missing
from bot.sandbox.faults import Fault, Faults, HookFault
from bot.sandbox.gitlab_acting import merge_as, note_as, review_as
from bot.sandbox.hooks import again, find_hook
from bot.sandbox.limits import Limits
from bot.sandbox.merge import merge_pull
from bot.sandbox.pushing import announce
from bot.sandbox.records import (
    Account,
    App,
    Hook,
    Installation,
    Protection,
    Repository,
    Token,
    WorkflowRun,
)
from bot.sandbox.world import World

CI = "sandbox-ci"
APP_EVENTS = (
    "check_run",
    "check_suite",
    "create",
    "delete",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "push",
    "repository",
    "status",
)
_CI_PERMISSIONS = {"checks": "write", "statuses": "write", "metadata": "read"}


class Controls(GitLabControls):
    """Sets up users, repositories and what goes wrong; `hold` stops and starts deliveries."""

    def __init__(
        self, world: World, faults: Faults, limits: Limits, hold: Callable[[bool], None]
    ) -> None:
        self._world = world
        self._faults = faults
        self._limits = limits
        self._hold = hold

    # People

    def add_user(self, login: str, name: str = "", email: str = "") -> dict[str, Any]:
        """Make a user; returns login, id and email."""
        return _shown(self._world.add_account(login, name=name, email=email))

    def add_token(
        self,
        login: str,
        permissions: Mapping[str, str] | None = None,
        repositories: Sequence[str] | None = None,
        expires_in: float | None = None,
        secret: str | None = None,
    ) -> str:
        """Return a new token's secret; without permissions it may all that its user may."""
        account = self._account(login)
        ids = None if repositories is None else tuple(self._repo(name).id for name in repositories)
        expires = None if expires_in is None else self._world.store.clock() + expires_in
        given = {} if secret is None else {"secret": secret}
        token = self._world.add_token(
            account, permissions=permissions, repository_ids=ids, expires=expires, **given
        )
        return token.secret

    def revoke_token(self, secret: str, revoked: bool = True) -> None:  # noqa: FBT001, FBT002 - a JSON argument by name
        """Make a token worthless, or give it back."""
        for token in self._world.store.all(Token):
            if token.secret == secret:
                self._world.store.put(replace(token, revoked=revoked))

    def add_organization(self, login: str, owners: Sequence[str] = ()) -> dict[str, Any]:
        """Make an organisation with its owners."""
        org = self._world.add_account(login, "Organization")
        for owner in owners:
            self._world.set_org_member(org, self._account(owner), "admin")
        return _shown(org)

    def set_team(self, org: str, slug: str, members: Mapping[str, str]) -> None:
        """Make a team or add to it; members map login to `active` or `pending`."""
        held = {self._account(login).login: ("member", state) for login, state in members.items()}
        self._world.set_team(self._account(org), slug, held)

    def set_role(self, repo: str, login: str, role: str) -> None:
        """Give a collaborator a role: none, read, triage, write, maintain or admin."""
        self._world.set_role(self._repo(repo), self._account(login).login, role)

    def set_team_role(self, repo: str, slug: str, role: str) -> None:
        """Give a team a role in a repository of its organisation."""
        found = self._repo(repo)
        self._world.store.put(replace(found, teams={**found.teams, slug: role}))

    # Repositories

    def add_repository(
        self,
        full_name: str,
        files: Mapping[str, str] | None = None,
        branches: Sequence[str] = (),
        default_branch: str = "main",
        private: bool = False,  # noqa: FBT001, FBT002 - a JSON argument by name
    ) -> dict[str, Any]:
        """Make a repository; files become its first commit, on the default and these branches."""
        owner, _, name = full_name.rpartition("/")
        account = self._account(owner)
        repo = self._world.add_repository(
            account, name, default_branch=default_branch, private=private
        )
        if files is not None:
            sha = self._commit(repo, account, None, files, "Begin")
            for branch in dict.fromkeys([default_branch, *branches]):
                self._world.git(repo).update_ref(f"refs/heads/{branch}", sha)
            announce(self._world, repo, account)
        return {"id": repo.id, "full_name": full_name}

    def edit_repository(self, repo: str, login: str, **fields: Any) -> None:
        """Change settings; see `Repository` for the fields."""
        if "merge_methods" in fields:
            fields["merge_methods"] = tuple(fields["merge_methods"])
        self._world.edit_repository(self._repo(repo), self._account(login), **fields)

    def protect(self, repo: str, branch: str, **fields: Any) -> None:
        """Protect a branch; see `Protection` for the fields."""
        found = self._repo(repo)
        old = self._world.protection(found, branch)
        if "checks" in fields and fields["checks"] is not None:
            fields["checks"] = tuple(fields["checks"])
        key = old.id if old else self._world.store.new_id()
        self._world.store.put(Protection(id=key, repo_id=found.id, branch=branch, **fields))

    def commit(
        self, repo: str, branch: str, files: Mapping[str, str | None], login: str, message: str
    ) -> str:
        """Commit files to a branch as somebody and push; None removes. Returns the commit."""
        found, account = self._repo(repo), self._account(login)
        self._world.check_branch_name(branch)
        head = found.refs.get(f"refs/heads/{branch}")
        sha = self._commit(found, account, head, files, message)
        self._world.git(found).update_ref(f"refs/heads/{branch}", sha, head)
        announce(self._world, found, account, [f"refs/heads/{branch}"])
        return sha

    def _commit(
        self,
        repo: Repository,
        account: Account,
        parent: str | None,
        files: Mapping[str, str | None],
        message: str,
    ) -> str:
        git, me = self._world.git(repo), self._world.person(account)
        edits: dict[str, tuple[str, str] | None] = {}
        for path, text in files.items():
            old = git.entry(parent, path) if parent else None
            mode = old.mode if old else "100644"
            edits[path] = None if text is None else (mode, git.write_blob(text.encode()))
        tree = git.write_tree(parent, edits)
        return git.write_commit(tree, [parent] if parent else [], f"{message}\n", me, me)

    # What people and CI do

    def set_status(
        self,
        repo: str,
        ref: str,
        context: str,
        state: str,
        description: str | None = None,
        login: str = CI,
    ) -> None:
        """Set a commit status, as CI unless told otherwise."""
        found = self._repo(repo)
        actor = self._world.add_account(CI, "Bot") if login == CI else self._account(login)
        sha = self._world.resolve(found, ref)
        checks.set_status(
            self._world, found, actor, sha, state=state, context=context, description=description
        )

    def set_check(self, repo: str, ref: str, name: str, conclusion: str | None = None) -> None:
        """Report a check run as the sandbox's own CI; without a conclusion it is in progress."""
        found = self._repo(repo)
        sha = self._world.resolve(found, ref)
        fields: dict[str, Any] = {"status": "in_progress"}
        if conclusion is not None:
            fields = {"conclusion": conclusion}
        app = self._ci()
        runs = checks.check_runs(self._world, found, sha)
        mine = [run for run in runs if (run.app_id, run.name) == (app.id, name)]
        # As CI does it: a run that has begun is finished; one that is over is run again.
        going = next((run for run in mine if run.status != "completed"), None)
        checks.set_check_run(self._world, found, app, sha, name, fields, going)

    def runs(self, repo: str) -> list[WorkflowRun]:
        """Return the runs that were started by hand, oldest first."""
        return self._world.store.all(WorkflowRun, self._repo(repo).id)

    def set_run(self, repo: str, run_id: int, conclusion: str | None = None) -> None:
        """Let a run begin, or end with a conclusion."""
        github_actions.set_run(self._world, self._repo(repo), run_id, conclusion)

    def _ci(self) -> App:
        for app in self._world.store.all(App):
            if app.slug == CI:
                return app
        return self._world.add_app(CI, "", _CI_PERMISSIONS, ())

    def comment(
        self,
        repo: str,
        number: int,
        login: str,
        body: str,
        issue: bool = False,  # noqa: FBT001, FBT002 - a JSON argument by name
    ) -> int:
        """Comment as somebody; returns the comment's id, 0 where GitLab keeps nothing of it.

        On a GitLab the number is a merge request's, or with `issue` that of an issue.
        """
        found, account = self._repo(repo), self._account(login)
        at = self._number(found, number, is_pull=not issue)
        if self._world.ways.forge == "gitlab":
            return note_as(self._world, found, account, at, body)
        return pulls.comment(self._world, found, account, at, body).id

    def review(self, repo: str, number: int, login: str, event: str, body: str = "") -> int:
        """Review as somebody: APPROVE, REQUEST_CHANGES or COMMENT; returns the review's id.

        On a GitLab also UNAPPROVE; a review by itself has no id there, and 0 is returned.
        """
        found, account = self._repo(repo), self._account(login)
        asked = pulls.pull(self._world, found, self._number(found, number))
        if self._world.ways.forge == "gitlab":
            review_as(self._world, found, account, asked, event, body)
            return 0
        made = pulls.review(self._world, found, account, asked, event=event, body=body)
        return made.id

    def merge(self, repo: str, number: int, login: str, method: str = "merge") -> str:
        """Merge as somebody; returns the commit."""
        found, account = self._repo(repo), self._account(login)
        if not self._world.may(found, account, "write"):
            raise Denied(f"{login} may not write to {repo}")
        asked = pulls.pull(self._world, found, self._number(found, number))
        if self._world.ways.forge == "gitlab":
            squash = True if method == "squash" else None
            return merge_as(self._world, found, account, asked, squash=squash)
        return merge_pull(self._world, found, asked, account, method=method)

    def _number(self, repo: Repository, number: int, *, is_pull: bool = True) -> int:
        """Return the number that the records know: GitLab counts each kind by itself."""
        if self._world.ways.forge == "github":
            return number
        for found in pulls.issues(self._world, repo):
            if (found.is_pull, found.iid) == (is_pull, number):
                return found.number
        raise Missing(f"there is no number {number} in {self._world.full_name(repo)}")

    # Hooks and Apps

    def add_hook(
        self,
        repo: str,
        url: str,
        secret: str | None = None,
        events: Sequence[str] = ("*",),
        content_type: str = "json",
        forge: str | None = None,
        signing: str | None = None,
    ) -> int:
        """Add a webhook to a repository, by default in the server's own dialect.

        GitLab names events by its flags (`merge_requests`); `signing` is its signing token.
        """
        return self._add_hook(
            repo_id=self._repo(repo).id,
            dialect=forge or self._world.ways.forge,
            signing=signing,
            url=url,
            secret=secret,
            events=tuple(events),
            content_type=content_type,
        )

    def _add_hook(self, **fields: Any) -> int:
        now = self._world.store.now()
        key = self._world.store.new_id()
        self._world.store.put(Hook(id=key, created_at=now, updated_at=now, **fields))
        return key

    def add_app(
        self,
        slug: str,
        permissions: Mapping[str, str],
        events: Sequence[str] = APP_EVENTS,
        hook_url: str | None = None,
        hook_secret: str | None = None,
    ) -> dict[str, Any]:
        """Make an App; returns its id and the private key (PEM) that its JWTs are signed with."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        app = self._world.add_app(slug, public.decode(), dict(permissions), tuple(events))
        if hook_url is not None:
            self._add_hook(url=hook_url, secret=hook_secret, events=tuple(events), app_id=app.id)
        return {"id": app.id, "private_key": private.decode()}

    def install_app(
        self, slug: str, account: str, repositories: Sequence[str] | None = None
    ) -> int:
        """Install an App; without repositories on all of the account's. Returns the id."""
        app = next((a for a in self._world.store.all(App) if a.slug == slug), None)
        if app is None:
            raise Missing(f"there is no App {slug}")
        ids = None if repositories is None else tuple(self._repo(name).id for name in repositories)
        return self._world.install(app, self._account(account), ids).id

    def set_installed(self, installation: int, repo: str, there: bool) -> None:  # noqa: FBT001 - a JSON argument by name
        """Add a repository to an installation on some, or take it out."""
        found = self._world.store.get(Installation, installation)
        if found is None:
            raise Missing(f"there is no installation {installation}")
        self._world.set_installed(found, self._repo(repo), there=there)

    def delete_repository(self, repo: str, login: str) -> None:
        """Delete a repository as somebody."""
        self._world.delete_repository(self._repo(repo), self._account(login))

    def redeliver(self, delivery_id: int) -> None:
        """Send a delivery once more."""
        old = self._world.store.delivery(delivery_id)
        hook = find_hook(self._world.store, old.hook_id) if old else None
        if old is None or hook is None:
            raise Missing(f"there is no delivery {delivery_id}")
        again(self._world.store, old, hook)

    def hold_hooks(self, held: bool) -> None:  # noqa: FBT001 - a JSON argument by name
        """Keep deliveries back, or let them go."""
        self._hold(held)

    # Faults, limits, counts

    def inject(self, **fault: Any) -> None:
        """Let API or git calls go wrong; see `Fault`."""
        self._faults.add(Fault(**fault))

    def inject_hook(self, **fault: Any) -> None:
        """Let deliveries go wrong; see `HookFault`."""
        self._faults.add(HookFault(**fault))

    def held(self) -> list[str]:
        """Return the calls that a fault holds now, as METHOD PATH."""
        return self._faults.gate.held

    def release(self, pattern: str = "", drop: bool = False) -> int:  # noqa: FBT001, FBT002 - a JSON argument by name
        """Let go the held calls that match; with `drop` unanswered. Returns how many."""
        return self._faults.gate.release(pattern, drop=drop)

    def clear_faults(self) -> list[str]:
        """Forget the faults that have not happened yet, and return the paths they waited for."""
        return self._faults.clear()

    def set_limits(self, **limits: Any) -> None:
        """Set the rate limits; see `Limits.set_limits`."""
        self._limits.set_limits(**limits)

    def calls(self, repo: str = "") -> list[dict[str, Any]]:
        """Return how often each method and route was called, for one repository or for all."""
        names = {repo.casefold(), str(self._repo(repo).id)} if repo else None
        return [
            {"method": method, "route": route, "count": count}
            for (method, route), count in sorted(self._faults.counted(names).items())
        ]

    def reset_calls(self) -> None:
        """Count from nothing again."""
        self._faults.calls.clear()
        self._faults.not_modified = 0


def _shown(account: Account) -> dict[str, Any]:
    fields = asdict(account)
    return {name: fields[name] for name in ("id", "login", "email", "type")}
