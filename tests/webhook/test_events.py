from datetime import UTC, datetime

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from tests.webhook.builders import NEW, SHOP, delivery, push
from webhook.events import (
    BranchDeleted,
    ChecksChanged,
    Comment,
    Delivery,
    Event,
    InstallationChanged,
    PullRequestChanged,
    RepositoryChanged,
    ReviewChanged,
    is_work,
)

EVERY_KIND: list[Event] = [
    push(),
    BranchDeleted(branch="main", by=None),
    PullRequestChanged(
        number=12,
        action="closed",
        head_branch="topic",
        head_sha=NEW,
        base_branch="main",
        merged=True,
        from_fork=False,
        by="alice",
    ),
    ReviewChanged(number=12, by="alice"),
    Comment(
        number=12,
        id=99,
        author="alice",
        at=datetime(2026, 1, 5, tzinfo=UTC),
        text="/drift\u2028🚀",
        on_pull_request=False,
    ),
    ChecksChanged(sha=NEW),
    RepositoryChanged(change="moved", before="acme/a", after="acme/b", by=None),
    InstallationChanged(access="granted", by=None),
]


async def test_every_kind_of_event_crosses_temporal_unchanged() -> None:
    sent = [delivery(f"d-{n}", event) for n, event in enumerate(EVERY_KIND)]

    payloads = await pydantic_data_converter.encode([SHOP, sent])
    received = await pydantic_data_converter.decode(payloads, [type(SHOP), list[Delivery]])

    assert received == [SHOP, sent]


def test_a_field_that_a_newer_receiver_added_is_skipped() -> None:
    known = delivery("d-1")

    newer = known.model_dump(mode="json") | {"priority": "high"}

    assert Delivery.model_validate(newer) == known


@pytest.mark.parametrize("kind", ["push", "checks_changed"])
def test_an_event_of_another_shape_is_refused(kind: str) -> None:
    broken = {"id": "d-1", "repository": SHOP.model_dump(), "event": {"kind": kind, "sha": "x"}}

    with pytest.raises(ValueError, match=f"event.{kind}"):
        Delivery.model_validate(broken)


@pytest.mark.parametrize(
    ("branch", "work"),
    [
        ("main", False),
        ("lockstep/promote/staging/0123456789ab", True),
        ("lockstep/freeze", False),
        ("lockstep/freeze-old", True),
    ],
)
def test_a_freeze_is_the_one_branch_of_ours_that_matters_by_itself(
    branch: str, *, work: bool
) -> None:
    assert is_work(branch) is work
