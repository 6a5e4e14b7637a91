"""Records as GitHub's JSON: accounts, Apps and repositories."""

import base64
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from bot.sandbox.records import Account, App, Installation, Issue, Repository, Team, at_least
from bot.sandbox.world import World

Json = dict[str, Any]

_USER_URLS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPO_URLS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


@lru_cache(maxsize=50_000)
def node_id(kind: str, key: int | str) -> str:
    """Return an opaque global id, as GitHub gives one to everything."""
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


class Shapes:
    """Turns records into JSON whose addresses lie under `web`."""

    def __init__(self, world: World, web: str) -> None:
        self.world = world
        self.web = web
        self.api = f"{web}/api/v3"

    def repo_api(self, repo: Repository) -> str:
        """Return a repository's address in the API."""
        return f"{self.api}/repos/{self.world.full_name(repo)}"

    def repo_web(self, repo: Repository) -> str:
        """Return a repository's page."""
        return f"{self.web}/{self.world.full_name(repo)}"

    # Accounts

    def user(self, account: Account) -> Json:
        """Return a `simple-user`."""
        url = f"{self.api}/users/{quote(account.login)}"
        return {
            "login": account.login,
            "id": account.id,
            "node_id": node_id("User", account.id),
            "avatar_url": f"{self.web}/_sandbox/style.css?{account.id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.web}/{quote(account.login)}",
            **{name: url + path for name, path in _USER_URLS.items()},
            "type": account.type,
            "site_admin": False,
        }

    def user_of(self, key: int | None) -> Json | None:
        """Return the user of an id, or None."""
        return None if key is None else self.user(self.world.account(key))

    def full_user(self, account: Account) -> Json:
        """Return a `public-user`."""
        owned = [r for r in self.world.repositories() if r.owner_id == account.id]
        return {
            **self.user(account),
            "name": account.name,
            "company": None,
            "blog": "",
            "location": None,
            "email": account.email,
            "hireable": None,
            "bio": None,
            "twitter_username": None,
            "public_repos": len(owned),
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": account.created_at,
            "updated_at": account.created_at,
        }

    def private_user(self, account: Account) -> Json:
        """Return a `private-user`: what a token is told of its own account."""
        return {
            **self.full_user(account),
            "private_gists": 0,
            "total_private_repos": 0,
            "owned_private_repos": 0,
            "disk_usage": 0,
            "collaborators": 0,
            "two_factor_authentication": False,
        }

    def organization(self, org: Account) -> Json:
        """Return an `organization-full`."""
        url = f"{self.api}/orgs/{quote(org.login)}"
        return {
            "login": org.login,
            "id": org.id,
            "node_id": node_id("Organization", org.id),
            "url": url,
            "repos_url": f"{url}/repos",
            "events_url": f"{url}/events",
            "hooks_url": f"{url}/hooks",
            "issues_url": f"{url}/issues",
            "members_url": f"{url}/members{{/member}}",
            "public_members_url": f"{url}/public_members{{/member}}",
            "avatar_url": f"{self.web}/_sandbox/style.css?{org.id}",
            "description": None,
            "name": org.name,
            "has_organization_projects": False,
            "has_repository_projects": False,
            "public_repos": len([r for r in self.world.repositories() if r.owner_id == org.id]),
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "html_url": f"{self.web}/{quote(org.login)}",
            "type": "Organization",
            "created_at": org.created_at,
            "updated_at": org.created_at,
            "archived_at": None,
        }

    def team(self, team: Team, *, full: bool = False) -> Json:
        """Return a `team`, or a `team-full`."""
        org = self.world.account(team.org_id)
        url = f"{self.api}/organizations/{org.id}/team/{team.id}"
        shape: Json = {
            "id": team.id,
            "node_id": node_id("Team", team.id),
            "url": url,
            "html_url": f"{self.web}/orgs/{org.login}/teams/{team.slug}",
            "name": team.name,
            "slug": team.slug,
            "description": None,
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "members_url": f"{url}/members{{/member}}",
            "repositories_url": f"{url}/repos",
            "type": "organization",
            "parent": None,
        }
        if full:
            active = [role for role, state in team.members.values() if state == "active"]
            repos = [r for r in self.world.repositories() if team.slug in r.teams]
            shape |= {
                "members_count": len(active),
                "repos_count": len([r for r in repos if r.owner_id == org.id]),
                "created_at": team.created_at,
                "updated_at": team.created_at,
                "organization": self.organization(org),
            }
        return shape

    def app(self, app: App) -> Json:
        """Return an `integration`."""
        return {
            "id": app.id,
            "slug": app.slug,
            "client_id": f"Iv1.{app.id}",
            "node_id": node_id("App", app.id),
            "owner": self.user(self.world.account(app.owner_id)),
            "name": app.name,
            "description": None,
            "external_url": self.web,
            "html_url": f"{self.web}/apps/{app.slug}",
            "created_at": app.created_at,
            "updated_at": app.created_at,
            "permissions": dict(app.permissions),
            "events": list(app.events),
        }

    def app_of(self, key: int | None) -> Json | None:
        """Return the App of an id, or None."""
        found = self.world.store.get(App, key) if key is not None else None
        return self.app(found) if found else None

    def installation(self, installation: Installation) -> Json:
        """Return an `installation`."""
        account = self.world.account(installation.account_id)
        app = self.world.store.get(App, installation.app_id)
        url = f"{self.api}/app/installations/{installation.id}"
        return {
            "id": installation.id,
            "account": self.user(account),
            "repository_selection": "all" if installation.repository_ids is None else "selected",
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": f"{self.web}/settings/installations/{installation.id}",
            "app_id": installation.app_id,
            "app_slug": app.slug if app else "",
            "target_id": account.id,
            "target_type": account.type,
            "permissions": dict(installation.permissions),
            "events": list(app.events) if app else [],
            "created_at": installation.created_at,
            "updated_at": installation.created_at,
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": None,
            "suspended_at": installation.suspended_at,
        }

    # Repositories

    def repository(self, repo: Repository, role: str | None = None) -> Json:
        """Return a `full-repository`, which is a `repository` too; `role` is the asker's."""
        owner = self.world.account(repo.owner_id)
        url, web = self.repo_api(repo), self.repo_web(repo)
        counts = self._open_issues(repo)
        permissions = {} if role is None else {"permissions": role_flags(role)}
        return {
            "id": repo.id,
            "node_id": node_id("Repository", repo.id),
            "name": repo.name,
            "full_name": self.world.full_name(repo),
            "private": repo.private,
            "owner": self.user(owner),
            "html_url": web,
            "description": repo.description,
            "fork": repo.fork_of is not None,
            "url": url,
            **{name: url + path for name, path in _REPO_URLS.items()},
            "git_url": f"git:{web.partition(':')[2]}.git",
            # GitHub's shape; the sandbox has no SSH, and nothing answers there.
            "ssh_url": f"git@localhost:{self.world.full_name(repo)}.git",
            "clone_url": f"{web}.git",
            "svn_url": web,
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "topics": [],
            "visibility": "private" if repo.private else "public",
            "size": 0,
            "default_branch": repo.default_branch,
            "stargazers_count": 0,
            "watchers_count": 0,
            "watchers": 0,
            "subscribers_count": 0,
            "network_count": 0,
            "forks_count": self._forks(repo),
            "forks": self._forks(repo),
            "open_issues_count": counts,
            "open_issues": counts,
            "has_issues": True,
            "has_projects": False,
            "has_wiki": False,
            "has_pages": False,
            "has_downloads": False,
            "has_discussions": False,
            "is_template": False,
            "archived": repo.archived,
            "disabled": False,
            "allow_forking": True,
            "web_commit_signoff_required": False,
            "allow_merge_commit": "merge" in repo.merge_methods,
            "allow_squash_merge": "squash" in repo.merge_methods,
            "allow_rebase_merge": "rebase" in repo.merge_methods,
            "allow_auto_merge": False,
            "allow_update_branch": True,
            "delete_branch_on_merge": repo.delete_branch_on_merge,
            "pushed_at": repo.pushed_at,
            "created_at": repo.created_at,
            "updated_at": repo.updated_at,
            **permissions,
        }

    def _open_issues(self, repo: Repository) -> int:
        return sum(issue.state == "open" for issue in self.world.store.all(Issue, repo.id))

    def _forks(self, repo: Repository) -> int:
        return sum(other.fork_of == repo.id for other in self.world.repositories())

    def association(self, repo: Repository, account: Account) -> str:
        """Return how somebody belongs to a repository, in GitHub's word."""
        owner = self.world.account(repo.owner_id)
        if owner.id == account.id:
            return "OWNER"
        if account.login in owner.members:
            return "MEMBER"
        return "COLLABORATOR" if account.login in repo.collaborators else "NONE"


def role_flags(role: str) -> dict[str, bool]:
    """Return a role as the five flags of GitHub's `permissions`."""
    names = {"admin": "admin", "maintain": "maintain", "push": "write"}
    names |= {"triage": "triage", "pull": "read"}
    return {flag: at_least(role, needed) for flag, needed in names.items()}
