"""Moments as people type them on a command line."""

from datetime import UTC, datetime
from typing import Any

import click

from config.times import timezone


class Moment(click.ParamType[datetime]):
    """A time with its zone, by name or offset: ``2026-12-24T10:00``, UTC if nothing is said."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment that `value` spells; fails where it spells none."""
        if isinstance(value, datetime):
            return value
        from zoneinfo import ZoneInfo  # noqa: PLC0415 -- few commands need it

        spelled, _, zone = str(value).strip().rpartition(" ")
        if not spelled or ":" in zone:
            spelled, zone = str(value).strip(), ""
        try:
            moment = datetime.fromisoformat(spelled)
            tz = ZoneInfo(timezone(zone)) if zone else UTC
        except ValueError as error:
            why = str(error) if zone and "time zone" in str(error) else "it is not a time"
            self.fail(
                f"{value!r}: {why}; write `2026-12-24T10:00`, which is UTC, "
                "`2026-12-24T10:00+01:00` or `2026-12-24 10:00 Europe/Berlin`",
                param,
                ctx,
            )
        if moment.tzinfo is not None and zone:
            self.fail(f"{value!r} has both an offset and a zone; leave one of them out", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=tz)
