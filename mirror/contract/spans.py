"""The stretch of time in which an event can matter to a window. Reads records only; keeps and fetches nothing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
LATEST = datetime(9999, 12, 28, tzinfo=UTC)
# The most days that one step of a rule can take, skipped 31sts and leap days included. A counted series is given the
# room of that many steps: too long for most, never too short, so that no window misses it.
STEP_DAYS = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 62, "MONTHLYRELATIVE": 35}
YEARLY_DAYS = 8 * 366

Span = tuple[datetime, datetime]


def moment_of(when: Any) -> datetime | None:
    """The UTC moment of an EventDateTime (`dateTime` or `dateOnly`), None when it names none."""
    if not isinstance(when, dict):
        return None
    try:
        if isinstance(when.get("dateTime"), str):
            parsed = datetime.fromisoformat(when["dateTime"])
            if parsed.tzinfo is None:
                parsed = parsed.replace(tzinfo=_zone(when.get("timezone")))
        elif isinstance(when.get("dateOnly"), str):
            parsed = datetime.combine(date.fromisoformat(when["dateOnly"][:10]), time(), UTC)
        else:
            return None
        return min(max(parsed, EARLIEST), LATEST).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def later(moment: datetime, by: timedelta) -> datetime:
    """So much later, but not later than the last day that there is."""
    return LATEST if by > LATEST - moment else moment + by


def stamp(moment: datetime) -> str:
    """A moment as text that sorts by time in every year from 1 to 9999."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(event: dict[str, Any]) -> Span:
    """From the first start to the last end that the event or series can have; endless where nothing says otherwise."""
    starts = moment_of(event.get("start"))
    ends = moment_of(event.get("end"))
    whole_day = isinstance(event.get("start"), dict) and "dateOnly" in event["start"]
    occurrence = event.get("occurrenceInfo") or {}
    original = moment_of(occurrence.get("originalStart"))
    starts = starts or original
    if starts is None:
        return EARLIEST, LATEST
    if ends is None or ends < starts:
        ends = starts
    if whole_day and ends == starts:
        ends = later(starts, timedelta(days=1))
    if event.get("recurrence") and event.get("recurrenceType") != "occurrence":
        return starts, later(max(ends, _last_start(event["recurrence"], starts)), ends - starts)
    if original is not None:
        return min(starts, original), max(ends, original)
    return starts, ends


def _zone(name: object) -> Any:
    try:
        return ZoneInfo(str(name)) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _last_start(recurrence: dict[str, Any], first: datetime) -> datetime:
    rules = [str(rule) for rule in (recurrence.get("ical") or {}).get("rules") or []]
    repeating = [rule.split(":", 1)[-1] for rule in rules if _is_rrule(rule)]
    if not rules:
        return _simple_end(recurrence.get("simple") or {}, first)
    last = max([first, *(_rule_end(rule, first) for rule in repeating)])
    added = [stamp for rule in rules if rule.upper().startswith("RDATE") for stamp in re.findall(r"\d{8}", rule)]
    return max([last, *filter(None, (moment_of({"dateOnly": f"{d[:4]}-{d[4:6]}-{d[6:]}"}) for d in added))])


def _is_rrule(rule: str) -> bool:
    return rule.upper().startswith(("RRULE", "FREQ"))


def _rule_end(rule: str, first: datetime) -> datetime:
    upper = rule.upper()
    until = re.search(r"UNTIL=(\d{4})(\d{2})(\d{2})", upper)
    if until:
        day = moment_of({"dateOnly": "-".join(until.groups())})
        return LATEST if day is None else later(day, timedelta(days=2))
    count, interval = (re.search(rf"{name}=(\d+)", upper) for name in ("COUNT", "INTERVAL"))
    step = re.search(r"FREQ=(\w+)", upper)
    # Other BY… parts can thin a rule out without bound.
    if count is None or step is None or re.search(r"BY(?!DAY=(?:[A-Z,]*)(?:;|$))", upper):
        return LATEST
    return _after(first, step[1], int(count[1]), int(interval[1]) if interval else 1)


def _simple_end(simple: dict[str, Any], first: datetime) -> datetime:
    limits, pattern = simple.get("range") or {}, simple.get("pattern") or {}
    last = moment_of({"dateOnly": limits["recurrenceEnd"]}) if limits.get("recurrenceEnd") else None
    if last is not None:
        return later(last, timedelta(days=2))
    count, interval = limits.get("count"), pattern.get("interval") or 1
    if not isinstance(count, int) or not isinstance(interval, int):
        return LATEST
    return _after(first, str(pattern.get("frequency")).upper(), count, interval)


def _after(first: datetime, frequency: str, count: int, interval: int) -> datetime:
    days = STEP_DAYS.get(frequency, YEARLY_DAYS) * count * interval + 1
    return later(first, timedelta(days=min(days, timedelta.max.days)))
