"""Accounts, repositories and who may do what: the sandbox's forge-neutral middle.

Each change is told to the listeners as an `Event`; a dialect makes webhooks of them.
"""

import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.sandbox.errors import Invalid, Missing
from bot.sandbox.events import Event
from bot.sandbox.git import Git, Person, valid_branch
from bot.sandbox.groups import membership
from bot.sandbox.records import (
    ROLES,
    Account,
    App,
    Hook,
    Installation,
    Label,
    Protection,
    Repository,
    Team,
    Token,
    at_least,
)
from bot.sandbox.store import Store
from bot.sandbox.ways import GITHUB, Ways

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
FORGE_LOGIN = "web-flow"
"""The account that commits when the forge itself merges."""


class World:
    """Everything the sandbox knows, and the repositories on disk under `root`."""

    def __init__(self, root: Path, store: Store, ways: Ways = GITHUB) -> None:
        self.root = root
        self.store = store
        self.ways = ways
        self.listeners: list[Callable[[Event], None]] = []
        self._gits: dict[int, Git] = {}

    def tell(self, event: Event) -> None:
        """Tell every listener what happened."""
        for listener in self.listeners:
            listener(event)

    def git(self, repo: Repository) -> Git:
        """Return a repository's git; its directory is named by id, so a rename moves nothing."""
        if repo.id not in self._gits:
            self._gits[repo.id] = Git(self.root / "git" / f"{repo.id}.git")
        return self._gits[repo.id]

    # Accounts, tokens, teams

    def account(self, key: int) -> Account:
        """Return an account by id."""
        found = self.store.get(Account, key)
        if found is None:
            raise Missing("Not Found")
        return found

    def find_account(self, login: str) -> Account | None:
        """Return an account by its login, whatever the case."""
        wanted = login.lower()
        return next((a for a in self.store.all(Account) if a.login.lower() == wanted), None)

    def account_of_email(self, email: str) -> Account | None:
        """Return whose commits carry this address."""
        wanted = email.lower()
        return next((a for a in self.store.all(Account) if a.email.lower() == wanted), None)

    def add_account(
        self,
        login: str,
        kind: str = "User",
        *,
        name: str = "",
        email: str = "",
        path: str = "",
        parent: Account | None = None,
    ) -> Account:
        """Return the account of this login, made if it is new; a group's may be a `path`."""
        known = self.find_account(path or login)
        if known is not None and known.type != kind:
            raise Invalid(f"{login} is taken, by an account of type {known.type}")
        if known is not None:
            return known
        if not _NAME.fullmatch(login.removesuffix("[bot]")):
            raise Invalid(f"{login!r} is no login: letters, digits, dots and dashes only")
        key = self.store.new_id()
        return self.store.put(
            Account(
                id=key,
                login=path or login,
                name=name or login,
                email=email or self.ways.noreply.format(id=key, login=login),
                type=kind,
                parent_id=parent.id if parent else None,
                created_at=self.store.now(),
            )
        )

    def forge(self) -> Account:
        """Return the account that commits the forge's own merges."""
        brand = self.ways.brand
        email = f"noreply@{brand.lower()}.com"
        return self.add_account(FORGE_LOGIN, name=brand, email=email)

    def owner_login(self, repo_id: int) -> str:
        """Return whose a repository is, in GitHub's words for one that was deleted too."""
        repo = self.store.get(Repository, repo_id)
        return self.account(repo.owner_id).login if repo else "unknown repository"

    def person(self, account: Account) -> Person:
        """Return an account as git names it, now."""
        return Person(account.name, account.email, int(self.store.clock()))

    def add_token(self, account: Account, **fields: Any) -> Token:
        """Make a token that speaks for an account; see `Token` for the fields."""
        fields.setdefault("secret", f"sandbox_{secrets.token_urlsafe(24)}")
        return self.store.put(Token(id=self.store.new_id(), account_id=account.id, **fields))

    def set_org_member(self, org: Account, account: Account, role: str = "member") -> None:
        """Make somebody a member or (role `admin`) an owner of an organisation."""
        current = self.account(org.id)
        self.store.put(replace(current, members={**current.members, account.login: role}))

    def team(self, org: Account, slug: str) -> Team | None:
        """Return a team of an organisation."""
        return next((t for t in self.store.all(Team) if (t.org_id, t.slug) == (org.id, slug)), None)

    def set_team(
        self, org: Account, slug: str, members: Mapping[str, tuple[str, str]] | None = None
    ) -> Team:
        """Make a team, or add to it; members map login to (role, `active` or `pending`)."""
        team = self.team(org, slug) or Team(
            id=self.store.new_id(),
            org_id=org.id,
            slug=slug,
            name=slug,
            created_at=self.store.now(),
        )
        for login, (_, state) in (members or {}).items():
            if state == "active" and login not in self.account(org.id).members:
                self.set_org_member(org, self.add_account(login))
        return self.store.put(replace(team, members={**team.members, **(members or {})}))

    # Apps

    def add_app(
        self, slug: str, public_key: str, permissions: Mapping[str, str], events: tuple[str, ...]
    ) -> App:
        """Make an App, its own account included."""
        bot = self.add_account(f"{slug}[bot]", "Bot")
        return self.store.put(
            App(
                id=self.store.new_id(),
                slug=slug,
                name=slug,
                owner_id=self.forge().id,
                bot_id=bot.id,
                public_key=public_key,
                permissions=permissions,
                events=events,
                created_at=self.store.now(),
            )
        )

    def install(
        self, app: App, account: Account, repository_ids: tuple[int, ...] | None = None
    ) -> Installation:
        """Install an App on an account; None means all of its repositories."""
        made = self.store.put(
            Installation(
                id=self.store.new_id(),
                app_id=app.id,
                account_id=account.id,
                repository_ids=repository_ids,
                permissions=app.permissions,
                created_at=self.store.now(),
            )
        )
        self.tell(Event("installation", "created", 0, account.id, made.id))
        return made

    def installation_of(self, repo: Repository, app_id: int) -> Installation | None:
        """Return an App's installation that covers a repository."""
        for found in self.store.all(Installation):
            if found.app_id == app_id and covers(found, repo):
                return found
        return None

    def set_installed(self, installation: Installation, repo: Repository, *, there: bool) -> None:
        """Add a repository to a selection, or take it out."""
        chosen = tuple(key for key in installation.repository_ids or () if key != repo.id)
        chosen = (*chosen, repo.id) if there else chosen
        self.store.put(replace(installation, repository_ids=chosen))
        action = "added" if there else "removed"
        event = Event(
            "installation_repositories",
            action,
            0,
            installation.account_id,
            installation.id,
            {"repository": repo.id},
        )
        self.tell(event)

    # Repositories

    def repositories(self) -> list[Repository]:
        """Return every repository, oldest first."""
        return self.store.all(Repository)

    def repository(self, key: int) -> Repository:
        """Return a repository by id, as it is now."""
        found = self.store.get(Repository, key)
        if found is None:
            raise Missing("Not Found")
        return found

    def find_repository(self, owner: str, name: str) -> Repository | None:
        """Return a repository by its name, or by one it used to have."""
        account = self.find_account(owner)
        if account is None:
            return None
        owned = [repo for repo in self.repositories() if repo.owner_id == account.id]
        wanted = name.lower()
        named = [repo for repo in owned if repo.name.lower() == wanted]
        former = [repo for repo in owned if wanted in repo.former_names]
        return next(iter([*named, *former]), None)

    def full_name(self, repo: Repository) -> str:
        """Return `owner/name`."""
        return f"{self.account(repo.owner_id).login}/{repo.name}"

    def add_repository(self, owner: Account, name: str, **fields: Any) -> Repository:
        """Make an empty repository; see `Repository` for the fields."""
        if not _NAME.fullmatch(name) or name.endswith(".git"):
            raise Invalid(f"{name!r} is no name for a repository")
        if self.find_repository(owner.login, name):
            raise Invalid(
                "Repository creation failed.",
                {
                    "resource": "Repository",
                    "code": "custom",
                    "field": "name",
                    "message": "name already exists on this account",
                },
            )
        now = self.store.now()
        repo = Repository(
            id=self.store.new_id(),
            owner_id=owner.id,
            name=name,
            created_at=now,
            updated_at=now,
            pushed_at=now,
            **fields,
        )
        # Left by a kill before the record was written: the id is the same again.
        shutil.rmtree(self.git(repo).path, ignore_errors=True)
        self.git(repo).create(repo.default_branch)
        self.store.put(repo)
        self.tell(Event("repository", "created", repo.id, owner.id))
        return repo

    def fork(self, repo: Repository, owner: Account) -> Repository:
        """Return an account's fork of a repository, made if it is new."""
        known = self.find_repository(owner.login, repo.name)
        if known is not None and known.fork_of == repo.id:
            return known
        made = self.add_repository(
            owner, repo.name, default_branch=repo.default_branch, fork_of=repo.id
        )
        self.git(made).fetch(self.git(repo).path, "refs/heads/*", "refs/heads/*")
        return self.store.put(replace(made, refs=self.git(made).refs()))

    def edit_repository(self, repo: Repository, actor: Account, **fields: Any) -> Repository:
        """Change a repository's settings, its name or its default branch."""
        branch = fields.get("default_branch", repo.default_branch)
        if branch != repo.default_branch:
            if f"refs/heads/{branch}" not in repo.refs:
                raise Invalid(f"Cannot update default branch: there is no branch {branch}")
            self.git(repo).point_head(branch)
        renamed = fields.get("name", repo.name) != repo.name
        if renamed:
            if not _NAME.fullmatch(fields["name"]):
                raise Invalid(f"{fields['name']!r} is no name for a repository")
            fields["former_names"] = (*repo.former_names, repo.name.lower())
        changed = self.store.put(replace(repo, updated_at=self.store.now(), **fields))
        if renamed:
            detail = {"name": repo.name}
            self.tell(Event("repository", "renamed", repo.id, actor.id, detail=detail))
        if changed.archived != repo.archived:
            action = "archived" if changed.archived else "unarchived"
            self.tell(Event("repository", action, repo.id, actor.id))
        return changed

    def delete_repository(self, repo: Repository, actor: Account) -> None:
        """Remove a repository and its git."""
        self.tell(Event("repository", "deleted", repo.id, actor.id))
        for hook in self.store.all(Hook, repo.id):
            self.store.drop(hook)
        self.store.drop(repo)
        shutil.rmtree(self.git(repo).path, ignore_errors=True)

    def role(self, repo: Repository, account: Account | None) -> str:
        """Return the strongest role that somebody has, by whatever way it comes."""
        base = "none" if repo.private else "read"
        if account is None:
            return base
        if account.instance_admin:
            return "admin"
        return max(base, membership(self, repo, account), key=ROLES.index)

    def may(self, repo: Repository, account: Account | None, role: str) -> bool:
        """Say whether somebody has at least this role."""
        return at_least(self.role(repo, account), role)

    def set_role(self, repo: Repository, login: str, role: str) -> None:
        """Give a collaborator a role; `none` takes it away."""
        if role not in ROLES:
            raise Invalid(f"{role!r} is no role: one of {', '.join(ROLES)}")
        current = self.repository(repo.id)
        others = {name: held for name, held in current.collaborators.items() if name != login}
        given = others if role == "none" else {**others, login: role}
        self.store.put(replace(current, collaborators=given))
        action = "updated" if login in current.collaborators else "added"
        action = "removed" if role == "none" else action
        detail = {"login": login, "role": role}
        self.tell(Event("member", action, repo.id, repo.owner_id, detail=detail))

    # Branches and labels

    def head(self, repo: Repository, branch: str) -> str:
        """Return a branch's commit; raises Missing."""
        sha = self.repository(repo.id).refs.get(f"refs/heads/{branch}")
        if sha is None:
            raise Missing("Branch not found")
        return sha

    def resolve(self, repo: Repository, name: str) -> str:
        """Return the commit that a branch, a tag, a ref or an id names; raises Missing."""
        refs = self.repository(repo.id).refs
        git = self.git(repo)
        for ref in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name):
            if ref in refs:
                return git.expand(refs[ref]) or refs[ref]
        sha = git.expand(name)
        if sha is None:
            raise Missing(f"No commit found for SHA: {name}")
        return sha

    def check_branch_name(self, name: str) -> None:
        """Raise Invalid where git would not take a name for a branch."""
        if not valid_branch(name):
            raise Invalid(f"refs/heads/{name} is not a valid ref name.")

    def protection(self, repo: Repository, branch: str) -> Protection | None:
        """Return what a branch asks for, or None."""
        found = self.store.all(Protection, repo.id)
        return next((rule for rule in found if rule.branch == branch), None)

    def label(self, repo: Repository, name: str) -> Label | None:
        """Return a label by its name, whatever the case."""
        wanted = name.lower()
        labels = self.store.all(Label, repo.id)
        return next((label for label in labels if label.name.lower() == wanted), None)


def covers(installation: Installation, repo: Repository) -> bool:
    """Say whether an installation reaches a repository."""
    if installation.account_id != repo.owner_id or installation.suspended_at:
        return False
    chosen = installation.repository_ids
    return chosen is None or repo.id in chosen
