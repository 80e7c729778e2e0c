"""When the occurrences of a series start, worked out from the RFC 5545 lines that upstream sends with its master.

It never knows the exceptions: they are events of their own, and the SQL that asks takes them out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

MOST_STARTS = 2_000
MOST_STEPS = 10_000
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
"""Calendars repeat in days or more. Finer rules, which only a hostile invitation has, could keep a page busy for hours."""

_LINE = re.compile(r"^(?:(RRULE|EXRULE|EXDATE|RDATE)((?:;[^:]*)?):)?(.+)$", re.IGNORECASE)
_STAMP = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?$", re.IGNORECASE)


@dataclass(slots=True)
class _Lines:
    """The lines of one series, in the wall time of its zone (naive), as that is what rules count in."""

    rules: list[rrule] = field(default_factory=list)
    without_rules: list[rrule] = field(default_factory=list)
    added: list[datetime] = field(default_factory=list)
    without: set[datetime] = field(default_factory=set)
    without_days: set[datetime] = field(default_factory=set)  # EXDATE;VALUE=DATE: midnight of the day


@lru_cache(maxsize=16_384)
def series_starts(
    rules: str | None,
    starts_at: str | None,
    timezone: str | None,
    all_day: int | None,
    since: str | None,
    until: str | None,
) -> str:
    """The UTC starts in [since, until) as a JSON array, in order; `[]` for what can't be understood.

    All times are written as the mirror writes them. An all-day series has no zone: its days are midnights in UTC.
    At most `MOST_STARTS`, which is five years of a daily meeting.
    """
    if not (rules and starts_at and since and until):
        return "[]"
    try:
        zone = ZoneInfo("UTC") if all_day else _zone(timezone)
        first = _wall(starts_at, zone)
        window = _wall(since, zone), _wall(until, zone)
        found = _starts(_read(rules, first, zone, window[0]), window)
    except (ValueError, OverflowError, TypeError, ArithmeticError, AttributeError, IndexError):
        # dateutil raises any of these on rules that are no rules. Such a series is shown by its master alone.
        return "[]"
    texts = sorted({_written(start, zone) for start in found})
    return json.dumps([t for t in texts if since <= t < until][:MOST_STARTS])


def _starts(lines: _Lines, window: tuple[datetime, datetime]) -> list[datetime]:
    # A day's margin: the same instant may be on another day in another zone, and wall times repeat in autumn.
    since, until = window[0] - timedelta(days=1), window[1] + timedelta(days=1)
    found = {start for rule in lines.rules for start in _between(rule, since, until)}
    found.update(start for start in lines.added if since <= start <= until)
    taken_out = {start for rule in lines.without_rules for start in _between(rule, since, until)} | lines.without
    return [start for start in found - taken_out if datetime.combine(start, time()) not in lines.without_days]


def _between(rule: Iterable[datetime], since: datetime, until: datetime) -> Iterator[datetime]:
    for start in islice(rule, MOST_STEPS):
        if start > until:
            return
        if start >= since:
            yield start


def _read(rules: str, first: datetime, zone: ZoneInfo, since: datetime) -> _Lines:
    lines = _Lines()
    for line in re.sub(r"\r?\n[ \t]", "", rules).splitlines():
        match = _LINE.match(line.strip())
        if match is None:
            continue
        name, options, value = (match[1] or "RRULE").upper(), (match[2] or "").upper(), match[3]
        if name in ("RRULE", "EXRULE"):
            target = lines.rules if name == "RRULE" else lines.without_rules
            target.append(_rule(value, first, zone, since))
            continue
        where = re.search(r"TZID=\"?([^;\"]+)", match[2] or "", re.IGNORECASE)
        for stamp in value.split(","):
            moment, is_day = _stamp(stamp.split("/")[0], _zone(where[1]) if where else zone, zone)
            if name == "RDATE":
                lines.added.append(datetime.combine(moment, first.time()) if is_day else moment)
            elif is_day or "VALUE=DATE" in options.split(";"):
                lines.without_days.add(datetime.combine(moment, time()))
            else:
                lines.without.add(moment)
    return lines


def _rule(text: str, first: datetime, zone: ZoneInfo, since: datetime) -> rrule:
    """The rule, counting in wall time. Raises: ValueError when it is none."""
    parts = dict(part.split("=", 1) for part in text.strip().strip(";").upper().split(";") if part)
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES or parts.keys() & {"BYHOUR", "BYMINUTE", "BYSECOND"}:
        raise ValueError(f"not a rule of a calendar: {text[:80]}")
    if "UNTIL" in parts:
        moment, is_day = _stamp(parts["UNTIL"], zone, zone)
        end = datetime.combine(moment, time(23, 59, 59)) if is_day else moment
        parts["UNTIL"] = f"{end:%Y%m%dT%H%M%S}"
    if int(parts.get("INTERVAL", "1")) < 1 or not _possible(parts):
        raise ValueError("no such day")
    start = first if "COUNT" in parts else _nearer(first, since, frequency, int(parts.get("INTERVAL", "1")))
    made = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=start)
    if not isinstance(made, rrule):
        raise ValueError("more than one rule in a line")
    return made


def _nearer(first: datetime, since: datetime, frequency: str, interval: int) -> datetime:
    """A start of the same rhythm shortly before `since`, so that what began long ago costs no more than what is new."""
    if frequency in ("DAILY", "WEEKLY"):
        step = timedelta(days=interval * (7 if frequency == "WEEKLY" else 1))
        return first + max(0, (since - first) // step - 2) * step
    if first.day > 28:
        return first  # not every month has that day, and a start on another day would be another rhythm
    step_months = interval * (12 if frequency == "YEARLY" else 1)
    months_between = 12 * (since.year - first.year) + since.month - first.month
    months = 12 * first.year + first.month - 1 + max(0, months_between // step_months - 2) * step_months
    return first.replace(year=months // 12, month=months % 12 + 1)


def _possible(parts: dict[str, str]) -> bool:
    """Whether the rule names a day that can be. dateutil would look for the 30th of February until the year 9999."""
    months = [int(month) for month in parts.get("BYMONTH", "1").split(",")]
    days = [abs(int(day)) for day in parts.get("BYMONTHDAY", "1").split(",")]
    longest = max(29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31 for month in months)
    if not all(1 <= month <= 12 for month in months) or not any(1 <= day <= longest for day in days):
        return False
    if parts["FREQ"] == "YEARLY":
        return True
    most = {"DAILY": 0, "WEEKLY": len(parts.get("BYDAY", "").split(",")), "MONTHLY": 31}[parts["FREQ"]]
    places = [abs(int(place)) for place in parts.get("BYSETPOS", "0").split(",")]
    return min(places) <= most and not parts.keys() & {"BYYEARDAY", "BYWEEKNO", "BYEASTER"}


def _stamp(text: str, zone: ZoneInfo, into: ZoneInfo) -> tuple[datetime, bool]:
    """An RFC 5545 date or time as wall time in `into`, and whether it was a date. Raises: ValueError."""
    match = _STAMP.match(text.strip())
    if match is None:
        raise ValueError(f"not a time: {text[:40]}")
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if match[4] is None:
        return datetime(year, month, day), True  # noqa: DTZ001  (wall time on purpose)
    written = datetime(year, month, day, int(match[4]), int(match[5]), int(match[6]), tzinfo=UTC if match[7] else zone)
    return written.astimezone(into).replace(tzinfo=None), False


def _wall(text: str, zone: ZoneInfo) -> datetime:
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(zone).replace(tzinfo=None, fold=0)


def _written(wall: datetime, zone: ZoneInfo) -> str:
    return wall.replace(tzinfo=zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{wall.microsecond // 1000:03d}Z"


@lru_cache(maxsize=256)
def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
