"""What each forge's tokens have left: as metrics, and read back for people.

Only the process that makes the calls knows it, so `lockstep status` asks that process.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from rich.text import Text

from bot.forges.forge import Forge
from config.settings import Settings
from webhook.dashboard.document import Budget

_PREFIX = "lockstep_forge_"
_SECONDS = 2.0
# Of each figure of `Left`: the metric, and what it says.
_FIGURES = (
    ("calls", "calls_left", "Calls that the token has left until the reset"),
    ("calls_limit", "calls_limit", "Calls that the token has between two resets"),
    ("resets_at", "calls_reset_seconds", "When all calls are there again, since 1970"),
    ("writes_this_minute", "writes_left", "Writes that may go within this minute"),
    ("content_this_hour", "content_left", "Content-creating calls that may go within the hour"),
    ("resting_until", "resting_until_seconds", "Until when the forge asked for silence"),
)


class Budgets(Collector):
    """Collects what the tokens of some forges have left."""

    def __init__(self, forges: Iterable[Forge]) -> None:
        self._forges = list(forges)

    def collect(self) -> Iterator[Metric]:
        """Yield a gauge for each figure that is known."""
        found: dict[str, GaugeMetricFamily] = {}
        for forge in self._forges:
            for left in forge.budgets():
                for field, name, words in _FIGURES:
                    gauge = found.setdefault(
                        name, GaugeMetricFamily(_PREFIX + name, words, labels=["forge", "token"])
                    )
                    value = getattr(left, field)
                    if value is not None:
                        number = value.timestamp() if isinstance(value, datetime) else value
                        gauge.add_metric([forge.name, left.name], number)
        yield from found.values()


def registry_of(forges: Iterable[Forge]) -> CollectorRegistry:
    """Return a registry that has the budgets of these forges."""
    registry = CollectorRegistry()
    registry.register(Budgets(forges))
    return registry


def known(forges: Iterable[Forge]) -> list[Budget]:
    """Return what the tokens of these forges have left, as this process knows it."""
    return [
        Budget(
            forge=forge.name,
            token=left.name,
            **{field: getattr(left, field) for field, _, _ in _FIGURES},
        )
        for forge in forges
        for left in forge.budgets()
    ]


async def asked(settings: Settings) -> list[Budget] | None:
    """Return what a worker of these settings tells, None where none answers."""
    port = settings.metrics_port or settings.port
    # A worker that listens everywhere is asked on this machine.
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 -- what is looked for
    try:
        return read(await asyncio.to_thread(_fetched, f"http://{host}:{port}/metrics"))
    except (OSError, HTTPException, ValueError):
        return None


def _fetched(url: str) -> str:
    with urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 -- of our own making
        data: bytes = answer.read()
    return data.decode()


def read(metrics: str) -> list[Budget] | None:
    """Return the budgets in a page of metrics, None where it has none. Raises `ValueError`."""
    fields = {name: field for field, name, _ in _FIGURES}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for family in text_string_to_metric_families(metrics):
        if not family.name.startswith(_PREFIX):
            continue
        for sample in family.samples:
            labels = sample.labels
            field = fields.get(sample.name.removeprefix(_PREFIX))
            if field is not None:
                of_token = found.setdefault((labels["forge"], labels["token"]), {})
                of_token[field] = _value(field, sample.value)
    return [Budget(forge=forge, token=token, **of) for (forge, token), of in found.items()] or None


def _value(field: str, value: float) -> int | datetime:
    is_time = field in {"resets_at", "resting_until"}
    return datetime.fromtimestamp(value, UTC) if is_time else int(value)


def lines(found: Sequence[Budget]) -> list[Text]:
    """Return a line for each token, as people read it."""
    if not found:
        said = "calls left: not known, no worker answers (LOCKSTEP_METRICS_PORT, or LOCKSTEP_PORT)"
        return [Text(said, style="bright_black")]
    return [Text.assemble((one.token, "bold"), f"  {one.in_words}") for one in found]
