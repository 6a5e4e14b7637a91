"""Real git over HTTP: clones, pushes, who may, and what protection forbids."""

from pathlib import Path

import pytest

from tests.sandbox.conftest import CONFIG, Clone, Forge, GitFailed, run_git


@pytest.fixture
def clone(forge: Forge, tmp_path: Path) -> Clone:
    """Bob's clone."""
    return forge.clone(tmp_path / "clone", "bob")


def _head(forge: Forge, branch: str) -> str:
    return forge.repo().get_branch(branch).commit.sha


def test_a_public_repository_is_cloned_without_a_token(forge: Forge, tmp_path: Path) -> None:
    run_git(tmp_path, "clone", "-q", f"{forge.sandbox.url}/{CONFIG}.git", "open")

    assert (tmp_path / "open" / "app.yaml").read_text() == "a: 1\nb: 1\nc: 1\n"


def test_a_private_repository_is_hidden_from_those_without_access(
    forge: Forge, tmp_path: Path
) -> None:
    forge.do.add_repository("acme/secret", {"x": "1"}, private=True)

    with pytest.raises(GitFailed, match=r"could not read Username|Authentication"):
        run_git(tmp_path, "clone", "-q", f"{forge.sandbox.url}/acme/secret.git", "x")
    with pytest.raises(GitFailed, match="not found"):
        forge.clone(tmp_path / "y", "eve", "acme/secret")


def test_somebody_who_may_only_read_cannot_push(forge: Forge, tmp_path: Path) -> None:
    clone = forge.clone(tmp_path / "clone", "eve")
    clone.commit({"app.yaml": "a: 2\n"})

    with pytest.raises(GitFailed, match="403"):
        clone.git("push", "-q", "origin", "HEAD:main")


def test_several_branches_arrive_in_one_push(forge: Forge, clone: Clone) -> None:
    sha = clone.commit({"app.yaml": "a: 2\n"})
    clone.git("push", "-q", "origin", "HEAD:main", "HEAD:refs/heads/feature/x", "HEAD:development")

    assert {_head(forge, b) for b in ("main", "feature/x", "development")} == {sha}


def test_a_large_push_arrives_whole(forge: Forge, clone: Clone) -> None:
    files = {f"many/{number}.yaml": f"x: {number}\n" * 400 for number in range(300)}
    clone.commit(files)
    # Small, so that git sends the body in chunks.
    clone.git("-c", "http.postBuffer=65536", "push", "-q", "origin", "HEAD:main")

    again = forge.clone(clone.path.parent / "again")

    assert len(list((again.path / "many").iterdir())) == 300


def test_shallow_and_partial_clones_work(forge: Forge, tmp_path: Path) -> None:
    url = f"{forge.sandbox.url}/{CONFIG}.git"
    run_git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", url, "partial.git")
    run_git(tmp_path, "clone", "-q", "--depth=1", url, "shallow")

    assert run_git(tmp_path / "partial.git", "show", "main:app.yaml") == "a: 1\nb: 1\nc: 1"
    assert run_git(tmp_path / "shallow", "rev-list", "--count", "HEAD") == "1"


def test_a_lease_that_is_out_of_date_is_refused(forge: Forge, clone: Clone) -> None:
    old = _head(forge, "main")
    forge.do.commit(CONFIG, "main", {"app.yaml": "a: 9\n"}, "alice", "First")
    clone.commit({"app.yaml": "a: 2\n"})

    with pytest.raises(GitFailed, match="stale info"):
        clone.git("push", f"--force-with-lease=main:{old}", "origin", "HEAD:main")


def test_a_protected_branch_takes_no_force_and_no_deletion(forge: Forge, clone: Clone) -> None:
    forge.do.protect(CONFIG, "development")
    before = _head(forge, "development")
    clone.git("commit", "-q", "--amend", "-m", "Other history")

    with pytest.raises(GitFailed, match="non-fast-forward"):
        clone.git("push", "--force", "origin", "HEAD:development")
    with pytest.raises(GitFailed, match="protected branch hook declined"):
        clone.git("push", "origin", ":development")

    assert _head(forge, "development") == before


def test_a_branch_that_wants_reviews_takes_no_direct_push(forge: Forge, clone: Clone) -> None:
    forge.do.protect(CONFIG, "main", approvals=1)
    clone.commit({"app.yaml": "a: 2\n"})

    with pytest.raises(GitFailed, match="Changes must be made through a pull request"):
        clone.git("push", "origin", "HEAD:main")


def test_a_branch_that_wants_a_check_takes_a_commit_that_has_it(forge: Forge, clone: Clone) -> None:
    forge.do.protect(CONFIG, "main", checks=("ci/test",))
    sha = clone.commit({"app.yaml": "a: 2\n"})
    clone.git("push", "-q", "origin", "HEAD:refs/heads/candidate")
    with pytest.raises(GitFailed, match="is expected"):
        clone.git("push", "origin", "HEAD:main")
    forge.do.set_status(CONFIG, sha, "ci/test", "success")

    clone.git("push", "-q", "origin", "HEAD:main")

    assert _head(forge, "main") == sha


def test_the_default_branch_is_not_deleted(clone: Clone) -> None:
    with pytest.raises(GitFailed, match="refusing to delete"):
        clone.git("push", "origin", ":main")


def test_the_heads_of_pull_requests_are_the_sandbox_s_own_to_write(clone: Clone) -> None:
    with pytest.raises(GitFailed, match="hidden ref"):
        clone.git("push", "origin", "HEAD:refs/pull/1/head")


def test_odd_names_and_paths_are_data(forge: Forge, clone: Clone) -> None:
    branch = "feature/ünï`$(id)`;'&"
    sha = clone.commit({"-rf/--help.yaml": "x: 1\n", 'a "b"/ü*.yaml': "y: 1\n"}, "--amend $(id)")
    clone.git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")

    repo = forge.repo()

    assert _head(forge, branch) == sha
    pull = repo.create_pull(title="<b>", body="", head=branch, base="main")
    assert {f.filename for f in pull.get_files()} == {"-rf/--help.yaml", 'a "b"/ü*.yaml'}
    content = repo.get_contents("-rf/--help.yaml", ref=sha)
    assert not isinstance(content, list)
    assert content.decoded_content == b"x: 1\n"
    assert pull.merge().merged


def test_a_fault_hits_git_too(forge: Forge, clone: Clone) -> None:
    forge.do.inject(method="POST", path="git-receive-pack", lose=True)
    sha = clone.commit({"app.yaml": "a: 2\n"})

    with pytest.raises(GitFailed):
        clone.git("push", "-q", "origin", "HEAD:main")

    assert _head(forge, "main") == sha
