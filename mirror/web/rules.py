"""What can be said of a rule without working it out: whether it can happen at all, and whether it can in some weeks.

It never says no wrongly: a page leaves a series out on its word, and works out only the others.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from math import gcd

from dateutil.rrule import rrule, rrulestr

LAST_YEAR = 9999
"""Where dateutil stops looking for a day that never comes: thousands of years after it began, and a second of work."""

YEARS_OF_ALL_SHAPES = 28
"""So many years have every day of the year on every weekday, where no century comes between."""

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FINER = {"BYHOUR", "BYMINUTE", "BYSECOND", "UNTIL", "COUNT", "INTERVAL", "WKST"}


@lru_cache(maxsize=16_384)
def parts(rule: str) -> dict[str, str]:
    """The parts of an `RRULE:` line or of what follows the colon, in upper case."""
    written = rule.rpartition(":")[2].upper()
    return dict(part.split("=", 1) for part in written.split(";") if "=" in part)


def may_start(lines: tuple[str, ...], first: datetime, since: datetime, until: datetime) -> bool:
    """Whether a series may have starts in a window. All three are wall times of its zone, without it.

    `lines` are those of `rule_lines`.
    """
    for line in lines:
        if line.startswith("RDATE"):
            return True
        if line.startswith("RRULE") and _may(parts(line), line, first, since, until):
            return True
    return False


def _may(rule: dict[str, str], line: str, first: datetime, since: datetime, until: datetime) -> bool:
    last = _last(rule, first)
    if last is not None and last < since - timedelta(days=2):
        return False
    if rule.get("FREQ") == "YEARLY" and until - since < timedelta(days=200):
        by = [name for name in rule if name.startswith("BY")]
        months = rule.get("BYMONTH", "" if by else str(first.month))
        at = {(since + timedelta(days=days)).month for days in range(-2, (until - since).days + 4)}
        if months and not at & {int(month) for month in re.findall(r"\d+", months)}:
            return False
    return can_happen(line, first.month, first.day, first.weekday())


def _last(rule: dict[str, str], first: datetime) -> datetime | None:
    """The last moment at which it can start, or a later one; None when that is not quickly said."""
    try:
        if "UNTIL" in rule:
            return datetime.strptime(rule["UNTIL"][:8], "%Y%m%d") + timedelta(days=1)  # noqa: DTZ007  (wall time)
        if "COUNT" in rule and rule.keys() <= {"FREQ", "COUNT", "INTERVAL", "WKST", "BYDAY"}:
            days = {"DAILY": 1, "WEEKLY": 7}.get(rule.get("FREQ", ""))
            if days and (days == 7 or "BYDAY" not in rule):
                return first + timedelta(days=days) * (int(rule["COUNT"]) + 1) * int(rule.get("INTERVAL", "1"))
    except (ValueError, OverflowError):
        return None
    return None


@lru_cache(maxsize=4_096)
def can_happen(line: str, month: int, day: int, weekday: int) -> bool:
    """Whether a rule names a day that can be, for a series whose first start is on such a day.

    It is asked of the last years that there are, where dateutil soon stops looking.
    """
    rule = parts(line)
    by = {name: value for name, value in rule.items() if name.startswith("BY") and name not in _FINER}
    if rule.get("FREQ") == "DAILY" and "BYDAY" in by:
        step = gcd(int(rule.get("INTERVAL", "1")), 7)
        if not any(day in _WEEKDAYS and (_WEEKDAYS.index(day) - weekday) % step == 0 for day in by["BYDAY"].split(",")):
            return False
    if not by or (by.keys() == {"BYDAY"} and not re.search(r"\d", by["BYDAY"])):
        return True
    try:
        found = rrulestr(
            ";".join(
                f"{name}={value}" for name, value in (rule | {"FREQ": _coarse(rule)}).items() if name not in _FINER
            ),
            dtstart=_late(month, day, weekday),
        )
        return isinstance(found, rrule) and next(iter(found), None) is not None
    except (ValueError, OverflowError, TypeError, ArithmeticError, AttributeError, IndexError):
        return False  # dateutil raises any of these on rules that are no rules


def _coarse(rule: dict[str, str]) -> str:
    """Its frequency, in days where it is finer: which days can be does not depend on the hours."""
    return rule["FREQ"] if rule.get("FREQ") in ("WEEKLY", "MONTHLY", "YEARLY") else "DAILY"


def _late(month: int, day: int, weekday: int) -> datetime:
    """Such a day, with just the years after it in which every day has been on every weekday."""
    for year in range(LAST_YEAR - YEARS_OF_ALL_SHAPES, LAST_YEAR - 3 * YEARS_OF_ALL_SHAPES, -1):
        try:
            found = datetime(year, month, day)  # noqa: DTZ001  (wall time)
        except ValueError:
            continue  # the 29th of February
        if found.weekday() == weekday:
            return found
    raise ValueError(f"no such day: {month}-{day}")
