"""The rhythm of the synthetic person's year: where home is, when there are holidays, and when somebody writes.

It only computes times; every draw comes from the chance it is handed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
HOME = ZoneInfo(ZONE)

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# How likely mail is in each hour of the day, by the life it belongs to.
_WORK_HOURS = (0, 0, 0, 0, 0, 0, 1, 5, 16, 22, 20, 16, 8, 14, 18, 16, 13, 8, 3, 2, 2, 1, 1, 0)
_HOME_HOURS = (1, 0, 0, 0, 0, 1, 3, 6, 5, 4, 4, 4, 7, 5, 4, 4, 5, 8, 11, 14, 17, 15, 8, 3)


@dataclass(frozen=True, slots=True)
class Break:
    """Days off, and what they are called in the calendar. Both days belong to it."""

    name: str
    first: date
    last: date
    away: str | None = None


class Year:
    """The year up to `now` and the weeks after it."""

    def __init__(self, now: datetime, *, days_back: int = 365, days_ahead: int = 70) -> None:
        self.now = now
        self.first = (now - timedelta(days=days_back)).astimezone(HOME).date()
        self.last = (now + timedelta(days=days_ahead)).astimezone(HOME).date()
        years = range(self.first.year - 1, self.last.year + 1)
        self.breaks = tuple(b for year in years for b in _breaks(year) if b.last >= self.first and b.first <= self.last)
        past = (now.astimezone(HOME).date() - self.first).days
        self._days = tuple(self.first + timedelta(days=n) for n in range(past + 1))
        self._weights = {
            work: tuple(accumulate(self._weight(day, work=work) for day in self._days)) for work in (True, False)
        }

    def off(self, day: date) -> bool:
        """Whether the person is on holiday that day."""
        return any(b.first <= day <= b.last for b in self.breaks)

    def some_moment(self, chance: random.Random, *, work: bool) -> datetime:
        """A past moment at which such a mail may well begin."""
        while True:
            day = chance.choices(self._days, cum_weights=self._weights[work])[0]
            hour = chance.choices(range(24), weights=_WORK_HOURS if work else _HOME_HOURS)[0]
            drawn = at_home(day, hour, chance.randrange(60), chance.randrange(60))
            if drawn < self.now:
                return drawn

    def next_turn(self, before: datetime, chance: random.Random, *, work: bool, mine: bool) -> datetime:
        """When an answer to mail of that moment is likely to be written."""
        later = before + timedelta(minutes=min(60 * 24 * 9, 4 + chance.lognormvariate(4.6, 1.3)))
        local = later.astimezone(HOME)
        for _ in range(40):
            if (
                (work and local.weekday() > 4)
                or (mine and work and self.off(local.date()))
                or local.hour > (18 if work else 22)
            ):
                local = _morning(local + timedelta(days=1), chance)
            elif local.hour < 7:
                local = _morning(local, chance)
            else:
                break
        return max(local.astimezone(UTC), before + timedelta(minutes=2))

    def _weight(self, day: date, *, work: bool) -> float:
        weight = 1.0 if day.weekday() < 5 else (0.07 if work else 1.3)
        if self.off(day):
            weight *= 0.16 if work else 0.6
        # Fridays end early, Mondays catch up.
        return weight * ((1.12, 1.05, 1.0, 1.0, 0.78)[day.weekday()] if work and day.weekday() < 5 else 1.0)


def at_home(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """The UTC moment of a time of day at home."""
    return datetime.combine(day, time(hour, minute, second), HOME).astimezone(UTC)


def _morning(moment: datetime, chance: random.Random) -> datetime:
    return moment.replace(hour=chance.randint(8, 10), minute=chance.randrange(60))


def _breaks(year: int) -> tuple[Break, ...]:
    july = _second_monday(date(year, 7, 1))
    october = _second_monday(date(year, 10, 1))
    easter = _second_monday(date(year, 4, 1))
    return (
        Break("Easter at the grandparents'", easter - timedelta(days=3), easter, "Lübeck"),
        Break("Summer holiday", july, july + timedelta(days=16), "Brittany"),
        Break("Autumn week on the island", october, october + timedelta(days=6), "Helgoland"),
        Break("Christmas holidays", date(year, 12, 23), date(year + 1, 1, 2)),
    )


def _second_monday(first: date) -> date:
    return first + timedelta(days=(7 - first.weekday()) % 7 + 7)
