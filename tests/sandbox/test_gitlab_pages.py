"""The pages of a server that goes by GitLab's habits: its nouns, its addresses, its buttons."""

from collections.abc import Callable, Iterator

import pytest
import requests

from tests.sandbox.conftest import LAB, Forge
from tests.sandbox.gitlab_steps import open_one, seen_by, topic

Act = Callable[[str], requests.Session]


@pytest.fixture
def act(lab: Forge) -> Iterator[Act]:
    """Browsers that act as somebody."""
    opened: list[requests.Session] = []

    def as_somebody(login: str) -> requests.Session:
        session = requests.Session()
        opened.append(session)
        form = {"login": login, "back": "/"}
        session.post(f"{lab.sandbox.url}/_sandbox/act-as", data=form, timeout=5)
        return session

    yield as_somebody
    for session in opened:
        session.close()


def _get(lab: Forge, session: requests.Session, path: str) -> str:
    answer = session.get(lab.sandbox.url + path, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.text


def _do(lab: Forge, session: requests.Session, action: str, **form: object) -> requests.Response:
    answer = session.post(f"{lab.sandbox.url}/{LAB}/do/{action}", data=form, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer


def test_every_page_is_where_gitlab_has_it_and_speaks_of_merge_requests(
    lab: Forge, act: Act
) -> None:
    topic(lab)
    made = open_one(lab)
    lab.project("bob", LAB).issues.create({"title": "Drift"})
    key = lab.do.run_pipeline(LAB, "topic", "success", {"unit": "success"})
    bob = act("bob")
    tails = ["", "/-/tree/topic", "/-/blob?branch=topic&path=app.yaml", f"/-/commit/{made.sha}"]
    tails += ["/-/merge_requests", "/-/merge_requests/1", "/-/issues", "/-/issues/1"]
    tails += ["/-/compare/main...topic", f"/-/pipelines/{key}"]

    pages = [_get(lab, bob, f"/{LAB}{tail}") for tail in tails]

    for page in pages:
        assert "A development tool on this machine, not GitLab." in page
        assert "Merge requests (1)" in page
        assert "ull request" not in page
    assert "!1 by bob" in pages[4].replace("\n", "")
    assert made.web_url.endswith(f"/{LAB}/-/merge_requests/1")


def test_a_merge_request_is_opened_approved_and_merged_by_hand(lab: Forge, act: Act) -> None:
    topic(lab)
    bob, mona = act("bob"), act("mona")
    opened = _do(lab, bob, "open", head="topic", base="main", title="By hand")
    number = lab.project("bob", LAB).mergerequests.get(1)

    approved = _do(lab, mona, "review", number=1, event="APPROVE", back="/-/merge_requests/1")
    _do(lab, mona, "review", number=1, event="UNAPPROVE", back="/-/merge_requests/1")
    _do(lab, mona, "review", number=1, event="APPROVE", back="/-/merge_requests/1")
    merged = _do(lab, mona, "merge", number=1, method="squash")

    assert opened.url.endswith(f"/{LAB}/-/merge_requests/1")
    assert "Revoke approval as mona" in approved.text
    assert "1 approval." in approved.text
    assert "Merged as" in merged.text
    assert seen_by(lab, "bob", number).state == "merged"


def test_one_does_not_approve_ones_own_and_is_told_so(lab: Forge, act: Act) -> None:
    topic(lab)
    open_one(lab)

    answer = _do(lab, act("bob"), "review", number=1, event="APPROVE", back="/-/merge_requests/1")

    assert "Not done: bob cannot approve this merge request" in answer.text


def test_a_comment_that_gitlab_takes_for_itself_is_said_to_be_gone(lab: Forge, act: Act) -> None:
    topic(lab)
    made = open_one(lab)
    bob = act("bob")

    kept = _do(lab, bob, "comment", number=1, body="/lockstep status")
    gone = _do(lab, bob, "comment", number=1, body="/draft")

    assert "/lockstep status" in kept.text
    assert "took that for a quick action" in gone.text
    assert seen_by(lab, "bob", made).title == "Draft: Change a"


def test_a_confidential_issue_is_not_shown_to_others(lab: Forge, act: Act) -> None:
    lab.project("bob", LAB).issues.create({"title": "Leak", "confidential": True})

    lab.do.edit_repository(LAB, "alice", private=False)
    team = _get(lab, act("rita"), f"/{LAB}/-/issues")
    others = act("stranger")
    listed = _get(lab, others, f"/{LAB}/-/issues")
    asked = others.get(f"{lab.sandbox.url}/{LAB}/-/issues/1", timeout=5)

    assert ("Leak" in team, "Leak" in listed, asked.status_code) == (True, False, 404)
