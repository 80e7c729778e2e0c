"""Where each occurrence stands on the page of a month or a week: its lane among the days, its column among the hours.

Places only what it is given, in time that grows with its number and not with its square.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from mirror.web.expansion import Occurrence

MONTH_LANES = 4
WEEK_LANES = 6
MOST_COLUMNS = 6
SHORTEST_MINUTES = 30
"""What is shorter is drawn as long as this, so that its title can be read."""

FIRST_HOUR, LAST_HOUR = 8, 18
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Shown:
    """An occurrence with the reader's days and times."""

    occurrence: Occurrence
    first: date
    last: date
    begins: datetime
    finishes: datetime

    @property
    def is_bar(self) -> bool:
        """It is drawn over its days, not at an hour of one."""
        return self.occurrence.all_day or self.last > self.first

    @property
    def fills_days(self) -> bool:
        """It has no place among the hours of a week: whole days, or more than one day long."""
        return self.occurrence.all_day or self.finishes - self.begins >= timedelta(days=1)

    @property
    def time(self) -> str:
        """`09:15`; nothing for whole days."""
        return "" if self.occurrence.all_day else f"{self.begins:%H:%M}"

    @property
    def period(self) -> str:
        """When it is, for a page that says which day it shows."""
        if self.occurrence.all_day:
            return "all day" if self.first == self.last else f"{_date(self.first)} – {_date(self.last)}"
        if self.first == self.last:
            return self.time if self.begins == self.finishes else f"{self.time}–{self.finishes:%H:%M}"
        return f"{_date(self.begins.date())} {self.time} – {_date(self.finishes.date())} {self.finishes:%H:%M}"

    @property
    def states(self) -> list[str]:
        """What keeps it from simply taking place: canceled, declined, tentative."""
        event = self.occurrence.event
        found = ["canceled"] if event["canceled"] else []
        if event["response"] == "declined":
            found.append("declined")
        elif "tentative" in (event["response"], event["show_as"]):
            found.append("tentative")
        return found


@dataclass(slots=True)
class Slot:
    """One lane of one day. `span` is over how many days a bar reaches from here; 0: it began on a day before."""

    shown: Shown
    span: int
    is_first: bool
    """It begins on this day; else it came over from the week before."""
    is_last: bool


@dataclass(slots=True)
class Day:
    day: date
    slots: list[Slot | None] = field(default_factory=list)
    more: int = 0

    def trimmed(self) -> None:
        while self.slots and self.slots[-1] is None:
            self.slots.pop()


@dataclass(frozen=True, slots=True)
class Block:
    """A part of an occurrence among the hours of one day, in percent of the height and width that the day has."""

    shown: Shown
    top: float
    height: float
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a week that are drawn, and the blocks of each day; `more` counts those without a place."""

    first: int
    last: int
    blocks: list[list[Block]]
    more: list[int]


def shown(found: Iterable[Occurrence], zone: ZoneInfo) -> list[Shown]:
    return [Shown(one, *one.days(zone), one.begins(zone), one.finishes(zone)) for one in found]


def lanes(items: list[Shown], first: date, most: int) -> list[Day]:
    """The seven days from `first`, what takes place in them in lanes: bars above, the longest first, then by time."""
    days = [Day(first + timedelta(days=place), [None] * most) for place in range(7)]
    in_week = [one for one in items if one.first <= days[-1].day and one.last >= first]
    for one in sorted(
        in_week, key=lambda one: (not one.is_bar, max(one.first, first), one.first - one.last, one.begins)
    ):
        start, end = max(one.first, first), min(one.last, days[-1].day)
        over = days[(start - first).days : (end - first).days + 1]
        lane = next((lane for lane in range(most) if all(day.slots[lane] is None for day in over)), None)
        for place, day in enumerate(over):
            if lane is None:
                day.more += 1
            else:
                day.slots[lane] = Slot(one, 0 if place else len(over), day.day == one.first, end == one.last)
    for day in days:
        day.trimmed()
    return days


def hours(items: list[Shown], first: date) -> Hours:
    """The timed occurrences of the seven days from `first`, those at the same time side by side."""
    segments: list[list[tuple[int, int, Shown]]] = [[] for _ in range(7)]
    for one in items:
        for place in range(max(0, (one.first - first).days), min(6, (one.last - first).days) + 1):
            day = first + timedelta(days=place)
            start = _minute(one.begins) if one.first == day else 0
            end = _minute(one.finishes) if one.last == day and one.finishes.date() == day else DAY_MINUTES
            segments[place].append((start, max(start, end), one))
    every = [segment for day in segments for segment in day]
    open_at = min([FIRST_HOUR, *(start // 60 for start, _, _ in every)])
    close_at = max([LAST_HOUR, *(-(-max(end, start + SHORTEST_MINUTES) // 60) for start, end, _ in every)])
    close_at = min(24, close_at)
    columns = [_side_by_side(day, open_at * 60, close_at * 60) for day in segments]
    return Hours(open_at, close_at, [blocks for blocks, _ in columns], [more for _, more in columns])


def _date(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _minute(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _side_by_side(day: list[tuple[int, int, Shown]], opens: int, closes: int) -> tuple[list[Block], int]:
    """The blocks of a day, and how many found no place beside the others."""
    blocks: list[Block] = []
    more = 0
    cluster: list[tuple[int, int, int, Shown]] = []  # start, end, column
    ends: list[int] = []  # of each column

    def draw() -> None:
        width = 100 / max(1, len(ends))
        total = closes - opens
        for start, end, column, one in cluster:
            free = _free_beside(cluster, start, end, column, len(ends))
            top, height = 100 * (start - opens) / total, 100 * (end - start) / total
            blocks.append(Block(one, top, height, column * width, free * width))
        cluster.clear()
        ends.clear()

    for start, end, one in sorted(day, key=lambda segment: (segment[0], -segment[1])):
        drawn_end = min(closes, max(end, start + SHORTEST_MINUTES))
        drawn_start = min(start, drawn_end - SHORTEST_MINUTES)
        if cluster and drawn_start >= max(ends):
            draw()
        column = next((place for place, taken in enumerate(ends) if taken <= drawn_start), len(ends))
        if column == MOST_COLUMNS:
            more += 1
            continue
        ends[column : column + 1] = [drawn_end]
        cluster.append((drawn_start, drawn_end, column, one))
    draw()
    return blocks, more


def _free_beside(cluster: list[tuple[int, int, int, Shown]], start: int, end: int, column: int, columns: int) -> int:
    """How many columns a block can take: its own, and those to the right that nothing else needs at its time."""
    needed = [taken for begin, over, taken, _ in cluster if taken > column and begin < end and over > start]
    return min(needed, default=columns) - column
