"""Whether a GitLab project merges as it is asked to, and what came of a merge that it refused."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bot.decisions.facts import MergeMethod
from bot.forges.forge import Conflict, ForgeError, Refused, Unavailable
from bot.forges.gitlab_errors import status_of
from bot.forges.gitlab_shapes import Json, Project, pull_request_info

_WHERE = "Settings > Merge requests"
_METHODS: Mapping[str, str] = {
    "merge": "Merge commit",
    "rebase_merge": "Merge commit with semi-linear history",
    "ff": "Fast-forward merge",
}
# By which of the project's methods each of ours can be done: a rebased candidate is one
# commit on its base, so to land it alone is a fast-forward.
_WAYS: Mapping[MergeMethod, frozenset[str]] = {
    "merge": frozenset({"merge", "rebase_merge"}),
    "squash": frozenset(_METHODS),
    "rebase": frozenset({"ff"}),
}
# What GitLab calls `detailed_merge_status`, in words that say what to do.
_WHY: Mapping[str, str] = {
    "blocked_status": "another merge request has to be merged first",
    "ci_must_pass": "its pipeline has to succeed",
    "ci_still_running": "its pipeline is still running",
    "commits_status": "there is nothing to merge, or its branch is gone",
    "conflict": "it conflicts with its target branch",
    "discussions_not_resolved": "its threads have to be resolved",
    "draft_status": "it is a draft; mark it as ready",
    "external_status_checks": "an external status check has to pass",
    "jira_association_missing": "it has to name a Jira issue",
    "locked_lfs_files": "it changes LFS files that somebody has locked",
    "locked_paths": "it changes paths that somebody has locked",
    "merge_request_blocked": "another merge request has to be merged first",
    "merge_time": "it may not be merged before the time that is set on it",
    "need_rebase": "its target branch has moved",
    "not_approved": "it lacks approvals that GitLab requires",
    "not_open": "it is not open",
    "requested_changes": "a reviewer requested changes",
    "security_policy_violations": "a security policy is not met",
    "status_checks_must_pass": "an external status check has to pass",
    "title_regex": "its title is not as the project wants it",
}
_MOVED = frozenset({"need_rebase"})
# GitLab is about to know; asking again helps.
_UNDECIDED = frozenset({"unchecked", "checking", "preparing", "approvals_syncing", "ci_creating"})


class Way(NamedTuple):
    """How to merge: whether GitLab is to squash."""

    squash: bool


def way_of(method: MergeMethod, project: Project) -> Way:
    """Return how to merge by `method`. Raises `Refused` with the setting that is in the way."""
    if method == "fast-forward":
        raise Refused("GitLab merges no merge request by our fast-forward: push the commit instead")
    if project.merge_method not in _WAYS[method]:
        wanted = " or ".join(f"“{_METHODS[one]}”" for one in _METHODS if one in _WAYS[method])
        has = _METHODS.get(project.merge_method, project.merge_method)
        raise Refused(
            f"the project's merge method is “{has}”, and `merge: {method}` needs {wanted}: change "
            f"it in {_WHERE}, or `merge:` in `.lockstep.yaml`"
        )
    squash = method == "squash"
    if squash and project.squash_option == "never":
        raise Refused(_squash_setting("Do not allow", method))
    if not squash and project.squash_option == "always":
        raise Refused(_squash_setting("Require", method))
    return Way(squash)


def _squash_setting(has: str, method: MergeMethod) -> str:
    return (
        f"the project's “Squash commits when merging” is “{has}”, which `merge: {method}` cannot "
        f"go with: change it in {_WHERE}, or `merge:` in `.lockstep.yaml`"
    )


def made_already(
    data: Json, sha: str, what: str, login: Callable[[], str], error: ForgeError
) -> str:
    """Return the commit of a merge that GitLab refused because it is made; raise why it is not.

    `what` names the merge request, and `data` is how it stands now.
    """
    current = pull_request_info(data)
    if current.head_sha != sha:
        raise Conflict(
            f"{what} is at {current.head_sha[:12]} now, which is not {sha[:12]}"
        ) from error
    if current.merged_sha is not None:
        return current.merged_sha
    if status_of(error) == 401:
        raise Refused(
            f"GitLab would not merge {what}: {login()} may not merge into "
            f"{current.base_branch}; allow it in Settings > Repository > Protected branches"
        ) from error
    raise refusal(data, f"merge {what}", error) from error


def refusal(data: Json, doing: str, error: ForgeError) -> ForgeError:
    """Return why a merge request that is not merged could not be, as it stands now."""
    status = str(data.get("detailed_merge_status") or "")
    why = data.get("merge_error") or _WHY.get(status)
    said = f"GitLab would not {doing}: {why}" if why else str(error)
    if status in _UNDECIDED:
        return Unavailable(f"GitLab is still finding out whether it can {doing} ({status})")
    if status in _MOVED:
        return Conflict(said)
    return Refused(said)
