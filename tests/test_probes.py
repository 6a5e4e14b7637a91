"""What services and Prometheus answer, as facts: a clear yes is one, and nothing else is."""

import json
import urllib.parse
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decisions.facts import Answer, Calendar
from bot.outbound import NoAnswer, Outbound
from bot.probes import WebCalendars, ask_http, ask_metrics
from config.outside import HttpGate, MetricsGate
from config.reach import reach
from tests.service import service

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HERE = Outbound(reach("127.0.0.0/8"), limit=2)
ABOUT = {
    "repository": "acme/config",
    "environment": "production",
    "sha": "c" * 40,
    "source": "5" * 40,
    "digest": "d" * 64,
}


def http(url: str, **more: Any) -> HttpGate:
    return HttpGate.model_validate(
        {"name": "room", "url": url, "condition": "status == 'ok' && free > `10`", **more}
    )


def test_a_service_agrees_where_the_condition_is_true() -> None:
    with service(body=b'{"status": "ok", "free": 11}') as here:
        answer = ask_http(HERE, http(here.url), ABOUT, NOW)

    assert answer == Answer(NOW, True, "127.0.0.1 agrees that status == 'ok' && free > `10`")


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": "ok", "free": 10}',
        b'{"status": "down", "free": 11}',
        b"{}",
        b"[]",
        b"null",
        b'"ok"',
        b"true",
        b'{"status": "ok", "free": "11"}',
        b'{"status": "ok", "free": NaN}',
        b"",
        b"<html>ok</html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"status": "ok", "free": ' + b"9" * 10_000 + b"}",
    ],
)
def test_whatever_is_no_clear_yes_is_a_no(body: bytes) -> None:
    with service(body=body) as here:
        assert not ask_http(HERE, http(here.url), ABOUT, NOW).holds


@pytest.mark.parametrize("condition", ["status", "free", "length(status)", "'true'", "abs(status)"])
def test_a_condition_that_is_not_true_itself_is_a_no(condition: str) -> None:
    with service(body=b'{"status": "ok", "free": 11}') as here:
        assert not ask_http(HERE, http(here.url, condition=condition), ABOUT, NOW).holds


def test_what_is_promoted_stands_for_itself_in_address_and_body() -> None:
    with service() as here:
        gate = http(
            f"{here.url}/{{environment}}?sha={{sha}}&of={{repository}}",
            method="POST",
            body={"text": "to {environment}", "list": ["{source}", 1], "{sha}": None},
        )
        ask_http(HERE, gate, ABOUT, NOW)
        ask_http(HERE, http(here.url, method="POST"), ABOUT, NOW)

    (_, path, headers, body), (_, _, _, everything) = here.asked
    assert path == f"/production?sha={'c' * 40}&of=acme%2Fconfig"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"text": "to production", "list": ["5" * 40, 1], "{sha}": None}
    assert json.loads(everything) == ABOUT


def test_a_service_that_cannot_be_asked_is_a_no_that_says_why() -> None:
    with service(status=503) as here:
        answer = ask_http(HERE, http(here.url), ABOUT, NOW)
        elsewhere = ask_http(Outbound(), http(here.url), ABOUT, NOW)

    assert answer == Answer(NOW, False, "127.0.0.1 answers 503")
    assert not elsewhere.holds
    assert elsewhere.said.startswith("127.0.0.1 is not where the server's settings let gates ask")


def metrics(url: str, **more: Any) -> MetricsGate:
    return MetricsGate.model_validate(
        {"name": "errors", "url": url, "query": "errors", "expect": "< 1", **more}
    )


def prometheus(kind: str, result: Any) -> bytes:
    return json.dumps(
        {"status": "success", "data": {"resultType": kind, "result": result}}
    ).encode()


def vector(*values: str) -> bytes:
    return prometheus(
        "vector", [{"metric": {"pod": str(i)}, "value": [0, v]} for i, v in enumerate(values)]
    )


