"""How a forge goes about things when nobody asks it: its nouns, its refs, what a push does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """One forge's habits, by which the whole server goes; both dialects are spoken anyhow.

    `empty_pulls`: a pull request may have no commits of its own. `closes_emptied`: one whose
    head is pushed back into its base is closed. `closes_without_base`: so is one whose base
    branch is deleted. `resets_approvals`: a push takes them away, unless the project's settings
    keep them. `head_ref` may name `{number}` or `{iid}`.
    """

    forge: str
    brand: str
    pull: str
    mark: str
    head_ref: str
    empty_pulls: bool
    closes_emptied: bool
    closes_without_base: bool
    resets_approvals: bool
    missing: str
    no_read: str
    no_write: str
    no_archive: str
    declined: str
    hook: str
    realm: str
    noreply: str


GITHUB = Ways(
    forge="github",
    brand="GitHub",
    pull="pull request",
    mark="#",
    head_ref="refs/pull/{number}/head",
    empty_pulls=False,
    closes_emptied=True,
    closes_without_base=True,
    resets_approvals=False,
    missing="Repository not found.",
    no_read="Permission to {path}.git denied to {who}.",
    no_write="Permission to {path}.git denied to {who}.",
    no_archive="This repository was archived so it is read-only.",
    declined="error: GH006: Protected branch update failed for {ref}.\nerror: {why}\n",
    hook="protected branch hook declined",
    realm="GitHub",
    noreply="{id}+{login}@users.noreply.github.com",
)
GITLAB = Ways(
    forge="gitlab",
    brand="GitLab",
    pull="merge request",
    mark="!",
    head_ref="refs/merge-requests/{iid}/head",
    empty_pulls=True,
    closes_emptied=False,
    closes_without_base=False,
    resets_approvals=True,
    missing=(
        "The project you were looking for could not be found or you don't have permission to"
        " view it."
    ),
    no_read="You are not allowed to download code from this project.",
    no_write="You are not allowed to push code to this project.",
    no_archive="You can't push code to a read-only project.",
    declined="GitLab: {why}\n",
    hook="pre-receive hook declined",
    realm="GitLab",
    noreply="{id}-{login}@users.noreply.gitlab.com",
)
WAYS = {ways.forge: ways for ways in (GITHUB, GITLAB)}
