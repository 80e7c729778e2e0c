"""What the lines of a recurrence say, in words. What it has no words for it leaves to be shown as it is written."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from mirror.web import rules

DAYS = {
    "MO": "Monday", "TU": "Tuesday", "WE": "Wednesday", "TH": "Thursday", "FR": "Friday", "SA": "Saturday", "SU": "Sunday",
}  # fmt: skip
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
PLACES = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "last but one"}
UNITS = {
    "SECONDLY": "second", "MINUTELY": "minute", "HOURLY": "hour", "DAILY": "day", "WEEKLY": "week", "MONTHLY": "month",
    "YEARLY": "year",
}  # fmt: skip
MOST_NAMED = 12
_WORKING_DAYS = ["MO", "TU", "WE", "TH", "FR"]
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_SAID = {"FREQ", "INTERVAL", "WKST", "UNTIL", "COUNT", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS"}


def in_words(lines: tuple[str, ...], first: date | datetime) -> str | None:
    """`Every 2 weeks on Monday and Wednesday, until 3 May 2027`; None for rules that there are no words for.

    `lines` are those of `rule_lines`; `first` is the first start: a day, or a moment in the series' own zone.
    """
    said = [_rule(rules.parts(line), first) for line in lines if line.startswith("RRULE")]
    if None in said or any(line.startswith("EXRULE") for line in lines):
        return None
    added = _dates(lines, "RDATE")
    if not said and not added:
        return None
    text = "; and ".join(one for one in said if one)
    if added:
        days = f"{added} more day{'' if added == 1 else 's'}"
        text = f"{text}, and on {days}" if text else f"On {days}"
    left_out = _dates(lines, "EXDATE")
    return f"{text}, except on {left_out} day{'' if left_out == 1 else 's'}" if left_out else text


def _dates(lines: tuple[str, ...], name: str) -> int:
    return sum(line.count(",") + 1 for line in lines if line.startswith(name))


def _rule(rule: dict[str, str], first: date | datetime) -> str | None:
    unit = UNITS.get(rule.get("FREQ", ""))
    if unit is None or not rule.keys() <= _SAID:
        return None
    try:
        on = _on(rule, first)
        interval = int(rule.get("INTERVAL", "1"))
        months = "" if unit == "year" else _in_months(rule)
    except (ValueError, KeyError, IndexError):
        return None
    if on is None:
        return None
    every = f"Every {unit}" if interval == 1 else f"Every {interval} {unit}s"
    return every + on + months + _end(rule, first)


def _on(rule: dict[str, str], first: date | datetime) -> str | None:
    """` on Monday`, with the space before it; None when there are no words for it. Raises: ValueError, KeyError, IndexError."""
    days = [_weekday(written) for written in rule["BYDAY"].split(",")] if "BYDAY" in rule else []
    numbers = [int(number) for number in rule["BYMONTHDAY"].split(",")] if "BYMONTHDAY" in rule else []
    places = [int(place) for place in rule["BYSETPOS"].split(",")] if "BYSETPOS" in rule else []
    if len(days) > MOST_NAMED or len(numbers) > MOST_NAMED or (days and numbers):
        return None
    match rule["FREQ"]:
        case "DAILY" | "HOURLY" | "MINUTELY" | "SECONDLY":
            return None if numbers or places else f" on {_weekdays(days)}" if days else ""
        case "WEEKLY":
            named = days or [(0, list(DAYS)[first.weekday()])]
            return None if numbers or places else f" on {_weekdays(named)}"
        case "MONTHLY":
            return _in_month(days, numbers or ([] if days else [first.day]), places)
    month = MONTHS[int(rule["BYMONTH"]) - 1] if "BYMONTH" in rule else MONTHS[first.month - 1]
    if not days and not places and len(numbers or [first.day]) == 1 and (numbers or [first.day])[0] > 0:
        return f" on {(numbers or [first.day])[0]} {month}"
    if days and "BYMONTH" not in rule:
        return None  # of the year, not of a month
    within = _in_month(days, numbers or ([] if days else [first.day]), places)
    return f"{within} of {month}" if within else None


def _weekday(written: str) -> tuple[int, str]:
    match = _WEEKDAY.fullmatch(written)
    if match is None:
        raise ValueError(written)
    return int(match[1] or 0), match[2]


def _weekdays(days: list[tuple[int, str]]) -> str:
    names = [name for _, name in days]
    if any(place for place, _ in days):
        raise ValueError("a place in a week")
    return "Monday to Friday" if sorted(names) == sorted(_WORKING_DAYS) else _listed([DAYS[name] for name in names])


def _in_month(days: list[tuple[int, str]], numbers: list[int], places: list[int]) -> str | None:
    if numbers:
        if places == [-1] and numbers == list(range(28, numbers[-1] + 1)):
            return f" on the {_ordinal(numbers[-1])}, or the last day of a shorter month"
        return None if places else f" on the {_listed([_ordinal(number) for number in numbers])}"
    if places:
        kind = _weekdays(days)
        kind = "day from Monday to Friday" if kind == "Monday to Friday" else kind.replace(" and ", " or ")
        return f" on the {_listed([PLACES[place] for place in places])} {kind}"
    if not all(place for place, _ in days):
        return f" on every {_weekdays(days)}"
    return f" on the {_listed([f'{PLACES[place]} {DAYS[name]}' for place, name in days])}"


def _in_months(rule: dict[str, str]) -> str:
    return (
        f" in {_listed([MONTHS[int(month) - 1] for month in rule['BYMONTH'].split(',')])}" if "BYMONTH" in rule else ""
    )


def _end(rule: dict[str, str], first: date | datetime) -> str:
    if "COUNT" in rule:
        return ", once" if rule["COUNT"] == "1" else f", {int(rule['COUNT']):,} times"
    if "UNTIL" not in rule:
        return ""
    last = datetime.strptime(rule["UNTIL"][:8], "%Y%m%d").date()  # noqa: DTZ007  (a day)
    if rule["UNTIL"].endswith("Z") and isinstance(first, datetime):
        moment = datetime.strptime(rule["UNTIL"], "%Y%m%dT%H%M%SZ").replace(tzinfo=ZoneInfo("UTC"))
        last = moment.astimezone(first.tzinfo).date()
    return f", until {last.day} {MONTHS[last.month - 1]} {last.year}"


def _ordinal(number: int) -> str:
    if number < 0:
        return "last day" if number == -1 else f"{_ordinal(-number)} day from the end"
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
