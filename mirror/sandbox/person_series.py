"""The recurring dates of the synthetic person: what repeats, when, with whom, and what became of single instances.

Tables and the records made from them; storing is the work of `person_calendar`.
"""

# One series a line, however long: it is a table.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from mirror.sandbox.person_names import PARTNERS
from mirror.sandbox.person_year import ZONE, Year

Record = dict[str, Any]

_DAYS = {
    "MO": "monday",
    "TU": "tuesday",
    "WE": "wednesday",
    "TH": "thursday",
    "FR": "friday",
    "SA": "saturday",
    "SU": "sunday",
}
_NTH = {"1": "first", "2": "second", "3": "third", "4": "fourth", "-1": "last"}


@dataclass(frozen=True, slots=True)
class Series:
    """One series. It began `starts` days ago, and stopped `ended` days ago if it did; `with_whom` is a circle and a number."""

    subject: str
    calendar: str
    rule: str
    hour: int
    minute: int
    minutes: int
    starts: int
    with_whom: tuple[str, int] = ("", 0)
    place: str | None = None
    online: str | None = None
    zone: str = ZONE
    ended: int | None = None
    moved: int = 0
    cancelled: int = 0
    skips_breaks: bool = True
    shown: str = "busy"
    notes: str | None = None
    mine: bool = True
    company: str | None = None


