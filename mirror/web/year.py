"""A year at a glance: the reader's days and weeks as SQL counts them, and the mail of each day as a map of squares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mirror import clock as clocks
from mirror.web import links, words
from mirror.web.page import Row

DAYS = 371  # 53 weeks: the map begins with a Monday, and the last year is in it
CELL = 12
LEVELS = 4
_MONTH_CELLS = 3  # a month's name needs so many columns


@dataclass(frozen=True, slots=True)
class Square:
    """One day of the map. `level`: 0 without mail, to 4 for the busiest days."""

    x: int
    y: int
    level: int
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Year:
    """The map: its squares, the names of months above it, and what it comes to."""

    squares: list[Square]
    months: list[tuple[int, str]]
    width: int
    total: int
    busiest: Square | None


def first_day(today: date) -> date:
    """The Monday with which the map begins."""
    return today - timedelta(days=today.weekday() + DAYS - 7)


def zone_periods(zone: ZoneInfo, first: date, last: date) -> str:
    """How far the zone is ahead of UTC from the first day to the last, as JSON: since, until, minutes, in order."""
    at = datetime.combine(first, time(), UTC) - timedelta(days=2)
    end = datetime.combine(last, time(), UTC) + timedelta(days=3)
    periods: list[dict[str, str | int]] = []
    since, minutes = at, _minutes(zone, at)
    while at < end:
        later = min(at + timedelta(days=7), end)
        if _minutes(zone, later) != minutes:
            later = _change(zone, at, later)
            periods.append({"since": clocks.text(since), "until": clocks.text(later), "minutes": minutes})
            since, minutes = later, _minutes(zone, later)
        at = later
    periods.append({"since": clocks.text(since), "until": clocks.text(end), "minutes": minutes})
    return json.dumps(periods)


def mail_map(days: Sequence[Row]) -> Year:
    """Mail per day, from a Monday on, as squares: a column for each week. The darkest are the busiest tenth of the days."""
    counts = sorted(row["mails"] for row in days if row["mails"])
    steps = [counts[min(len(counts) - 1, len(counts) * part // 100)] for part in (35, 65, 90)] if counts else []
    squares: list[Square] = []
    months: list[tuple[int, str]] = []
    for place, row in enumerate(days):
        column, day = place // 7, str(row["day"])
        level = 1 + sum(row["mails"] > step for step in steps) if row["mails"] else 0
        mails = f"{row['mails']:,} mail{'' if row['mails'] == 1 else 's'}"
        url = links.search(kind="messages", since=day, until=day)
        squares.append(Square(CELL * column, CELL * (place % 7), level, f"{words.day(day)}: {mails}", url))
        is_new = day[8:] <= "07" and place % 7 == 0
        if is_new and (not months or CELL * column - months[-1][0] >= CELL * _MONTH_CELLS):
            months.append((CELL * column, (words.day(day) or day).split()[2]))
    busiest = max(range(len(days)), key=lambda place: int(days[place]["mails"])) if counts else None
    width = CELL * ((len(days) + 6) // 7)
    return Year(squares, months, width, sum(counts), None if busiest is None else squares[busiest])


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The minute in which the zone's offset changes between two moments."""
    minutes = _minutes(zone, before)
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) // 2
        middle = middle.replace(second=0, microsecond=0)
        if middle <= before:
            break
        if _minutes(zone, middle) == minutes:
            before = middle
        else:
            after = middle
    return after


def _minutes(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return int(offset.total_seconds() // 60)
