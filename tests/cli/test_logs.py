"""Log lines: followed by a person, or by a program, and nobody learns a secret from them."""

import json
import logging
from types import TracebackType
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from bot.cli.logs import HIDDEN, Json, Text

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def _record(message: str, level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    record = logging.LogRecord("bot.place", level, __file__, 1, message, None, extra.pop("e", None))
    record.__dict__.update(extra, created=1_700_000_000.25)
    return record


def _raised(error: Exception) -> _ExcInfo:
    def fail() -> None:
        raise error

    try:
        fail()
    except Exception as raised:  # noqa: BLE001 -- whatever it is that a test gives
        return type(raised), raised, raised.__traceback__
    raise AssertionError


def test_a_line_of_text_has_the_time_and_says_what_is_worse_than_information() -> None:
    lines = [Text().format(_record("so", level)) for level in (logging.INFO, logging.WARNING)]

    assert [line[8:] for line in lines] == [" so", " warning: so"]
    assert [len(line.partition(" ")[0].split(":")) for line in lines] == [3, 3]


def test_json_is_one_object_a_line_also_where_the_message_has_lines() -> None:
    line = Json().format(_record("two\nlines"))

    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "info",
        "logger": "bot.place",
        "message": "two\nlines",
    }


def test_a_secret_is_hidden_in_messages_and_in_tracebacks() -> None:
    record = _record("token ghp_1", e=_raised(ValueError("ghp_1 is refused")))

    for formatter in (Text(["ghp_1", ""]), Json(["ghp_1", ""])):
        line = formatter.format(record)
        assert "ghp_1" not in line
        assert line.count(HIDDEN) >= 2


@pytest.mark.parametrize("secret", ['quo"ted', "back\\slash", "schlüssel", "two\nlines", "\ttab"])
def test_a_secret_is_hidden_however_it_is_spelled_in_json(secret: str) -> None:
    line = Json([secret]).format(_record(f"token {secret}."))

    assert json.loads(line)["message"] == f"token {HIDDEN}."


def test_of_a_secret_that_holds_another_nothing_is_left() -> None:
    assert Text(["abc", "abc-def"]).format(_record("token abc-def"))[9:] == f"token {HIDDEN}"


def test_a_step_that_a_forge_refused_is_one_line_and_a_mistake_of_ours_a_traceback() -> None:
    step = {"workflow_id": "promotion/x", "activity_type": "advance", "attempt": 3}
    refused = _record("failed", e=_raised(ApplicationError("no")), temporal_activity=step)
    mistake = _record("failed", e=_raised(KeyError("x")), temporal_activity=step)

    assert Text().format(refused)[9:] == "promotion/x: no; trying again (attempt 3 at advance)"
    assert "Traceback" not in Json().format(refused)
    assert "Traceback" in Text().format(mistake)
