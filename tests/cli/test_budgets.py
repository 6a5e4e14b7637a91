"""What a token has left is told as metrics, and read back for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from prometheus_client.exposition import generate_latest

from bot.cli.budgets import lines, read, registry_of
from bot.forges.forge import Left
from webhook.dashboard.document import Budget

RESET = datetime(2026, 11, 3, 14, tzinfo=UTC)
USED = Left("GitHub", 4812, 5000, RESET, 74, 461, None)
RESTING = Left("GitHub, for acme", None, None, None, 75, 480, RESET)
UNUSED = Left("plain")


@dataclass(frozen=True)
class Told:
    """A forge as far as metrics see it."""

    name: str
    left: Sequence[Left]

    def budgets(self) -> Sequence[Left]:
        return self.left


def metrics(*left: Left) -> str:
    return generate_latest(registry_of([cast("Any", Told("github", left))])).decode()


def test_what_metrics_tell_is_read_back_as_it_was() -> None:
    assert read(metrics(USED, RESTING)) == [
        Budget(
            forge="github",
            token="GitHub",
            calls=4812,
            calls_limit=5000,
            resets_at=RESET,
            writes_this_minute=74,
            content_this_hour=461,
        ),
        Budget(
            forge="github",
            token="GitHub, for acme",
            writes_this_minute=75,
            content_this_hour=480,
            resting_until=RESET,
        ),
    ]


def test_a_limit_that_is_not_known_is_no_metric() -> None:
    assert "lockstep_forge_calls_left{" not in metrics(UNUSED)
    assert 'lockstep_forge_writes_left{forge="github",token="GitHub"} 74.0' in (metrics(USED))


def test_people_read_a_line_for_each_token() -> None:
    found = read(metrics(USED, RESTING))

    assert [line.plain for line in lines(found or [])] == [
        (
            "GitHub  4812 of 5000 calls left until 14:00 UTC;"
            " 74 more writes this minute; 461 more posts this hour"
        ),
        (
            "GitHub, for acme  asked to rest until 14:00:00 UTC;"
            " 75 more writes this minute; 480 more posts this hour"
        ),
    ]


def test_where_no_worker_answers_the_settings_to_look_at_are_named() -> None:
    (line,) = lines(read("# nothing of ours\n") or [])

    assert line.plain == (
        "calls left: not known, no worker answers (LOCKSTEP_METRICS_PORT, or LOCKSTEP_PORT)"
    )
