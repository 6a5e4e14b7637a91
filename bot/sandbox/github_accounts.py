"""GitHub's routes for users, organisations, teams, Apps and installations."""

from typing import Any

from bot.sandbox.ask import Ask
from bot.sandbox.errors import Denied, Invalid, Missing
from bot.sandbox.records import Account, App, Installation, Repository, Team
from bot.sandbox.routing import Answer, Route
from bot.sandbox.store import stamp
from bot.sandbox.world import covers

_HOUR = 3600


def _me(ask: Ask) -> Answer:
    if ask.actor.installation is not None:
        raise Denied("Resource not accessible by integration")
    return Answer(ask.shapes.private_user(ask.who))


def _user(ask: Ask) -> Answer:
    account = ask.world.find_account(ask.params["username"])
    if account is None:
        raise Missing("Not Found")
    return Answer(ask.shapes.full_user(account))


def _org(ask: Ask) -> Account:
    if "org_id" in ask.params:
        found = ask.world.store.get(Account, ask.number("org_id"))
    else:
        found = ask.world.find_account(ask.params["org"])
    if found is None or found.type != "Organization":
        raise Missing("Not Found")
    return found


def _get_org(ask: Ask) -> Answer:
    return Answer(ask.shapes.organization(_org(ask)))


def _org_repos(ask: Ask) -> Answer:
    org = _org(ask)
    found = [
        r
        for r in ask.world.repositories()
        if r.owner_id == org.id and ask.world.may(r, ask.actor.account, "read")
    ]
    return ask.page(found, ask.shapes.repository)


def _inside(ask: Ask) -> Account:
    """Return the organisation, if the asker may see its teams; else there is nothing there."""
    org = _org(ask)
    if ask.actor.installation is not None and ask.actor.installation.account_id == org.id:
        return org
    if ask.who.login not in org.members:
        raise Missing("Not Found")
    return org


def _team(ask: Ask) -> Team:
    org = _inside(ask)
    if "team_id" in ask.params:
        found = ask.world.store.get(Team, ask.number("team_id"))
    else:
        found = ask.world.team(org, ask.params["team_slug"])
    if found is None or found.org_id != org.id:
        raise Missing("Not Found")
    return found


def _teams(ask: Ask) -> Answer:
    org = _inside(ask)
    found = [team for team in ask.world.store.all(Team) if team.org_id == org.id]
    return ask.page(found, ask.shapes.team)


def _get_team(ask: Ask) -> Answer:
    return Answer(ask.shapes.team(_team(ask), full=True))


def _team_members(ask: Ask) -> Answer:
    team = _team(ask)
    active = [login for login, (_, state) in team.members.items() if state == "active"]
    found = [ask.world.find_account(login) for login in sorted(active)]
    return ask.page([account for account in found if account], ask.shapes.user)


def _held(ask: Ask) -> tuple[str, str]:
    wanted = ask.params["username"].lower()
    for login, held in _team(ask).members.items():
        if login.lower() == wanted:
            return held
    raise Missing("Not Found")


def _membership(ask: Ask) -> Answer:
    role, state = _held(ask)
    team = ask.shapes.team(_team(ask))
    url = f"{team['url']}/memberships/{ask.params['username']}"
    return Answer({"url": url, "role": role, "state": state})


def _is_member(ask: Ask) -> Answer:
    if _held(ask)[1] != "active":
        raise Missing("Not Found")
    return Answer(status=204)


def _is_org_member(ask: Ask) -> Answer:
    wanted = ask.params["username"].lower()
    if wanted not in {login.lower() for login in _inside(ask).members}:
        raise Missing("Not Found")
    return Answer(status=204)


# Apps


def _app(ask: Ask) -> App:
    if ask.actor.app is None:
        raise Missing("Not Found")
    return ask.actor.app


def _get_app(ask: Ask) -> Answer:
    count = len(_installed(ask))
    return Answer(ask.shapes.app(_app(ask)) | {"installations_count": count})


def _installed(ask: Ask) -> list[Installation]:
    app = _app(ask)
    return [i for i in ask.world.store.all(Installation) if i.app_id == app.id]


def _installations(ask: Ask) -> Answer:
    return ask.page(_installed(ask), ask.shapes.installation)


