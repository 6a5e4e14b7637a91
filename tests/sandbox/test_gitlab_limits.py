"""Conditional requests, limits and faults in GitLab's dialect."""

from typing import Any

import pytest
import requests
from gitlab.exceptions import GitlabError

from tests.sandbox.conftest import LAB, Forge
from tests.sandbox.gitlab_steps import open_one, topic

WHERE = f"/projects/{LAB.replace('/', '%2F')}"


def _get(lab: Forge, path: str, **headers: str) -> requests.Response:
    headers = {"PRIVATE-TOKEN": lab.token("bob"), **headers}
    return requests.get(f"{lab.sandbox.gitlab_api_url}{path}", headers=headers, timeout=10)


def test_what_did_not_change_is_not_sent_again(lab: Forge) -> None:
    first = _get(lab, f"{WHERE}/merge_requests")
    same = _get(lab, f"{WHERE}/merge_requests", **{"If-None-Match": first.headers["ETag"]})
    topic(lab)
    open_one(lab)
    other = _get(lab, f"{WHERE}/merge_requests", **{"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, same.content, other.status_code) == (304, b"", 200)


def test_every_answer_says_what_is_left(lab: Forge) -> None:
    lab.do.set_limits(limit=10)

    answers = [_get(lab, WHERE) for _ in range(2)]

    assert [one.headers["RateLimit-Remaining"] for one in answers] == ["9", "8"]
    assert answers[0].headers["RateLimit-Limit"] == "10"
    assert {"RateLimit-Observed", "RateLimit-Reset", "RateLimit-Name"} <= set(answers[0].headers)


def test_an_answer_of_304_costs_a_call(lab: Forge) -> None:
    lab.do.set_limits(limit=10)
    first = _get(lab, WHERE)

    again = _get(lab, WHERE, **{"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.headers["RateLimit-Remaining"]) == (304, "8")


def test_who_asks_too_often_is_told_when_to_come_back(lab: Forge) -> None:
    lab.do.set_limits(limit=1, window=120)
    _get(lab, WHERE)

    late = _get(lab, WHERE)

    assert (late.status_code, late.text) == (429, "Retry later\n")
    assert 0 < int(late.headers["Retry-After"]) <= 120


@pytest.mark.parametrize(
    ("fault", "happened"),
    [({"lose": True}, True), ({"status": 503}, False), ({"status": 406}, False)],
)
def test_faults_spoil_gitlabs_calls_too(
    lab: Forge, fault: dict[str, Any], *, happened: bool
) -> None:
    project = lab.project("bob", LAB)
    lab.do.inject(method="POST", path="/repository/branches$", **fault)

    with pytest.raises((GitlabError, requests.ConnectionError)):
        project.branches.create({"branch": "new", "ref": "main"})

    names = [branch.name for branch in project.branches.list(get_all=True)]
    assert ("new" in names) is happened


def test_calls_are_counted_by_their_route(lab: Forge) -> None:
    lab.do.reset_calls()
    _get(lab, f"{WHERE}/merge_requests")
    _get(lab, f"{WHERE}/merge_requests")

    assert lab.do.calls() == [
        {"method": "GET", "route": "/projects/{id}/merge_requests", "count": 2}
    ]
    assert lab.do.calls(LAB) == lab.do.calls()
