"""Log lines that a person can follow, or one JSON object a line; never a secret."""

import json
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, TextIO

from temporalio.exceptions import ApplicationError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

HIDDEN = "(hidden)"
# Of these only what is out of order: they say much about themselves.
_QUIET = ("temporalio", "aiohttp", "github", "urllib3", "git", "asyncio")


def set_up(
    style: Literal["text", "json"], secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send log lines to standard error, or to `stream`; no secret ever stands in one."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter((Json if style == "json" else Text)(secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its core would write lines of its own, in a form of its own.
    core = LoggingConfig(
        TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(logging.getLogger("temporalio.core")),
    )
    runtime = Runtime(telemetry=TelemetryConfig(logging=core))
    Runtime.set_default(runtime, error_if_already_set=False)


class _Formatter(logging.Formatter, ABC):
    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        # As they are, and as they stand within a JSON string; a part of another comes after it.
        shown = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1]) if form}
        self._secrets = sorted(shown, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        line = self.line(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return line

    @abstractmethod
    def line(self, record: logging.LogRecord) -> str:
        """Return the line of a record, which may still hold secrets."""

    def details(self, record: logging.LogRecord) -> str:
        """Return the traceback, empty where there is none or nothing in it would help."""
        if record.exc_info is None or _expected(record) is not None:
            return ""
        return self.formatException(record.exc_info)


class Text(_Formatter):
    """`12:30:05 what happened`, local time; what is worse than information says so."""

    def line(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        at = datetime.fromtimestamp(record.created).astimezone()
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        details = self.details(record)
        return f"{at:%H:%M:%S} {level}{message(record)}" + (f"\n{details}" if details else "")


class Json(_Formatter):
    """One object a line: `time` (UTC), `level`, `logger`, `message`, and `traceback` if any."""

    def line(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message(record),
        }
        details = self.details(record)
        return json.dumps(fields | ({"traceback": details} if details else {}))


def message(record: logging.LogRecord) -> str:
    """Return what a record says; of a step that failed and is tried again, a sentence."""
    error = _expected(record)
    if error is None:
        return record.getMessage()
    step = getattr(record, "temporal_activity", {})
    return (
        f"{step.get('workflow_id')}: {error}; trying again "
        f"(attempt {step.get('attempt')} at {step.get('activity_type')})"
    )


def _expected(record: logging.LogRecord) -> ApplicationError | None:
    """Return why a step failed, where that is nothing unforeseen: a forge or git said no."""
    if not hasattr(record, "temporal_activity") or record.exc_info is None:
        return None
    error = record.exc_info[1]
    return error if isinstance(error, ApplicationError) else None
