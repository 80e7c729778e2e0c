"""The API's `recurrence` → clean content lines of iCalendar, derived from its simple pattern where it has no rules.

What is no line of a recurrence is left out, so that nothing else can get into a file or an expansion. Expands nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any

from mirror.formats.ical_times import day_or_moment, named_zone
from mirror.formats.recurrence import DAYS, INSTANCES

FREQUENCIES = ("SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_LINE = re.compile(
    r'(?:(RRULE|EXRULE|RDATE|EXDATE)((?:;[A-Z-]+=(?:"[^"]*"|[^;:",]*))*):)?([A-Z0-9=;,+/-]+)', re.IGNORECASE
)
_PART = re.compile(
    r"(FREQ|UNTIL|COUNT|INTERVAL|WKST|BY(?:SECOND|MINUTE|HOUR|DAY|MONTHDAY|YEARDAY|WEEKNO|MONTH|SETPOS))=([A-Z0-9,+-]+)"
)
_STAMP = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?(/P[0-9DHMSTW]+|/\d{8}T\d{6}Z?)?")
_UNTIL = re.compile(r"\d{8}(T\d{6}Z?)?")
_SHORT_DAYS = {name: short for short, name in DAYS.items()}
_PLACES = {name: place for place, name in INSTANCES.items()}
_SIMPLE_FREQUENCIES = {
    "daily": "DAILY",
    "weekly": "WEEKLY",
    "monthly": "MONTHLY",
    "monthlyRelative": "MONTHLY",
    "yearly": "YEARLY",
    "yearlyRelative": "YEARLY",
}


def rule_lines(recurrence: Any, first: date | datetime) -> list[str]:
    """`RRULE:…`, `EXRULE:…`, `RDATE…:…` and `EXDATE…:…` of a series, zones under their IANA names; none of what repeats not.

    `first` is the first occurrence: a day, or an aware moment in the series' own zone.
    """
    given = recurrence if isinstance(recurrence, dict) else {}
    ical = given["ical"] if isinstance(given.get("ical"), dict) else {}
    simple = given["simple"] if isinstance(given.get("simple"), dict) else {}
    written = ical.get("rules")
    lines = list(_clean(written if isinstance(written, list) else [], first))
    if not any(line.startswith(("RRULE", "RDATE")) for line in lines):
        derived = simple_rule(simple, first)
        lines = ([derived] if derived else []) + lines
    if not any(line.startswith(("RRULE", "RDATE")) for line in lines):
        return []
    known = set(excluded(lines, first))
    for value in _pattern_exclusions(simple, first):
        if value not in known:
            known.add(value)
            lines.append("EXDATE" + _written(value, first))
    return lines


def excluded(lines: Iterable[str], first: date | datetime) -> Iterator[date | datetime]:
    """The starts that EXDATE lines of `rule_lines` take out: days, and moments in UTC."""
    for line in lines:
        if not line.startswith("EXDATE"):
            continue
        head, _, values = line.partition(":")
        _, _, tzid = head.partition("TZID=")
        for written in values.split(","):
            value = _stamp(written, tzid, first)
            if value is not None:
                yield value if not isinstance(value, datetime) else value.astimezone(UTC)


def simple_rule(simple: Any, first: date | datetime) -> str | None:
    """The RRULE that says what the API's pattern and range say; None when they say nothing."""
    pattern, limits = (simple.get(name) if isinstance(simple, dict) else None for name in ("pattern", "range"))
    frequency = _word(pattern.get("frequency")) if isinstance(pattern, dict) else ""
    if not isinstance(pattern, dict) or frequency not in _SIMPLE_FREQUENCIES:
        return None
    parts = {"FREQ": _SIMPLE_FREQUENCIES[frequency]}
    if (interval := _number(pattern.get("interval"), 1, 1000)) and interval > 1:
        parts["INTERVAL"] = str(interval)
    named = pattern.get("daysOfWeek")
    days = [_SHORT_DAYS[day] for day in map(_word, named) if day in _SHORT_DAYS] if isinstance(named, list) else []
    if frequency.startswith("yearly"):
        parts["BYMONTH"] = str(_number(pattern.get("monthOfYear"), 1, 12) or first.month)
    if frequency == "weekly" and days:
        parts["BYDAY"] = ",".join(days)
    elif frequency in ("monthly", "yearly"):
        parts |= _day_of_month(_number(pattern.get("dayOfMonth"), 1, 31) or first.day)
    elif frequency.endswith("Relative"):
        parts["BYDAY"] = ",".join(days) or list(DAYS)[first.weekday()]
        parts["BYSETPOS"] = str(_PLACES.get(_word(pattern.get("instance")), (first.day - 1) // 7 + 1))
    if (week_start := _word(pattern.get("weekStart"))) in _SHORT_DAYS and frequency == "weekly":
        parts["WKST"] = _SHORT_DAYS[week_start]
    parts |= _end(limits if isinstance(limits, dict) else {}, first)
    return "RRULE:" + ";".join(f"{name}={value}" for name, value in parts.items())


def _day_of_month(day: int) -> dict[str, str]:
    # After the 28th, the pattern moves to the end of short months where a rule that names the day would skip them.
    if day <= 28:
        return {"BYMONTHDAY": str(day)}
    return {"BYMONTHDAY": ",".join(str(each) for each in range(28, day + 1)), "BYSETPOS": "-1"}


def _end(limits: dict[str, Any], first: date | datetime) -> dict[str, str]:
    kind = limits.get("type")
    if kind in (None, "byDate") and isinstance(limits.get("recurrenceEnd"), str):
        try:
            last = date.fromisoformat(limits["recurrenceEnd"][:10])
        except ValueError:
            return {}
        if not isinstance(first, datetime):
            return {"UNTIL": f"{last:%Y%m%d}"}
        return {"UNTIL": f"{datetime.combine(last, time(23, 59, 59), first.tzinfo).astimezone(UTC):%Y%m%dT%H%M%SZ}"}
    if kind in (None, "byCount") and (count := _number(limits.get("count"), 1, 1_000_000)):
        return {"COUNT": str(count)}
    return {}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any, least: int, most: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most else None


def _clean(rules: list[Any], first: date | datetime) -> Iterator[str]:
    for written in rules:
        for line in re.sub(r"\r?\n[ \t]", "", str(written)).splitlines():
            match = _LINE.fullmatch(line.strip())
            if match is None:
                continue
            name, parameters, value = (match[1] or "RRULE").upper(), match[2] or "", match[3]
            if name in ("RRULE", "EXRULE"):
                if rule := _rule(value.upper()):
                    yield f"{name}:{rule}"
            else:
                yield from _dates(name, parameters, value.upper(), first)


def _rule(value: str) -> str | None:
    written = [part for part in value.split(";") if part]
    if not all(_PART.fullmatch(part) for part in written):
        return None  # without a part that nobody knows, it would be another rule
    parts = dict(part.split("=", 1) for part in written)
    counts = [parts.get(name, "1") for name in ("INTERVAL", "COUNT")]
    if parts.get("FREQ") not in FREQUENCIES or not all(n.isdecimal() and 0 < int(n[:10]) < 10**9 for n in counts):
        return None
    if "UNTIL" in parts and not _UNTIL.fullmatch(parts["UNTIL"]):
        return None
    return ";".join(f"{name}={part}" for name, part in parts.items())


def _dates(name: str, parameters: str, values: str, first: date | datetime) -> Iterator[str]:
    found = re.search(r';TZID=("[^"]*"|[^;]*)', parameters, re.IGNORECASE)
    tzid = found[1].strip('"') if found else ""
    by_head: dict[str, list[str]] = {}
    for written in values.split(","):
        value = _stamp(written, tzid, first)
        if value is None:
            continue
        rest = _STAMP.fullmatch(written)
        if name == "RDATE" and isinstance(value, datetime) and rest is not None and rest[4]:
            by_head.setdefault(";VALUE=PERIOD", []).append(f"{value.astimezone(UTC):%Y%m%dT%H%M%SZ}{rest[4]}")
        else:
            head, _, text = _written(value, first, keep_zone=not written.endswith("Z")).partition(":")
            by_head.setdefault(head, []).append(text)
    for head, texts in by_head.items():
        yield f"{name}{head}:{','.join(texts)}"


def _stamp(written: str, tzid: str, first: date | datetime) -> date | datetime | None:
    """The day, or the aware moment, that an iCalendar value names; None when it names none."""
    match = _STAMP.fullmatch(written.strip())
    if match is None:
        return None
    try:
        if match[2] is None:
            return datetime.strptime(match[1], "%Y%m%d").date()  # noqa: DTZ007  (a day has no zone)
        moment = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")  # noqa: DTZ007  (its zone follows)
        if match[3]:
            return moment.replace(tzinfo=UTC)
        zone = named_zone(tzid) if tzid else None
        own = first.tzinfo if isinstance(first, datetime) else None
        return moment.replace(tzinfo=zone.rules if zone else own or UTC)
    except (ValueError, OverflowError):
        return None


def _written(value: date | datetime, first: date | datetime, *, keep_zone: bool = True) -> str:
    """Parameters and value of a date line: in an all-day series as a day, else in the series' zone or as it was."""
    if not isinstance(value, datetime):
        return f";VALUE=DATE:{value:%Y%m%d}"
    if not isinstance(first, datetime):
        return f";VALUE=DATE:{value:%Y%m%d}"
    name = getattr(value.tzinfo, "key", None)
    if not keep_zone or name in (None, "UTC"):
        return f":{value.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f";TZID={name}:{value:%Y%m%dT%H%M%S}"


def _pattern_exclusions(simple: dict[str, Any], first: date | datetime) -> Iterator[date | datetime]:
    limits = simple.get("range")
    listed = limits.get("patternExclusions") if isinstance(limits, dict) else None
    for written in listed if isinstance(listed, list) else []:
        try:
            value = day_or_moment(written if isinstance(written, dict) else {})
            if isinstance(value, datetime):
                value = value.astimezone(UTC) if isinstance(first, datetime) else value.date()
            yield value
        except (ValueError, TypeError, OverflowError, AttributeError):
            continue  # no time: there is nothing to take out
