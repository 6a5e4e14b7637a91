"""Records as GitLab's JSON: users, groups, members, projects; the rest is put on top."""

from typing import Any
from urllib.parse import quote

from bot.sandbox.groups import group_role, lineage, membership
from bot.sandbox.records import Account, Issue, Repository
from bot.sandbox.world import World

Json = dict[str, Any]
LEVELS = {
    "none": 0,
    "guest": 10,
    "planner": 15,
    "read": 20,
    "triage": 20,
    "write": 30,
    "maintain": 40,
    "admin": 50,
}
ROLE_OF = {0: "none", 10: "guest", 15: "planner", 20: "read", 30: "write", 40: "maintain"}
ROLE_OF |= {50: "admin"}
LEVEL_WORDS = {0: "No one", 30: "Developers + Maintainers", 40: "Maintainers"}
SETTINGS: Json = {
    "merge_method": "merge",
    "squash_option": "default_off",
    "only_allow_merge_if_pipeline_succeeds": False,
    "allow_merge_on_skipped_pipeline": None,
    "only_allow_merge_if_all_discussions_are_resolved": False,
    "merge_commit_template": None,
    "squash_commit_template": None,
    "approvals_before_merge": 0,
    "auto_cancel_pending_pipelines": "enabled",
    "ci_config_path": "",
    "jobs_enabled": True,
    "issues_enabled": True,
    "merge_requests_enabled": True,
}
"""GitLab's settings that a project shows, and what they are from the start."""
APPROVAL_SETTINGS: Json = {
    "reset_approvals_on_push": True,
    "merge_requests_author_approval": False,
    "merge_requests_disable_committers_approval": False,
}
"""Those that only its approvals show."""


def setting(repo: Repository, name: str) -> Any:
    """Return a project's setting, or what it is from the start."""
    return repo.settings.get(name, (SETTINGS | APPROVAL_SETTINGS).get(name))


def moment(stamped: str | None) -> str | None:
    """Write a time of the records as GitLab does: with milliseconds."""
    return stamped.replace("Z", ".000Z") if stamped else None


