"""Instants and zones as records carry them and as people type them. It never asks what time it is."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
TYPED = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ]+(\d{1,2}):(\d\d)(:\d\d(?:\.\d{1,6})?)?\s*([Zz]|[+-]\d\d:?\d\d)?")


@cache
def zones() -> frozenset[str]:
    """The names of all IANA zones that this machine knows."""
    return frozenset(available_timezones())


@lru_cache(maxsize=256)
def zone_of(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, ValueError, OSError):  # zoneinfo raises each of them for a name that is none
        return None


def day(written: Any) -> date | None:
    """The day that `2026-03-01` is."""
    try:
        return date.fromisoformat(written) if isinstance(written, str) and DAY.fullmatch(written) else None
    except ValueError:
        return None


def instant(written: Any, zone: str | None = None) -> datetime | None:
    """The moment that upstream's text names, in UTC. One without an offset is in `zone`, or else names none."""
    if not isinstance(written, str) or not DAY.match(written):
        return None
    try:
        parsed = datetime.fromisoformat(written.upper())
        if parsed.tzinfo is None:
            known = zone_of(zone)
            if known is None:
                return None
            parsed = parsed.replace(tzinfo=known)
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def starts_at(when: Any) -> datetime | None:
    """The moment of a `{dateOnly}` (midnight UTC) or a `{dateTime, timezone}`."""
    if not isinstance(when, dict):
        return None
    if found := day(when.get("dateOnly")):
        return datetime(found.year, found.month, found.day, tzinfo=UTC)
    zone = when.get("timezone")
    return instant(when.get("dateTime"), zone if isinstance(zone, str) else None)


def typed(written: str, zone: str) -> str | None:
    """What a person typed as upstream wants it, with an offset: that of `zone` where none was typed."""
    found = TYPED.fullmatch(written.strip())
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{int(found[2]):02d}:{found[3]}{found[4] or ':00'}")
        if found[5]:
            offset = "Z" if found[5] in "zZ" else found[5]
            return f"{moment.isoformat()}{offset if offset == 'Z' or ':' in offset else offset[:3] + ':' + offset[3:]}"
        return within(moment, zone)
    except ValueError:
        return None


def within(moment: datetime, zone: str) -> str:
    """A wall clock's time in a zone, with the offset that it has there then."""
    return moment.replace(tzinfo=zone_of(zone) or UTC).isoformat()


def shifted(when: dict[str, Any], by: timedelta, zone: str) -> dict[str, Any]:
    """The same `when`, so much later, with its clock in `zone`."""
    if found := day(when.get("dateOnly")):
        return {"dateOnly": (found + by).isoformat()}
    moment = starts_at(when)
    if moment is None:
        return when
    return {"dateTime": (moment + by).astimezone(zone_of(zone) or UTC).isoformat(), "timezone": zone}
