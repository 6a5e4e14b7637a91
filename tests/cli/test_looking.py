"""What a look costs, whatever there is; and what is shown where somebody does not answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, cast

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.taskqueue.v1 import PollerInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueResponse
from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from bot.cli import looking
from bot.cli.looking import MOST_PROMOTIONS, PER_PAGE, Looking
from bot.cli.main import Failure
from bot.cli.pages import Pages, github_site
from webhook.dashboard.document import Hop, Question, Said, Status, Unavailable, Working
from workflows.values.base import RepositoryKey
from workflows.values.drift import BackMerge, DriftState
from workflows.values.pipeline import OpenPromotion, PipelineState
from workflows.values.promotion import Outline

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
PAGES = Pages("https://github.com", "https://gitlab.example.com")


@dataclass(frozen=True)
class Run:
    id: str
    workflow_type: str


@dataclass
class Temporal:
    """Temporal with workflows that answer queries, as far as a look asks it."""

    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    running: list[Run] = field(default_factory=list)
    pollers: tuple[str, ...] = ("1@here",)
    away: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    at_once: int = 0
    most: int = 0
    namespace: str = "default"

    @property
    def workflow_service(self) -> "Temporal":
        return self

    async def describe_task_queue(self, request: Any, *, timeout: timedelta) -> Any:  # noqa: ASYNC109 -- as the SDK has it
        del request, timeout
        self._ask("describe")
        seen = Timestamp()
        seen.FromDatetime(NOON)
        pollers = [PollerInfo(identity=one, last_access_time=seen) for one in self.pollers]
        return DescribeTaskQueueResponse(pollers=pollers)

    async def list_workflows(self, query: str, limit: int | None = None) -> AsyncIterator[Run]:
        self._ask("list")
        wanted = [run for run in self.running if run.workflow_type in query]
        for run in wanted[:limit]:
            yield run

    def get_workflow_handle(self, workflow: str) -> "Handle":
        return Handle(self, workflow)

    def _ask(self, what: str) -> None:
        self.asked[what] += 1
        if self.away:
            raise RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")

    def has(self, key: RepositoryKey, *environments: str, hops: tuple[Hop, ...] = ()) -> None:
        """Have a repository, with promotions open to these environments."""
        promotions = tuple(_promotion(key, one, at) for at, one in enumerate(environments, 1))
        for one in promotions:
            self.running.append(Run(one.workflow_id, "promotion"))
            self.answers[one.workflow_id, "outline"] = Outline(
                waits_for="waiting for sign-off by qa", since=NOON, opened=NOON
            )
        self.running.append(Run(key.pipeline_id, "pipeline"))
        self.answers[key.pipeline_id, "state"] = PipelineState(
            forge=key.forge, owner=key.owner, name=key.name, id=1, open=promotions
        )
        self.answers[key.drift_watch_id, "state"] = DriftState(repository=key, hops=hops)


def _promotion(key: RepositoryKey, environment: str, number: int) -> OpenPromotion:
    return OpenPromotion(
        environment=environment,
        source="b" * 40,
        workflow_id=key.promotion_id(environment, "b" * 40),
        branch=f"lockstep/promote/{environment}/bbbbbbbbbbbb",
        number=number,
    )


@dataclass
class Handle:
    temporal: Temporal
    workflow: str

    async def query(self, name: str, *, result_type: type[Any], rpc_timeout: timedelta) -> Any:
        del result_type, rpc_timeout
        self.temporal.asked["query"] += 1
        self.temporal.at_once += 1
        self.temporal.most = max(self.temporal.most, self.temporal.at_once)
        try:
            await asyncio.sleep(0)
            answer = self.temporal.answers.get((self.workflow, name))
            if isinstance(answer, asyncio.Event):
                await answer.wait()
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
            return answer
        finally:
            self.temporal.at_once -= 1


def key(name: str, forge: str = "github") -> RepositoryKey:
    owner, _, last = name.rpartition("/")
    return RepositoryKey.model_validate({"forge": forge, "owner": owner, "name": last})


async def _no_budgets() -> None:
    return None


def look(temporal: Temporal) -> Looking:
    return Looking(cast("Any", temporal), PAGES, _no_budgets, lambda: NOON)


def names(status: Status) -> list[str]:
    return [one.repository for one in status.repositories]


async def test_a_page_of_ten_thousand_promotions_costs_what_a_page_costs() -> None:
    temporal = Temporal()
    environments = [f"region-{n}" for n in range(MOST_PROMOTIONS + 5)]
    for n in range(400):
        temporal.has(key(f"acme/service-{n:03}"), *environments)
    looks = look(temporal)

    first = await looks.status(Question())
    await looks.status(Question(page=2))

    assert (first.total, first.open, first.pages) == (400, 10_000, 16)
    assert len(first.repositories) == PER_PAGE
    assert {len(one.promotions) for one in first.repositories} == {MOST_PROMOTIONS}
    assert {one.left_out for one in first.repositories} == {5}
    # The list is asked for once, and of each repository its two workflows and its promotions.
    assert temporal.asked["list"] == 1
    assert temporal.asked["query"] <= 2 * PER_PAGE * (2 + MOST_PROMOTIONS)
    assert temporal.most <= 16


async def test_what_is_open_is_told_with_its_page_and_who_signed_off() -> None:
    temporal = Temporal()
    shop = key("acme/shop")
    temporal.has(shop, "production", hops=(Hop(source="staging", target="production"),))
    temporal.answers[shop.promotion_id("production", "b" * 40), "outline"] = Outline(
        waits_for="waiting for sign-off by qa",
        since=NOON,
        opened=NOON,
        sign_offs=(Said(person="carol", what="security"),),
        hold=Said(person="dan", what="later"),
    )
    temporal.answers[shop.drift_watch_id, "state"] = DriftState(
        repository=shop,
        hops=(Hop(source="staging", target="production", pending=2, held=1),),
        back_merges=(BackMerge(environment="production", branch="b", digest="d", number=3),),
        problem="line 1: no",
    )

    status = await look(temporal).status(Question())

    (found,) = status.repositories
    (promotion,) = found.promotions
    assert (promotion.url, found.url) == (
        "https://github.com/acme/shop/pull/1",
        "https://github.com/acme/shop",
    )
    assert promotion.sign_offs == (Said(person="carol", what="security"),)
    assert promotion.hold == Said(person="dan", what="later")
    assert found.hops == (Hop(source="staging", target="production", pending=2, held=1),)
    assert found.back_merges[0].url == "https://github.com/acme/shop/pull/3"
    assert found.problem == "line 1: no"
    assert status.workers == (Working(identity="1@here", seen=NOON),)


async def test_repositories_with_something_open_come_first_and_can_be_searched_for() -> None:
    temporal = Temporal()
    temporal.has(key("acme/a"))
    temporal.has(key("acme/z"), "production")
    temporal.has(key("group/sub/a", "gitlab"), "production")
    looks = look(temporal)

    assert names(await looks.status(Question())) == ["acme/z", "group/sub/a", "acme/a"]
    assert names(await looks.status(Question(text="SUB"))) == ["group/sub/a"]
    assert names(await looks.status(Question(repository="Acme/A"))) == ["acme/a"]
    assert names(await looks.status(Question(text="nothing like it"))) == []
    assert names(await looks.status(Question(page=9))) == ["acme/z", "group/sub/a", "acme/a"]


async def test_without_a_worker_nobody_is_asked_and_that_is_said() -> None:
    temporal = Temporal(pollers=())
    temporal.has(key("acme/shop"), "production")

    (found,) = (await look(temporal).status(Question())).repositories

    assert (temporal.asked["query"], found.unanswered) == (
        0,
        "Nobody is there to ask: no worker runs",
    )


async def test_a_repository_that_does_not_answer_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looking, "_LOOK_SECONDS", 0.2)
    temporal = Temporal()
    for name in ("acme/good", "acme/late", "acme/wedged"):
        temporal.has(key(name))
    temporal.answers[key("acme/late").pipeline_id, "state"] = asyncio.Event()
    wedged = RPCError("cannot be asked", RPCStatusCode.DEADLINE_EXCEEDED, b"")
    temporal.answers[key("acme/wedged").pipeline_id, "state"] = wedged

    status = await look(temporal).status(Question())

    assert [one.unanswered for one in status.repositories] == [
        "",
        "No worker has answered in time; it is asked again",
        "No worker has answered for pipeline/github/acme/wedged (cannot be asked); is one running?",
    ]
    with pytest.raises(Failure, match="acme/wedged"):
        await look(temporal).everything("acme/wedged")


async def test_a_worker_of_an_older_release_is_asked_in_its_own_way() -> None:
    temporal = Temporal()
    shop = key("acme/shop")
    temporal.has(shop, "production")
    workflow = shop.promotion_id("production", "b" * 40)
    temporal.answers[workflow, "outline"] = WorkflowQueryFailedError("no query handler: outline")
    temporal.answers[workflow, "waits_for"] = "waiting for sign-off by qa"

    (found,) = (await look(temporal).status(Question())).repositories

    (promotion,) = found.promotions
    assert (promotion.waits_for, promotion.since) == ("waiting for sign-off by qa", None)


async def test_a_promotion_that_has_just_ended_is_no_error() -> None:
    temporal = Temporal()
    shop = key("acme/shop")
    temporal.has(shop, "production")
    del temporal.answers[shop.promotion_id("production", "b" * 40), "outline"]

    (found,) = (await look(temporal).status(Question())).repositories

    assert [one.waits_for for one in found.promotions] == [""]


async def test_while_temporal_is_away_nothing_is_told() -> None:
    with pytest.raises(Unavailable, match="Temporal cannot be reached"):
        await look(Temporal(away=True)).status(Question())


async def test_a_client_that_has_not_connected_yet_is_temporal_away() -> None:
    class Lazy(Temporal):
        async def describe_task_queue(self, request: Any, *, timeout: timedelta) -> NoReturn:  # noqa: ASYNC109 -- as the SDK has it
            raise RuntimeError(f"nobody to connect to for {request}, {timeout}")

    with pytest.raises(Unavailable):
        await look(Lazy()).status(Question())


@pytest.mark.parametrize(
    ("api", "site"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://ghe.example.com/api/v3", "https://ghe.example.com"),
        ("https://ghe.example.com:8443/git/api/v3", "https://ghe.example.com:8443/git"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
        ("http://127.0.0.1:4000/api/v3", "http://127.0.0.1:4000"),
    ],
)
def test_the_pages_of_github_are_found_by_its_api(api: str, site: str) -> None:
    assert github_site(api) == site


def test_a_pull_request_has_the_page_that_its_forge_gives_it() -> None:
    found = [
        PAGES.pull_request(key(name, forge), number)
        for name, forge, number in (
            ("acme/shop", "github", 7),
            ("group/sub/shop", "gitlab", 7),
            ("acme/shop", "git", 7),
            ("acme/shop", "github", None),
        )
    ]

    assert found == [
        "https://github.com/acme/shop/pull/7",
        "https://gitlab.example.com/group/sub/shop/-/merge_requests/7",
        None,
        None,
    ]
