import asyncio
import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webhook.builders import OUTAGE, FakeTemporal, delivery, numbered_push, repository
from webhook.dispatch import Dispatcher, UnavailableError, pipeline_id
from webhook.events import ChecksChanged, Comment, Delivery

PIPELINE = "pipeline/github/acme/shop"
DOWN = str(OUTAGE)


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def take(dispatcher: Dispatcher, *deliveries: Delivery) -> asyncio.Task[None]:
    return asyncio.create_task(dispatcher.take(deliveries))


async def outcome(task: asyncio.Task[None]) -> str:
    try:
        await task
    except UnavailableError as error:
        return str(error)
    return "taken"


async def test_a_lone_delivery_leaves_at_once() -> None:
    temporal = FakeTemporal()

    await Dispatcher(temporal).take([delivery("1")])

    assert temporal.sent == [(PIPELINE, ["1"])]


async def test_what_arrives_while_a_signal_is_in_flight_leaves_as_one_list_in_order() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    temporal.door.clear()

    tasks = [take(dispatcher, delivery("1"))]
    await settle()
    tasks += [take(dispatcher, delivery(i)) for i in "234"]
    await settle()
    temporal.door.set()

    assert [await outcome(task) for task in tasks] == ["taken"] * 4
    assert temporal.sent == [(PIPELINE, ["1"]), (PIPELINE, ["2", "3", "4"])]
    assert dispatcher.waiting == 0


async def test_nobody_is_answered_before_the_signal_that_carried_them_is_acknowledged() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    temporal.door.clear()

    first = take(dispatcher, delivery("1"))
    await settle()
    second = take(dispatcher, delivery("2"))
    await settle()

    assert (first.done(), second.done(), dispatcher.waiting) == (False, False, 2)
    temporal.door.set()
    await asyncio.gather(first, second)


async def test_repositories_do_not_wait_for_each_other() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    temporal.door.clear()

    tasks = [take(dispatcher, delivery(i, repository=repository(f"r{i}"))) for i in "123"]
    await settle()

    assert temporal.most_in_flight == 3
    temporal.door.set()
    await asyncio.gather(*tasks)


async def test_a_failed_signal_fails_all_that_it_carried_and_all_that_waited_behind_it() -> None:
    temporal = FakeTemporal(down=OUTAGE)
    dispatcher = Dispatcher(temporal)
    temporal.door.clear()

    tasks = [take(dispatcher, delivery("1"))]
    await settle()
    tasks += [take(dispatcher, delivery(i)) for i in "23"]
    await settle()
    temporal.door.set()

    assert [await outcome(task) for task in tasks] == [DOWN] * 3
    assert (temporal.sent, dispatcher.waiting) == ([], 0)


async def test_after_an_outage_deliveries_are_taken_again() -> None:
    temporal = FakeTemporal(down=OUTAGE)
    dispatcher = Dispatcher(temporal)
    assert await outcome(take(dispatcher, delivery("1"))) == DOWN

    temporal.down = None
    await dispatcher.take([delivery("1")])

    assert temporal.sent == [(PIPELINE, ["1"])]


async def test_an_error_that_nobody_thought_of_leaves_nobody_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dispatcher = Dispatcher(FakeTemporal(down=KeyError("bug")))

    with caplog.at_level(logging.CRITICAL, logger="webhook.dispatch"):
        said = await outcome(take(dispatcher, delivery("1")))

    assert said == "The receiver failed; its log says how"
    assert dispatcher.waiting == 0


async def test_a_delivery_to_several_repositories_is_taken_when_all_have_it() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)

    await dispatcher.take([delivery("1", repository=repository(name)) for name in ("a", "b")])

    assert sorted(temporal.sent) == [
        ("pipeline/github/acme/a", ["1"]),
        ("pipeline/github/acme/b", ["1"]),
    ]


async def test_more_than_may_wait_is_refused_and_nothing_of_it_is_queued() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal, most_waiting=2)
    temporal.door.clear()
    held = [take(dispatcher, delivery(i)) for i in "12"]
    await settle()

    said = await outcome(take(dispatcher, delivery("3")))

    assert said == "Too many deliveries are waiting already"
    temporal.door.set()
    assert [await outcome(task) for task in held] == ["taken"] * 2
    assert sorted(d.id for d in temporal.deliveries) == ["1", "2"]


