"""What people do on a GitLab, for the tests of its dialect."""

from typing import Any

from gitlab.v4.objects import ProjectMergeRequest

from tests.sandbox.conftest import LAB, Forge


def topic(lab: Forge, name: str = "topic", text: str = "a: 2\nb: 1\nc: 1\n") -> None:
    """Let bob change app.yaml on a branch of its own."""
    lab.project("bob", LAB).branches.create({"branch": name, "ref": "main"})
    lab.do.commit(LAB, name, {"app.yaml": text}, "bob", f"Change on {name}")


def open_one(
    lab: Forge, login: str = "bob", head: str = "topic", **fields: Any
) -> ProjectMergeRequest:
    """Open a merge request into main."""
    given = {"source_branch": head, "target_branch": "main", "title": "Change a", **fields}
    made = lab.project(login, LAB).mergerequests.create(given)
    assert isinstance(made, ProjectMergeRequest)
    return made


def seen_by(lab: Forge, login: str, asked: ProjectMergeRequest) -> ProjectMergeRequest:
    """Return a merge request as somebody gets it now."""
    found = lab.project(login, LAB).mergerequests.get(asked.iid)
    assert isinstance(found, ProjectMergeRequest)
    return found
