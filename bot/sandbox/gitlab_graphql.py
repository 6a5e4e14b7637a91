"""Answer what REST has no answer to: whose account GitLab takes for a commit's author.

No GraphQL is understood here but this: projects by their ids, and under aliases the last
commit of trees, whose refs are variables.
"""

import re
from collections.abc import Mapping
from typing import Any

from bot.sandbox.access import role as role_of
from bot.sandbox.git import SHA
from bot.sandbox.gitlab import GitLab
from bot.sandbox.gitlab_ask import Ask, Problem, route
from bot.sandbox.records import Repository, at_least
from bot.sandbox.routing import Answer

_PROJECTS = re.compile(r"projects\(ids: \$(\w+)\)")
_TREE = re.compile(r"(\w+): tree\(ref: \$(\w+)\) \{ lastCommit \{")
_ID = re.compile(r"gid://gitlab/Project/([0-9]+)")
_MOST_TREES = 30


class GitLabQueries(GitLab):
    """The same dialect where queries are sent to."""

    prefix = "/api/graphql"


def _query(ask: Ask) -> Answer:
    text, variables = ask.text("query"), ask.fields.get("variables") or {}
    projects = _PROJECTS.search(text)
    trees = _TREE.findall(text)
    if projects is None or not trees:
        raise Problem(400, "the sandbox understands one query alone: see gitlab_graphql.py")
    if len(trees) > _MOST_TREES:
        return Answer({"errors": [{"message": "Query has complexity of 260, exceeds max of 250"}]})
    nodes = [_node(ask, key, trees, variables) for key in variables[projects[1]]]
    return Answer({"data": {"projects": {"nodes": [node for node in nodes if node]}}})


def _node(
    ask: Ask, key: str, trees: list[tuple[str, str]], variables: Mapping[str, str]
) -> Any | None:
    found = _ID.fullmatch(key)
    repo = ask.world.store.get(Repository, int(found[1])) if found else None
    if repo is None or not at_least(role_of(ask.world, ask.actor, repo), "read"):
        return None
    return {
        "repository": {alias: _tree(ask, repo, variables[variable]) for alias, variable in trees}
    }


def _tree(ask: Ask, repo: Repository, sha: str) -> Any | None:
    git = ask.world.git(repo)
    if not SHA.fullmatch(sha) or git.type_of(sha) != "commit":
        return None
    commit = git.commit(sha)
    account = ask.world.account_of_email(commit.author.email)
    return {
        "lastCommit": {
            "sha": sha,
            "message": commit.message,
            "authorEmail": commit.author.email,
            "author": {"username": account.login} if account else None,
        }
    }


ROUTES = (route("POST", "", _query, needs="read_api"),)
