"""Ask what `http` and `metrics` gates ask, and read calendars from the web.

An answer is a small fact with its time. Whatever is no clear yes is a no with its reason,
in which nothing stands that the service said but numbers.
"""

import json
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jmespath
from jmespath.exceptions import JMESPathError

from bot.decisions.facts import Answer, Calendar
from bot.evidence import calendars
from bot.outbound import NoAnswer, Outbound
from config.outside import PLACEHOLDERS, HttpGate, MetricsGate

_CALENDAR_KEPT = timedelta(minutes=5)
_FINEST_STEP = timedelta(seconds=15)
_MOST_STEPS = 60
_MOST_SERIES = 1_000


def ask_http(outbound: Outbound, gate: HttpGate, about: Mapping[str, str], now: datetime) -> Answer:
    """Ask a service; `about` are the values of the placeholders, by name."""
    host = urlsplit(gate.url).hostname
    body = None
    if gate.method == "POST":
        given = (
            gate.body if gate.body is not None else {name: f"{{{name}}}" for name in PLACEHOLDERS}
        )
        body = json.dumps(_filled(given, about)).encode()
    url = gate.url
    for name, value in about.items():
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    try:
        data = _json(outbound.fetch(url, method=gate.method, body=body, secret=gate.secret))
        # The very value: a condition that is not a comparison says nothing clear.
        holds = jmespath.search(gate.condition, data) is True
    except NoAnswer as error:
        return Answer(now, holds=False, said=f"{host} {error}")
    except (JMESPathError, RecursionError, TypeError, ValueError):
        return Answer(
            now, holds=False, said=f"{host} answers what tells nothing of {gate.condition}"
        )
    verdict = "agrees" if holds else "does not agree"
    return Answer(now, holds=holds, said=f"{host} {verdict} that {gate.condition}")


def _filled(value: Any, about: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(below, about) for key, below in value.items()}
    if isinstance(value, list):
        return [_filled(below, about) for below in value]
    if isinstance(value, str):
        for name, said in about.items():
            value = value.replace(f"{{{name}}}", said)
    return value


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NoAnswer("answers what is no JSON") from error


def ask_metrics(outbound: Outbound, gate: MetricsGate, now: datetime) -> Answer:
    """Ask Prometheus whether every value is as expected, and since when without a gap."""
    host = urlsplit(gate.url).hostname
    try:
        data = _json(outbound.fetch(_query(gate, now), secret=gate.secret))
        moments = _moments(data, gate, now)
    except NoAnswer as error:
        return Answer(now, holds=False, said=f"{host} {error}")
    newest, values = moments[0]
    if not values:
        return Answer(now, holds=False, said=f"{host} measures nothing for this query")
    wrong = [value for value in values if not gate.expect.holds(value)]
    if wrong:
        shown = ", ".join(f"{value:g}" for value in wrong[:3])
        return Answer(now, holds=False, said=f"{host} measures {shown}, not {gate.expect}")
    since = newest
    for moment, before in moments[1:]:
        if not before or not all(map(gate.expect.holds, before)):
            break
        since = moment
    shown = f"{values[0]:g}" if len(values) == 1 else f"{len(values)} values"
    return Answer(now, holds=True, said=f"{host} measures {shown}, as expected", since=since)


def _step(gate: MetricsGate) -> timedelta:
    length = gate.for_ or timedelta()
    seconds = math.ceil(length.total_seconds() / _MOST_STEPS)
    return max(timedelta(seconds=seconds), _FINEST_STEP)


def _steps(gate: MetricsGate) -> int:
    return math.ceil(gate.for_ / _step(gate)) if gate.for_ else 0


def _query(gate: MetricsGate, now: datetime) -> str:
    root, asked = gate.url.rstrip("/"), {"query": gate.query}
    if gate.for_ is None:
        return f"{root}/api/v1/query?{urlencode(asked | {'time': _number(now)})}"
    step = _step(gate)
    asked |= {
        "start": _number(now - _steps(gate) * step),
        "end": _number(now),
        "step": f"{step.total_seconds():g}",
    }
    return f"{root}/api/v1/query_range?{urlencode(asked)}"


def _number(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"


def _moments(data: Any, gate: MetricsGate, now: datetime) -> list[tuple[datetime, list[float]]]:
    """Return the moments that were asked about, newest first, each with its values."""
    try:
        if data["status"] != "success":
            raise NoAnswer("cannot answer this query")
        kind, result = data["data"]["resultType"], data["data"]["result"]
        found: list[Sequence[Any]]
        if kind == "scalar":
            found = [result]
        elif kind == "vector":
            found = [series["value"] for series in result]
        else:
            found = [sample for series in result for sample in series["values"]]
        if len(result) > _MOST_SERIES:
            raise NoAnswer(f"answers with more than {_MOST_SERIES:,} series; aggregate them")
        return _by_step([(float(at), float(value)) for at, value in found], gate, now)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise NoAnswer("answers what Prometheus would not") from error


def _by_step(
    samples: Iterable[tuple[float, float]], gate: MetricsGate, now: datetime
) -> list[tuple[datetime, list[float]]]:
    step = _step(gate)
    values: list[list[float]] = [[] for _ in range(_steps(gate) + 1)]
    for at, value in samples:
        back = round((now.timestamp() - at) / step.total_seconds()) if gate.for_ else 0
        if 0 <= back < len(values):
            values[back].append(value)
    return [(now - back * step, found) for back, found in enumerate(values)]


@dataclass(slots=True)
class WebCalendars:
    """Calendars on the web, each asked for at most every five minutes, the bad ones too."""

    outbound: Outbound
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _known: dict[str, tuple[datetime, bytes, str]] = field(default_factory=dict, repr=False)

    def read(self, url: str, zone: str, now: datetime) -> Calendar:
        """Return a calendar's events, or the problem with it and when it is read again."""
        with self._lock:
            at, text, problem = self._known.get(url, (None, b"", ""))
        if at is None or not at <= now < at + _CALENDAR_KEPT:
            at, text, problem = now, b"", ""
            try:
                text = self.outbound.fetch(url)
            except NoAnswer as error:
                problem = f"{urlsplit(url).hostname} {error}"
            with self._lock:
                self._known[url] = (at, text, problem)
        found = Calendar(problem=problem) if problem else calendars.read(text, zone, now)
        again = (at + _CALENDAR_KEPT).astimezone(UTC)
        return Calendar(found.events, found.problem, again if found.problem else None)


class Outside:
    """What a worker asks on behalf of gates: services, and calendars on the web."""

    def __init__(self, outbound: Outbound | None = None) -> None:
        self.outbound = outbound or Outbound()
        self.calendars = WebCalendars(self.outbound)
