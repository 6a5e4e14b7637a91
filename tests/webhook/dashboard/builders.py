"""A dashboard with what a test says in it, and no Temporal behind it."""

from datetime import UTC, datetime, timedelta

from webhook.dashboard.document import (
    BroughtHome,
    Budget,
    ForLater,
    Hop,
    OpenWork,
    Question,
    Said,
    Status,
    Unavailable,
    Waiting,
    Working,
)

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SHA = "24de32de" * 5


def waiting(environment: str = "production", **fields: object) -> Waiting:
    return Waiting.model_validate(
        {
            "environment": environment,
            "source": SHA,
            "pull_request": 7,
            "url": "https://github.com/acme/shop/pull/7",
            "waits_for": "waiting for sign-off by qa",
            "since": NOON - timedelta(hours=3),
            "opened": NOON - timedelta(days=2),
            **fields,
        }
    )


def work(*promotions: Waiting, **fields: object) -> OpenWork:
    return OpenWork.model_validate(
        {
            "forge": "github",
            "repository": "acme/shop",
            "url": "https://github.com/acme/shop",
            "promotions": promotions,
            "hops": (
                Hop(source="development", target="staging"),
                Hop(source="staging", target="production", pending=2),
            ),
            **fields,
        }
    )


def status(*repositories: OpenWork, **fields: object) -> Status:
    return Status.model_validate(
        {
            "at": NOON,
            "repositories": repositories,
            "workers": [Working(identity="1@here", seen=NOON - timedelta(seconds=20))],
            "budgets": [
                Budget(
                    forge="github",
                    token="GitHub",
                    calls=4812,
                    calls_limit=5000,
                    resets_at=NOON + timedelta(hours=1),
                    writes_this_minute=74,
                    content_this_hour=461,
                )
            ],
            "total": len(repositories),
            "open": sum(len(one.promotions) for one in repositories),
            **fields,
        }
    )


def busy() -> Status:
    """Everything that a page can show, at once."""
    return status(
        work(
            waiting(sign_offs=[Said(person="carol", what="security")]),
            waiting(
                "staging",
                pull_request=8,
                waits_for="held by dan: until the bank holiday is over; `/resume` lets it go on",
                hold=Said(person="dan", what="until the bank holiday is over"),
                since=NOON - timedelta(minutes=4),
                opened=NOON - timedelta(minutes=4),
            ),
            back_merges=[BroughtHome(environment="production", pull_request=3)],
            planned=[
                ForLater(
                    environment="staging",
                    at=NOON,
                    wall="Mon 2026-11-30 09:00 Europe/Berlin",
                    by="dan",
                )
            ],
            hops=[
                Hop(source="development", target="staging", pending=12, held=3),
                Hop(source="staging", target="production", pending=1, drift=2, conflict=1),
            ],
        ),
        work(
            repository="acme/payments",
            frozen="frozen since Thu 2026-11-26 09:00 UTC by dan: the data centre burns, until "
            "the branch `lockstep/freeze` is deleted",
            hops=[Hop(source="development", target="production")],
        ),
        OpenWork(
            forge="gitlab",
            repository="platform/a-group/with-a-very-long-name-that-has-to-be-broken-somewhere",
            problem="line 7, column 5: there is no environment `stagng`; did you mean `staging`?",
        ),
        OpenWork(
            forge="git", repository="plain/config", unanswered="No worker has answered in time"
        ),
        pages=3,
        page=2,
        total=70,
        open=41,
    )


class Told:
    """Tells what it was given, and remembers what it was asked."""

    def __init__(self, answer: Status | None) -> None:
        self.answer = answer
        self.asked: list[Question] = []

    async def status(self, question: Question) -> Status:
        self.asked.append(question)
        if self.answer is None:
            raise Unavailable("Temporal cannot be reached")
        return self.answer