@pytest.mark.parametrize(
    ("body", "holds", "said"),
    [
        (vector("0.5"), True, "measures 0.5, as expected"),
        (vector("0.5", "0"), True, "measures 2 values, as expected"),
        (prometheus("scalar", [0, "0"]), True, "measures 0, as expected"),
        (vector("1"), False, "measures 1, not < 1"),
        (vector("0", "7", "NaN", "8", "9"), False, "measures 7, nan, 8, not < 1"),
        (vector("+Inf"), False, "measures inf, not < 1"),
        (vector(), False, "measures nothing for this query"),
        (b'{"status": "error", "error": "secret"}', False, "cannot answer this query"),
        (b"{}", False, "answers what Prometheus would not"),
        (b"[]", False, "answers what Prometheus would not"),
        (b"no", False, "answers what is no JSON"),
        (prometheus("string", [0, "0"]), False, "answers what Prometheus would not"),
        (prometheus("vector", [{"value": [0]}]), False, "answers what Prometheus would not"),
        (prometheus("vector", {"value": 1}), False, "answers what Prometheus would not"),
        (vector(*["0"] * 1001), False, "answers with more than 1,000 series; aggregate them"),
    ],
)
def test_every_value_that_is_measured_must_be_as_expected(
    body: bytes, *, holds: bool, said: str
) -> None:
    with service(body=body) as here:
        answer = ask_metrics(HERE, metrics(here.url), NOW)

    assert (answer.holds, answer.said) == (holds, f"127.0.0.1 {said}")


def over_time(series: list[list[str | None]]) -> Callable[[Any], None]:
    """Answer a range query with values at every step, newest first; None is a gap."""

    def act(handler: Any) -> None:
        asked = dict(urllib.parse.parse_qsl(handler.path.partition("?")[2]))
        end, step = float(asked["end"]), float(asked["step"])
        start = float(asked["start"])
        result = [
            {
                "metric": {},
                "values": [
                    [end - back * step, value]
                    for back, value in reversed(list(enumerate(values)))
                    if value is not None and end - back * step >= start
                ],
            }
            for values in series
        ]
        body = prometheus("matrix", result)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return act


@pytest.mark.parametrize(
    ("series", "holds", "back"),
    [
        ([["0"] * 100], True, 40),
        ([["0"] * 12 + ["2"] + ["0"] * 100], True, 11),
        ([["0"] * 12 + [None] + ["0"] * 100], True, 11),
        ([["0"] * 12 + ["NaN"] + ["0"] * 100], True, 11),
        ([["0"]], True, 0),
        ([["0"] * 100, ["0"] * 5 + ["2"] + ["0"] * 100], True, 4),
        # One that came later, as a new pod does, is no gap; none at all is.
        ([["0"] * 100, ["0"] * 5], True, 40),
        ([["2"] + ["0"] * 100], False, None),
        ([[None] + ["0"] * 100], False, None),
        ([], False, None),
    ],
)
def test_a_measurement_has_held_since_the_last_gap(
    series: list[list[str | None]], *, holds: bool, back: int | None
) -> None:
    with service(act=over_time(series)) as here:
        answer = ask_metrics(HERE, metrics(here.url, **{"for": "10m"}), NOW)

    # Ten minutes by steps of fifteen seconds.
    since = None if back is None else NOW - back * timedelta(seconds=15)
    assert (answer.holds, answer.since) == (holds, since)


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=60) | st.text().map(json.dumps).map(str.encode))
def test_no_answer_of_any_kind_raises_or_opens(body: bytes) -> None:
    class Says(Outbound):
        def fetch(self, url: str, **_: Any) -> bytes:
            del url
            return body

    assert not ask_http(Says(), http("https://x.example"), ABOUT, NOW).holds
    assert not ask_metrics(Says(), metrics("https://x.example"), NOW).holds


ICS = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    b"DTSTAMP:20260101T000000Z\r\nDTSTART:20260601T000000Z\r\nDTEND:20260602T000000Z\r\n"
    b"SUMMARY:Fair\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_a_calendar_on_the_web_is_read_every_five_minutes_at_most() -> None:
    with service(body=ICS) as here:
        calendars = WebCalendars(HERE)
        first = calendars.read(here.url, "UTC", NOW)
        calendars.read(here.url, "UTC", NOW + timedelta(minutes=4))
        here.body = b"gone"
        later = calendars.read(here.url, "UTC", NOW + timedelta(minutes=5))

    assert [event.summary for event in first.events] == ["Fair"]
    assert len(here.asked) == 2
    assert later.events == ()
    assert later.problem.startswith("it is no iCalendar file")
    assert later.again == NOW + timedelta(minutes=10)


def test_a_calendar_that_cannot_be_fetched_is_a_problem_and_asked_for_again() -> None:
    with service(status=404) as here:
        found = WebCalendars(HERE).read(here.url, "UTC", NOW)

    assert found == Calendar(problem="127.0.0.1 answers 404", again=NOW + timedelta(minutes=5))


def test_what_is_forbidden_is_no_answer_at_all() -> None:
    with pytest.raises(NoAnswer):
        replace(HERE, limit=1.0).fetch("http://169.254.169.254/latest/meta-data/")