class AccountShapes:
    """Turns records into GitLab's JSON, whose addresses lie under `web`."""

    def __init__(self, world: World, web: str) -> None:
        self.world = world
        self.web = web
        self.api = f"{web}/api/v4"

    def project_api(self, repo: Repository) -> str:
        """Return a project's address in the API."""
        return f"{self.api}/projects/{repo.id}"

    def project_web(self, repo: Repository) -> str:
        """Return a project's page."""
        return f"{self.web}/{self.world.full_name(repo)}"

    # People

    def user(self, account: Account) -> Json:
        """Return a basic user."""
        return {
            "id": account.id,
            "username": account.login,
            "public_email": "",
            "name": account.name,
            "state": "active",
            "locked": False,
            "avatar_url": None,
            "web_url": f"{self.web}/{quote(account.login)}",
        }

    def user_of(self, key: int | None) -> Json | None:
        """Return the user of an id, or None."""
        return None if key is None else self.user(self.world.account(key))

    def full_user(self, account: Account) -> Json:
        """Return a user as `/users/:id` shows them."""
        return {
            **self.user(account),
            "created_at": moment(account.created_at),
            "bio": "",
            "location": "",
            "bot": account.type == "Bot",
            "organization": "",
            "job_title": "",
            "pronouns": None,
            "website_url": "",
            "followers": 0,
            "following": 0,
            "is_followed": False,
            "local_time": None,
        }

    def private_user(self, account: Account) -> Json:
        """Return a user as they see themselves."""
        return {
            **self.full_user(account),
            "email": account.email,
            "commit_email": account.email,
            "last_sign_in_at": None,
            "confirmed_at": moment(account.created_at),
            "last_activity_on": account.created_at[:10],
            "theme_id": 1,
            "color_scheme_id": 1,
            "projects_limit": 100_000,
            "current_sign_in_at": None,
            "identities": [],
            "can_create_group": True,
            "can_create_project": True,
            "two_factor_enabled": False,
            "external": False,
            "private_profile": False,
        }

    def member(self, account: Account, role: str) -> Json:
        """Return a member with the level that they hold."""
        return {
            **self.user(account),
            "access_level": LEVELS[role],
            "created_at": moment(account.created_at),
            "expires_at": None,
            "membership_state": "active",
            "member_role": None,
        }

    # Groups and projects

    def namespace(self, owner: Account) -> Json:
        """Return a group or a person as the place of projects."""
        group = owner.type == "Organization"
        return {
            "id": owner.id,
            "name": owner.name,
            "path": owner.login.rpartition("/")[2],
            "kind": "group" if group else "user",
            "full_path": owner.login,
            "parent_id": owner.parent_id,
            "avatar_url": None,
            "web_url": f"{self.web}/{'groups/' if group else ''}{quote(owner.login)}",
        }

    def group(self, group: Account) -> Json:
        """Return a group."""
        names = [found.name for found in lineage(self.world, group)][::-1]
        return {
            "id": group.id,
            "web_url": f"{self.web}/groups/{quote(group.login)}",
            "name": group.name,
            "path": group.login.rpartition("/")[2],
            "description": "",
            "visibility": "private" if group.private else "public",
            "share_with_group_lock": False,
            "require_two_factor_authentication": False,
            "two_factor_grace_period": 48,
            "project_creation_level": "developer",
            "auto_devops_enabled": None,
            "subgroup_creation_level": "maintainer",
            "emails_disabled": False,
            "emails_enabled": True,
            "mentions_disabled": None,
            "lfs_enabled": True,
            "archived": False,
            "default_branch": None,
            "default_branch_protection": 2,
            "avatar_url": None,
            "request_access_enabled": True,
            "full_name": " / ".join(names),
            "full_path": group.login,
            "created_at": moment(group.created_at),
            "parent_id": group.parent_id,
            "organization_id": 1,
            "shared_with_groups": [],
        }

    def simple_project(self, repo: Repository) -> Json:
        """Return a project as `simple=true` shows it."""
        owner = self.world.account(repo.owner_id)
        path, web = self.world.full_name(repo), self.project_web(repo)
        names = [found.name for found in lineage(self.world, owner)][::-1]
        branch = repo.default_branch if repo.refs else None
        return {
            "id": repo.id,
            "description": repo.description,
            "name": repo.name,
            "name_with_namespace": " / ".join([*names, repo.name]),
            "path": repo.name,
            "path_with_namespace": path,
            "created_at": moment(repo.created_at),
            "default_branch": branch,
            "tag_list": [],
            "topics": [],
            # GitLab's shape; the sandbox has no SSH, and nothing answers there.
            "ssh_url_to_repo": f"git@localhost:{path}.git",
            "http_url_to_repo": f"{web}.git",
            "web_url": web,
            "readme_url": f"{web}/-/blob/{branch}/README.md" if branch else None,
            "forks_count": sum(r.fork_of == repo.id for r in self.world.repositories()),
            "avatar_url": None,
            "star_count": 0,
            "last_activity_at": moment(repo.pushed_at),
            "visibility": "private" if repo.private else "public",
            "namespace": self.namespace(owner),
        }

    def project(self, repo: Repository, account: Account | None = None) -> Json:
        """Return a project, with what the asker may in it."""
        owner = self.world.account(repo.owner_id)
        issues = self.world.store.all(Issue, repo.id)
        shape = self.simple_project(repo)
        url = self.project_api(repo)
        shape |= {
            "_links": {
                "self": url,
                "issues": f"{url}/issues",
                "merge_requests": f"{url}/merge_requests",
                "repo_branches": f"{url}/repository/branches",
                "labels": f"{url}/labels",
                "events": f"{url}/events",
                "members": f"{url}/members",
                "cluster_agents": f"{url}/cluster_agents",
            },
            "packages_enabled": False,
            "empty_repo": not repo.refs,
            "archived": repo.archived,
            "owner": self.user(owner),
            "resolve_outdated_diff_discussions": False,
            "wiki_enabled": False,
            "snippets_enabled": False,
            "container_registry_enabled": False,
            "can_create_merge_request_in": account is not None,
            "issues_access_level": "enabled",
            "repository_access_level": "enabled",
            "merge_requests_access_level": "enabled",
            "builds_access_level": "enabled",
            "emails_enabled": True,
            "shared_runners_enabled": False,
            "lfs_enabled": False,
            "creator_id": owner.id,
            "import_status": "none",
            "open_issues_count": sum(i.state == "open" and not i.is_pull for i in issues),
            "updated_at": moment(repo.updated_at),
            "public_jobs": True,
            "shared_with_groups": self._shares(repo),
            "request_access_enabled": True,
            "remove_source_branch_after_merge": repo.delete_branch_on_merge,
            "printing_merge_request_link_enabled": True,
            "enforce_auth_checks_on_uploads": True,
            "autoclose_referenced_issues": True,
            "permissions": self._permissions(repo, account),
            **{name: setting(repo, name) for name in SETTINGS},
        }
        if owner.type == "Organization":
            del shape["owner"]
        if repo.fork_of is not None:
            shape["forked_from_project"] = self.simple_project(self.world.repository(repo.fork_of))
        return shape

    def _shares(self, repo: Repository) -> list[Json]:
        groups = [(self.world.find_account(path), role) for path, role in repo.shares.items()]
        return [
            {
                "group_id": group.id,
                "group_name": group.name,
                "group_full_path": group.login,
                "group_access_level": LEVELS[role],
                "expires_at": None,
            }
            for group, role in groups
            if group is not None
        ]

    def _permissions(self, repo: Repository, account: Account | None) -> Json:
        direct = repo.collaborators.get(account.login, "none") if account else "none"
        owner = self.world.account(repo.owner_id)
        by_group = group_role(self.world, owner, account) if account else "none"
        if owner.type != "Organization" and account is not None:
            direct, by_group = membership(self.world, repo, account), "none"

        def access(role: str) -> Json | None:
            level = LEVELS[role]
            return {"access_level": level, "notification_level": 3} if level else None

        return {"project_access": access(direct), "group_access": access(by_group)}
