"""How GitLab merges: its methods, its commits, what stands in the way, and over a kill."""

from dataclasses import replace

import pytest
from gitlab.exceptions import GitlabAuthenticationError, GitlabMRClosedError
from gitlab.v4.objects import ProjectMergeRequest

from bot.sandbox.gitlab_merging import merge
from bot.sandbox.pulls import conversation, pulls
from tests.sandbox.conftest import LAB, Forge
from tests.sandbox.gitlab_steps import open_one, seen_by, topic


def _status(lab: Forge, asked: ProjectMergeRequest) -> str:
    return str(seen_by(lab, "bob", asked).detailed_merge_status)


def test_a_merge_pinned_to_another_head_is_a_conflict(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)

    with pytest.raises(GitlabMRClosedError) as conflict:
        seen_by(lab, "mona", made).merge(sha="0" * 40)

    assert conflict.value.response_code == 409
    assert made.sha in str(conflict.value.error_message)


def test_a_merge_makes_gitlabs_commit_and_tells_it(lab: Forge) -> None:
    topic(lab)
    made = seen_by(lab, "mona", open_one(lab))

    made.merge(sha=made.sha, should_remove_source_branch=True)

    project = lab.project("mona", LAB)
    commit = project.commits.get(made.merge_commit_sha)
    assert (made.state, made.merge_user["username"]) == ("merged", "mona")
    assert commit.message.startswith("Merge branch 'topic' into 'main'")
    assert f"See merge request {LAB}!1" in commit.message
    assert commit.parent_ids[1] == made.sha
    assert "topic" not in [branch.name for branch in project.branches.list(get_all=True)]


def test_a_message_of_ones_own_is_taken_as_it_is(lab: Forge) -> None:
    topic(lab)
    made = seen_by(lab, "mona", open_one(lab))

    made.merge(merge_commit_message="Promote 1.2\n\nTested.")

    commit = lab.project("mona", LAB).commits.get(made.merge_commit_sha)
    assert commit.message == "Promote 1.2\n\nTested."


def test_squashing_makes_one_commit_beside_the_merge(lab: Forge) -> None:
    topic(lab)
    lab.do.commit(LAB, "topic", {"app.yaml": "a: 3\nb: 1\nc: 1\n"}, "bob", "And again")
    made = seen_by(lab, "mona", open_one(lab))

    made.merge(squash=True, squash_commit_message="All of it")

    project = lab.project("mona", LAB)
    squashed = project.commits.get(made.squash_commit_sha)
    assert (squashed.message, squashed.author_name) == ("All of it", "bob")
    assert project.commits.get(made.merge_commit_sha).parent_ids[1] == squashed.id


def test_a_fast_forward_project_moves_the_branch_to_the_head_itself(lab: Forge) -> None:
    lab.do.set_up(LAB, merge_method="ff")
    topic(lab)
    made = seen_by(lab, "mona", open_one(lab))

    made.merge()

    assert made.merge_commit_sha is None
    assert lab.project("mona", LAB).branches.get("main").commit["id"] == made.sha


@pytest.mark.parametrize("method", ["ff", "rebase_merge"])
def test_a_linear_project_wants_a_rebase_first_and_does_it_on_request(
    lab: Forge, method: str
) -> None:
    lab.do.set_up(LAB, merge_method=method)
    topic(lab)
    made = open_one(lab)
    lab.do.commit(LAB, "main", {"README.md": "# New\n"}, "mona", "Meanwhile")

    assert _status(lab, made) == "need_rebase"
    with pytest.raises(GitlabMRClosedError) as refused:
        seen_by(lab, "mona", made).merge()
    assert refused.value.response_code == 422
    made.rebase()

    rebased = seen_by(lab, "mona", made)
    assert (rebased.detailed_merge_status, rebased.sha != made.sha) == ("mergeable", True)
    rebased.merge()
    assert rebased.state == "merged"


def test_a_conflict_cannot_be_merged(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)
    lab.do.commit(LAB, "main", {"app.yaml": "a: 3\nb: 1\nc: 1\n"}, "mona", "Meanwhile")

    with pytest.raises(GitlabMRClosedError) as refused:
        seen_by(lab, "mona", made).merge()

    assert (_status(lab, made), refused.value.response_code) == ("conflict", 422)
    assert seen_by(lab, "bob", made).has_conflicts


def test_a_draft_is_not_merged(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab, title="Draft: Change a")

    with pytest.raises(GitlabMRClosedError) as refused:
        seen_by(lab, "mona", made).merge()

    assert (made.draft, _status(lab, made)) == (True, "draft_status")
    assert refused.value.response_code == 405


def test_a_developer_may_not_merge_into_what_is_protected(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)

    with pytest.raises(GitlabAuthenticationError) as refused:
        made.merge()

    assert refused.value.response_code == 401


def test_a_status_that_is_still_being_looked_at_can_be_played(lab: Forge) -> None:
    topic(lab)
    made = open_one(lab)
    lab.do.show_merge_status(LAB, made.iid, "checking")
    looking = seen_by(lab, "bob", made)

    lab.do.show_merge_status(LAB, made.iid, None)

    assert (looking.detailed_merge_status, looking.merge_status) == ("checking", "checking")
    assert _status(lab, made) == "mergeable"


def test_a_merge_that_a_kill_cut_is_finished_at_the_next_start(lab: Forge) -> None:
    topic(lab)
    lab.do.commit(LAB, "topic", {"x": "1"}, "bob", "More")
    made = open_one(lab, squash=True)

    lab.call(_cut_in_the_middle, lab)
    lab.restart()

    merged = seen_by(lab, "bob", made)
    assert (merged.state, merged.merge_user["username"]) == ("merged", "mona")
    assert lab.project("bob", LAB).commits.get(merged.squash_commit_sha).message == "Change a"


def _cut_in_the_middle(lab: Forge) -> None:
    """Merge in git and write down what was meant, and nothing of what follows."""
    controls = lab.sandbox.controls
    world, repo = controls._world, controls._repo(LAB)
    asked, mona = pulls(world, repo)[0], controls._account("mona")
    merge(world, repo, asked, mona, {"squash": True})
    done = pulls(world, repo)[0]
    about = conversation(world, done)
    world.store.put(replace(about, state="open", closed_at=None, closed_by=None))
    intent = (done.merge_sha or "", mona.id, "merge")
    world.store.put(replace(done, merged_at=None, merged_by=None, merge_sha=None, intent=intent))
    # The base as it was last announced: before the merge.
    refs = {**world.repository(repo.id).refs, "refs/heads/main": asked.base_sha}
    world.store.put(replace(world.repository(repo.id), refs=refs))