async def test_a_caller_that_goes_away_takes_back_nothing_that_others_wait_for() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    temporal.door.clear()
    first = take(dispatcher, delivery("1"))
    await settle()
    second, third = take(dispatcher, delivery("2")), take(dispatcher, delivery("3"))
    await settle()

    first.cancel()
    second.cancel()
    await settle()
    temporal.door.set()

    assert await outcome(third) == "taken"
    assert temporal.sent == [(PIPELINE, ["2", "3"])]
    assert dispatcher.waiting == 0


async def test_hints_that_say_the_same_leave_as_the_last_of_them() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    checks = ChecksChanged(sha="c" * 40)

    tasks = [take(dispatcher, delivery(str(n), checks)) for n in range(100)]
    tasks.append(take(dispatcher, delivery("push")))
    tasks.append(take(dispatcher, delivery("last", checks)))
    await asyncio.gather(*tasks)

    assert temporal.sent == [(PIPELINE, ["0"]), (PIPELINE, ["push", "last"])]


async def test_a_signal_stays_below_what_temporal_takes() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    # Each control character becomes six in JSON.
    said = [comment(number, "/" + "\x01" * 8000) for number in range(1, 13)]

    await asyncio.gather(*(dispatcher.take([delivery(str(s.id), s)]) for s in said))

    assert [ids for _, ids in temporal.sent] == [
        ["1"],
        ["2", "3", "4", "5", "6"],
        ["7", "8", "9", "10", "11"],
        ["12"],
    ]


def comment(number: int, text: str) -> Comment:
    return Comment(
        number=1,
        id=number,
        author="alice",
        at=datetime(2026, 1, 5, tzinfo=UTC),
        text=text,
        on_pull_request=True,
    )


async def test_closing_sends_what_waits_and_takes_nothing_more() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    temporal.door.clear()
    tasks = [take(dispatcher, delivery(i)) for i in "12"]
    await settle()

    closing = asyncio.create_task(dispatcher.close(5))
    await settle()
    refused = await outcome(take(dispatcher, delivery("3")))
    temporal.door.set()
    await closing

    assert [await outcome(task) for task in tasks] == ["taken"] * 2
    assert refused == "The receiver is shutting down"


async def test_closing_ends_in_time_and_says_taken_of_nothing_that_was_not() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    temporal.door.clear()
    first = take(dispatcher, delivery("1"))
    await settle()
    second = take(dispatcher, delivery("2"))
    await settle()

    await dispatcher.close(0.01)
    said = await outcome(second)
    temporal.door.set()

    assert (said, await outcome(first)) == ("The receiver is shutting down", "taken")
    assert (temporal.sent, dispatcher.waiting) == ([(PIPELINE, ["1"])], 0)


async def test_closing_in_the_middle_of_a_list_fails_all_of_it() -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    temporal.door.clear()
    tasks = [take(dispatcher, delivery(i), delivery(i + i)) for i in "12"]
    await settle()

    await dispatcher.close(0.01)

    assert [await outcome(task) for task in tasks] == ["The receiver is shutting down"] * 2
    assert (temporal.sent, dispatcher.waiting) == ([], 0)


SCRIPT = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["take", "pause", "break", "mend"])),
    max_size=40,
)


@settings(max_examples=60)
@given(SCRIPT)
async def test_taken_is_said_of_exactly_what_temporal_has(script: list[tuple[str, str]]) -> None:
    temporal = FakeTemporal()
    dispatcher = Dispatcher(temporal)
    tasks: dict[str, asyncio.Task[None]] = {}

    for number, (name, step) in enumerate(script):
        match step:
            case "take":
                one = delivery(str(number), numbered_push(str(number)), repository(name))
                tasks[one.id] = take(dispatcher, one)
            case "pause":
                await settle()
            case "break":
                temporal.down = OUTAGE
            case _:
                temporal.down = None
    said = {id_: await outcome(task) for id_, task in tasks.items()}

    assert sorted(d.id for d in temporal.deliveries) == sorted(
        id_ for id_, word in said.items() if word == "taken"
    )
    for name in "ab":
        # The forge's order is kept within a repository.
        order = [int(d.id) for d in temporal.deliveries if d.repository.name == name]
        assert order == sorted(order)
    assert dispatcher.waiting == 0


def test_a_pipeline_is_named_by_its_forge_and_its_repository() -> None:
    nested = repository("shop").model_copy(update={"forge": "gitlab", "owner": "acme/web"})

    assert pipeline_id(delivery("1", repository=nested)) == "pipeline/gitlab/acme/web/shop"
