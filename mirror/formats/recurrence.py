"""iCalendar's recurrence properties ⇄ the API's `recurrence`: rule lines always, the simple pattern where it is exact.

Rule lines are content lines of iCalendar, as Google writes them: `RRULE:…`, `EXDATE;TZID=…:…`, `RDATE;VALUE=DATE:…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from icalendar import Component
from icalendar.prop import vRecur

from mirror.formats.ical_fields import every
from mirror.formats.ical_times import TZID, Zones, event_time

DAYS = {
    "MO": "monday",
    "TU": "tuesday",
    "WE": "wednesday",
    "TH": "thursday",
    "FR": "friday",
    "SA": "saturday",
    "SU": "sunday",
}
INSTANCES = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}
_BY_PARTS = {"BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS"}
_PLAIN_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
_WEEKDAY = re.compile(r"([+-]?\d+)?(MO|TU|WE|TH|FR|SA|SU)")


def recurrence(
    component: Component, start: date | datetime, recurrence_start: dict[str, str], zones: Zones
) -> tuple[dict[str, Any] | None, list[str]]:
    """The recurrence of a master, or None for what happens once; and what had to be left out, as sentences.

    `start` is the first occurrence's day, or its moment in its own zone.
    """
    problems: list[str] = []
    rules = []
    for rule in every(component, "RRULE"):
        if isinstance(rule, vRecur) and rule.get("FREQ") and int(rule.get("INTERVAL", [1])[0]) >= 1:
            rules.append(rule)
        else:
            problems.append("its RRULE names no frequency or no interval and was left out.")
    lines = [f"RRULE:{_rule_text(rule)}" for rule in rules]
    extra = [line for prop in every(component, "RDATE") for line in _date_lines("RDATE", prop, zones, problems)]
    if not lines and not extra:
        return None, problems
    excluded: list[dict[str, str]] = []
    for prop in every(component, "EXDATE"):
        lines += _date_lines("EXDATE", prop, zones, problems)
        excluded += _excluded(prop, zones)
    found: dict[str, Any] = {"original": "ical", "ical": {"rules": lines + extra, "recurrenceStart": recurrence_start}}
    simple = _simple(rules[0], start) if len(rules) == 1 and not extra else None
    if simple is not None:
        simple["range"] |= {"recurrenceStart": recurrence_start}
        if excluded:
            simple["range"]["patternExclusions"] = excluded
        found["simple"] = simple
    return found, problems


def _rule_text(rule: vRecur) -> str:
    written: bytes = rule.to_ical()  # type: ignore[no-untyped-call]  # icalendar has annotated it only in part
    return written.decode("utf-8")


def _values(prop: Any) -> Iterator[tuple[Any, str | None]]:
    """The values of an EXDATE or RDATE, each with the TZID that holds for it."""
    tzid = getattr(prop, "params", {}).get(TZID)
    for item in getattr(prop, "dts", []):
        yield item.dt, item.params.get(TZID, tzid)


def _date_lines(name: str, prop: Any, zones: Zones, problems: list[str]) -> list[str]:
    by_head: dict[str, list[str]] = {}
    for value, tzid in _values(prop):
        if isinstance(value, tuple):
            begin, rest = value
            _, opening = _written(begin, tzid, zones, as_utc=True)
            if isinstance(rest, timedelta):
                rest = begin + rest
            by_head.setdefault(";VALUE=PERIOD", []).append(f"{opening}/{_written(rest, tzid, zones, as_utc=True)[1]}")
        elif isinstance(value, date):
            head, text = _written(value, tzid, zones)
            by_head.setdefault(head, []).append(text)
        else:
            problems.append(f"its {name} “{value}” names a time without a day and was left out.")
    return [f"{name}{head}:{','.join(texts)}" for head, texts in by_head.items()]


def _written(value: date | datetime, tzid: str | None, zones: Zones, as_utc: bool = False) -> tuple[str, str]:
    """The parameters and the text of a value in a content line."""
    if not isinstance(value, datetime):
        return ";VALUE=DATE", value.strftime("%Y%m%d")
    moment, name = zones.aware(value, tzid)
    return content_line_time(moment, None if as_utc else name)


def content_line_time(moment: datetime, name: str | None) -> tuple[str, str]:
    """An aware moment as iCalendar writes it: parameters and text; in UTC when its zone has no name."""
    if name is None or name == "UTC":
        return "", moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f";TZID={name}", moment.strftime("%Y%m%dT%H%M%S")


def _excluded(prop: Any, zones: Zones) -> list[dict[str, str]]:
    moments = [(value, tzid) for value, tzid in _values(prop) if isinstance(value, date)]
    return [
        event_time(*zones.aware(value, tzid)) if isinstance(value, datetime) else event_time(value)
        for value, tzid in moments
    ]


def _simple(rule: vRecur, start: date | datetime) -> dict[str, Any] | None:
    """The pattern and range that say exactly what the rule says; None when there are none.

    A start that its own rule does not name is an occurrence too, which no pattern can say.
    """
    parts = {name.upper(): list(values) for name, values in rule.items()}
    if set(parts) - _PLAIN_PARTS - _BY_PARTS:
        return None
    interval = int(parts.get("INTERVAL", [1])[0])
    pattern = _pattern(parts, start, interval)
    bounds = _range(parts, start)
    if pattern is None or bounds is None:
        return None
    return {"pattern": {"interval": interval} | pattern, "range": bounds}


def _pattern(parts: dict[str, list[Any]], start: date | datetime, interval: int) -> dict[str, Any] | None:
    days = [_WEEKDAY.fullmatch(str(day).upper()) for day in parts.get("BYDAY", [])]
    weekdays = [DAYS[day[2]] for day in days if day and not day[1]]
    by = _BY_PARTS & set(parts)
    match str(parts["FREQ"][0]).upper():
        case "DAILY" if not by:
            return {"frequency": "daily"}
        case "DAILY" if by == {"BYDAY"} and interval == 1 and len(weekdays) == len(days):
            return {"frequency": "weekly", "daysOfWeek": weekdays, "weekStart": "monday"}
        case "WEEKLY" if by <= {"BYDAY"} and len(weekdays) == len(days):
            week_start = DAYS.get(str(parts.get("WKST", ["MO"])[0]).upper(), "")
            if week_start not in ("monday", "sunday"):
                # The first day of the week only matters when weeks are skipped.
                week_start = "monday" if interval == 1 else ""
            own_day = list(DAYS.values())[start.weekday()]
            if weekdays and own_day not in weekdays:
                return None
            weekly = {"frequency": "weekly", "daysOfWeek": weekdays or [own_day], "weekStart": week_start}
            return weekly if week_start else None
        case "MONTHLY" if "BYMONTH" not in by:
            return _in_month("monthly", parts, by, start)
        case "YEARLY" if by <= {"BYMONTH"} or "BYMONTH" in by:
            months = [int(month) for month in parts.get("BYMONTH", [start.month])]
            yearly = _in_month("yearly", parts, by - {"BYMONTH"}, start) if len(months) == 1 else None
            return yearly | {"monthOfYear": months[0]} if yearly else None
    return None


def _in_month(
    frequency: str, parts: dict[str, list[Any]], by: set[str], start: date | datetime
) -> dict[str, Any] | None:
    """The day within its month: by its number, or as the first … last of some weekday."""
    if by <= {"BYMONTHDAY"}:
        days = [int(day) for day in parts.get("BYMONTHDAY", [start.day])]
        # After the 28th, the pattern moves to the end of short months where the rule skips them.
        exact = len(days) == 1 and days[0] == start.day and start.day <= 28
        return {"frequency": frequency, "dayOfMonth": start.day} if exact else None
    days_of_week = [_WEEKDAY.fullmatch(str(day).upper()) for day in parts.get("BYDAY", [])]
    if by not in ({"BYDAY"}, {"BYDAY", "BYSETPOS"}) or not days_of_week or not all(days_of_week):
        return None
    positions = {int(day[1]) for day in days_of_week if day and day[1]}
    if "BYSETPOS" in by:
        positions |= {int(position) for position in parts["BYSETPOS"]}
    elif len(days_of_week) > 1:
        return None
    if len(positions) != 1 or not positions <= set(INSTANCES):
        return None
    weekdays = [DAYS[day[2]] for day in days_of_week if day]
    if list(DAYS.values())[start.weekday()] not in weekdays:
        return None
    return {"frequency": f"{frequency}Relative", "daysOfWeek": weekdays, "instance": INSTANCES[positions.pop()]}


def _range(parts: dict[str, list[Any]], start: date | datetime) -> dict[str, Any] | None:
    if "COUNT" in parts:
        count = int(parts["COUNT"][0])
        return {"type": "byCount", "count": count} if count >= 1 else None
    if "UNTIL" not in parts:
        return {"type": "unbounded"}
    until = parts["UNTIL"][0]
    if isinstance(until, datetime) and isinstance(start, datetime):
        local = until.astimezone(start.tzinfo) if until.tzinfo else until.replace(tzinfo=start.tzinfo)
        # An end before that day's occurrence ends the series the day before.
        early = local < datetime.combine(local.date(), start.time() or time(), start.tzinfo)
        until = local.date() - timedelta(days=1 if early else 0)
    elif isinstance(until, datetime):
        until = until.date()
    return {"type": "byDate", "recurrenceEnd": until.isoformat()}