SERIES: tuple[Series, ...] = (
    Series("Stand-up", "work", "FREQ=WEEKLY;BYDAY=MO", 9, 15, 15, 400, ("team", 9), "Kitchen", None, moved=6, cancelled=4,
           notes="What is wet, what is stuck, who needs the van."),
    Series("1:1 with {first}", "work", "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", 14, 0, 45, 380, ("team", 1), "Pier 4, small room",
           moved=4, cancelled=2, notes="Running list in the shared document.", mine=False),
    Series("Monthly review {company}", "work", "FREQ=MONTHLY;BYDAY=1TH", 10, 0, 90, 360, ("partner", 5), None,
           "https://meet.example.com/monthly-review", moved=2, cancelled=1, notes="Figures, open points, next month."),
    Series("Call with Yokohama", "work", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", 17, 0, 40, 350, ("partner", 3), None,
           "https://meet.example.com/yokohama", zone="Asia/Tokyo", moved=2, cancelled=1,
           notes="17:00 in Yokohama stays 17:00; here it is an hour earlier in winter.", mine=False,
           company=PARTNERS[3].name),
    Series("Project call Lightship pier", "work", "FREQ=WEEKLY;BYDAY=TH", 16, 0, 30, 390, ("partner", 6), None,
           "https://meet.example.com/lightship", ended=95, moved=3, cancelled=2),
    Series("Focus: writing, please no calls", "work", "FREQ=WEEKLY;BYDAY=TU,FR", 8, 30, 120, 300, shown="busy"),
    Series("Boat maintenance", "work", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=15", 8, 0, 240, 370, ("team", 4), "Slipway",
           moved=1, skips_breaks=False),
    Series("Friday cake", "work", "FREQ=WEEKLY;BYDAY=FR", 15, 0, 30, 330, ("team", 12), "Kitchen", shown="free", cancelled=2,
           mine=False),
    Series("Theo: swimming", "home", "FREQ=WEEKLY;BYDAY=WE", 16, 30, 60, 340, place="Stadtbad", moved=2),
    Series("Smilla: piano", "home", "FREQ=WEEKLY;BYDAY=MO", 17, 0, 45, 360, place="Music school, room 12", cancelled=3),
    Series("Paper and glass collection", "home", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH", 0, 0, 0, 365, shown="free", skips_breaks=False),
    Series("Dinner at the Brandts'", "home", "FREQ=MONTHLY;BYDAY=-1SU", 13, 0, 180, 360, ("family", 4), "Lübeck", moved=2, mine=False),
    Series("Rehearsal", "choir", "FREQ=WEEKLY;BYDAY=TH", 19, 30, 120, 390, ("choir", 14), "Parish hall", moved=5, cancelled=2,
           notes="Bring a pencil.", mine=False),
    Series("Section rehearsal: altos", "choir", "FREQ=MONTHLY;BYDAY=2SA", 10, 0, 90, 330, ("choir", 6), "Music school", cancelled=1,
           mine=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """When a series happens: its first start, its rules as written, the starts left out and those that remain."""

    first: datetime
    rules: tuple[str, ...]
    left_out: tuple[datetime, ...]
    starts: tuple[datetime, ...]


def planned(series: Series, year: Year) -> Plan:
    """The plan of one series around the person's year. Starts that fall into holidays are left out of it."""
    begin = year.now.astimezone(ZoneInfo(series.zone)).date() - timedelta(days=series.starts)
    naive = datetime.combine(begin, datetime.min.time()).replace(hour=series.hour, minute=series.minute)
    rule = series.rule
    horizon = datetime.combine(year.last, datetime.min.time())
    if series.ended is not None:
        horizon = datetime.combine(year.now.date() - timedelta(days=series.ended), datetime.max.time())
        rule += f";UNTIL={horizon:%Y%m%d}T215959Z"
    starts = tuple(rrulestr(series.rule, dtstart=naive).between(naive, horizon, inc=True))
    left_out = tuple(
        s for s in starts if series.skips_breaks and series.minutes and year.off(s.date()) and s != starts[0]
    )
    zone = ZoneInfo(series.zone) if series.minutes else None
    kept = tuple(s.replace(tzinfo=zone) for s in starts if s not in left_out)
    rules = [f"RRULE:{rule}"]
    if left_out:
        rules.append(f"EXDATE;TZID={series.zone}:" + ",".join(f"{s:%Y%m%dT%H%M%S}" for s in left_out))
    return Plan(kept[0], tuple(rules), tuple(s.replace(tzinfo=zone) for s in left_out), kept)


def when(moment: datetime | date, zone: str = ZONE) -> Record:
    """A moment as EventDateTime; a bare date, or a time without a zone, is a whole day."""
    if not isinstance(moment, datetime):
        return {"dateOnly": moment.isoformat()}
    if moment.tzinfo is None:
        return {"dateOnly": moment.date().isoformat()}
    return {"dateTime": moment.astimezone(ZoneInfo(zone)).isoformat(), "timezone": zone}


def recurrence(rules: tuple[str, ...], first: datetime, left_out: tuple[datetime, ...], zone: str) -> Record:
    """The Recurrence of a series, in both of its forms."""
    start = when(first, zone)
    parts = dict(part.split("=") for part in rules[0].removeprefix("RRULE:").split(";"))
    limits: Record = {"type": "byDate" if "UNTIL" in parts else "unbounded", "recurrenceStart": start}
    if "UNTIL" in parts:
        limits["recurrenceEnd"] = f"{parts['UNTIL'][:4]}-{parts['UNTIL'][4:6]}-{parts['UNTIL'][6:8]}"
    if left_out:
        limits["patternExclusions"] = [when(moment, zone) for moment in left_out]
    simple = {"pattern": _pattern(parts, first), "range": limits}
    return {"original": "ical", "ical": {"rules": list(rules), "recurrenceStart": start}, "simple": simple}


def _pattern(parts: dict[str, str], first: datetime) -> Record:
    days = parts.get("BYDAY", "")
    frequency = parts["FREQ"].lower()
    pattern: Record = {"frequency": frequency, "interval": int(parts.get("INTERVAL", "1"))}
    if frequency == "weekly":
        return pattern | {"daysOfWeek": [_DAYS[day] for day in days.split(",")], "weekStart": "monday"}
    if days:
        return pattern | {"frequency": "monthlyRelative", "instance": _NTH[days[:-2]], "daysOfWeek": [_DAYS[days[-2:]]]}
    pattern["dayOfMonth"] = int(parts.get("BYMONTHDAY", first.day))
    return pattern | ({"monthOfYear": first.month} if frequency == "yearly" else {})