def _installation(ask: Ask) -> Installation:
    for found in _installed(ask):
        if found.id == ask.number("installation_id"):
            return found
    raise Missing("Not Found")


def _get_installation(ask: Ask) -> Answer:
    return Answer(ask.shapes.installation(_installation(ask)))


def _repo_installation(ask: Ask) -> Answer:
    repo = ask.world.find_repository(ask.params["owner"], ask.params["repo"])
    found = ask.world.installation_of(repo, _app(ask).id) if repo else None
    if found is None:
        raise Missing("Not Found")
    return Answer(ask.shapes.installation(found))


def _create_token(ask: Ask) -> Answer:
    installation, app = _installation(ask), _app(ask)
    if installation.suspended_at:
        raise Denied("This installation has been suspended")
    permissions = ask.fields().get("permissions") or dict(installation.permissions)
    if not isinstance(permissions, dict):
        raise Invalid("Invalid request.\n\nFor 'permissions', an object is wanted.")
    for name, level in permissions.items():
        held = installation.permissions.get(name)
        if held is None or (level == "write" and held == "read"):
            raise Invalid("The permissions requested are not granted to this installation.")
    chosen = _chosen(ask, installation)
    expires = ask.world.store.clock() + _HOUR
    token = ask.world.add_token(
        ask.world.account(app.bot_id),
        permissions=permissions,
        installation_id=installation.id,
        repository_ids=tuple(repo.id for repo in chosen) if chosen is not None else None,
        expires=expires,
    )
    shape: dict[str, Any] = {
        "token": token.secret,
        "expires_at": stamp(expires),
        "permissions": permissions,
        "repository_selection": "all" if installation.repository_ids is None else "selected",
    }
    if chosen is not None:
        shape["repositories"] = [ask.shapes.repository(repo) for repo in chosen]
    return Answer(shape, 201)


def _chosen(ask: Ask, installation: Installation) -> list[Repository] | None:
    names, ids = ask.texts("repositories"), ask.fields().get("repository_ids") or []
    if not names and not ids:
        return None
    inside = [repo for repo in ask.world.repositories() if covers(installation, repo)]
    found = [repo for repo in inside if repo.name in names or repo.id in ids]
    if len(found) < len(names) + len(ids):
        raise Invalid("There is at least one repository that does not exist or is not accessible.")
    return found


def _installation_repos(ask: Ask) -> Answer:
    installation = ask.actor.installation
    if installation is None:
        raise Denied("You must authenticate with an installation access token.")
    chosen = ask.actor.token.repository_ids if ask.actor.token else None
    found = [
        repo
        for repo in ask.world.repositories()
        if covers(installation, repo) and (chosen is None or repo.id in chosen)
    ]
    selection = "all" if installation.repository_ids is None else "selected"
    return ask.page(
        found,
        lambda repo: ask.shapes.repository(repo, "admin"),
        lambda shown: {
            "total_count": len(found),
            "repository_selection": selection,
            "repositories": shown,
        },
    )


_T = "/orgs/{org}/teams/{team_slug}"
_BY_ID = "/organizations/{org_id}/team/{team_id}"
_MEMBERS = "members=read"
_APP = "app=write"
ROUTES = (
    Route("GET", "/user", _me),
    Route("GET", "/users/{username}", _user),
    Route("GET", "/orgs/{org}", _get_org),
    Route("GET", "/orgs/{org}/repos", _org_repos),
    Route("GET", "/orgs/{org}/teams", _teams, _MEMBERS),
    Route("GET", "/orgs/{org}/members/{username}", _is_org_member, _MEMBERS),
    *(
        Route("GET", f"{root}{tail}", handle, _MEMBERS)
        for root in (_T, _BY_ID)
        for tail, handle in (
            ("", _get_team),
            ("/members", _team_members),
            ("/members/{username}", _is_member),
            ("/memberships/{username}", _membership),
        )
    ),
    Route("GET", "/app", _get_app, _APP),
    Route("GET", "/app/installations", _installations, _APP),
    Route("GET", "/app/installations/{installation_id}", _get_installation, _APP),
    Route("POST", "/app/installations/{installation_id}/access_tokens", _create_token, _APP),
    Route("GET", "/repos/{owner}/{repo}/installation", _repo_installation, _APP),
    Route("GET", "/installation/repositories", _installation_repos),
)
