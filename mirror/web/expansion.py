"""What takes place in some days: single events, the exceptions of series, and the occurrences that their rules give.

Bounded whatever the rules say: a rule that repeats every second, or names a day that never comes, gives its first start
alone. Tombstones are not shown, and neither are the exceptions of a series that is deleted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from mirror import clock as clocks
from mirror.errors import UnreadableFile
from mirror.formats.ical_times import named_zone
from mirror.formats.occurrences import expand
from mirror.formats.patterns import excluded, rule_lines
from mirror.web import rules, words
from mirror.web.page import Asked, Row
from mirror.web.queries import calendar as queries
from mirror.web.series import series_starts

LONGEST = timedelta(days=400)
"""An occurrence of a series that lasts longer is looked for only so long after its start."""

MOST_STEPS = 20_000
_FINE_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYHOUR", "BYMINUTE"}
_FINE_STEPS = {"HOURLY": timedelta(hours=1), "DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as it takes place once. Times are UTC text; a whole day is midnight of its date in UTC, whatever the zone."""

    event: Row
    starts_at: str
    ends_at: str
    regular: bool = False
    """It is worked out from the rules of its series: `event` is the series."""

    @property
    def all_day(self) -> bool:
        return bool(self.event["all_day"])

    def begins(self, zone: ZoneInfo) -> datetime:
        """Its start in the reader's zone; of a whole day, midnight there."""
        return _local(self.starts_at, zone, self.all_day)

    def finishes(self, zone: ZoneInfo) -> datetime:
        return _local(self.ends_at, zone, self.all_day)

    def days(self, zone: ZoneInfo) -> tuple[date, date]:
        """The reader's first and last day of it."""
        begins, finishes = self.begins(zone), self.finishes(zone)
        last = (
            finishes - timedelta(microseconds=1)
            if finishes.replace(tzinfo=None) > begins.replace(tzinfo=None)
            else begins
        )
        return begins.date(), max(begins.date(), last.date())


def occurrences(asked: Asked, calendars: list[int], first: date, last: date) -> list[Occurrence]:
    """What takes place in these calendars from `first` to `last`, days of the reader's; in the order of their starts."""
    window = datetime(first.year, first.month, first.day), datetime(last.year, last.month, last.day) + timedelta(days=1)  # noqa: DTZ001  (the reader's)
    # Whole days are midnights in UTC: a day's margin, and then each is held against the reader's days.
    since, until = (asked.utc(moment + timedelta(days=by)) for moment, by in zip(window, (-1, 1), strict=True))
    chosen = json.dumps(calendars)
    found = [
        Occurrence(row, row["starts_at"], row["ends_at"])
        for row in asked.rows("Events and exceptions", queries.EVENTS, calendars=chosen, since=since, until=until)
    ]
    taken = {
        (row["calendar_id"], row["series_remote_id"], row["original_start"])
        for row in asked.rows("Starts that exceptions replace", queries.REPLACED, since=_earlier(since), until=until)
    }
    for series in asked.rows("Series", queries.SERIES, calendars=chosen, until=until):
        found += of_series(series, since, until, taken)
    placed = [(one.begins(asked.zone), one) for one in found if _is_placed(one)]
    inside = [(at, one) for at, one in placed if one.days(asked.zone)[0] <= last and one.days(asked.zone)[1] >= first]
    return [one for _, one in sorted(inside, key=lambda pair: (pair[0], pair[1].event["id"]))]


def of_series(series: Row, since: str, until: str, taken: set[tuple[int, str, str]]) -> list[Occurrence]:
    """The regular occurrences of a series that end after `since` and start before `until`.

    `series` is a row of `queries.SERIES`; `taken` has the starts that exceptions replace: calendar, series, start.
    """
    first, ends_at = series["starts_at"], series["ends_at"] or series["starts_at"]
    if not is_moment(first) or not is_moment(ends_at):
        return []
    lasts = min(LONGEST, max(timedelta(), clocks.moment(ends_at) - clocks.moment(first)))
    reaching = clocks.text(clocks.moment(since) - lasts)
    found = []
    for start in starts(series, reaching, until):
        replaced = f"{start[:10]}T00:00:00.000Z" if series["all_day"] else start
        if (series["calendar_id"], series["remote_id"], replaced) in taken:
            continue
        end = _end(first, ends_at, start, "UTC" if series["all_day"] else zone_name(series["timezone"]))
        if end >= since:
            found.append(Occurrence(series, start, end, regular=True))
    return found


def starts(series: Row, since: str, until: str) -> list[str]:
    """The UTC starts of a series in [since, until), in order, its exceptions' own slots included."""
    first = series["starts_at"]
    zone = "UTC" if series["all_day"] else zone_name(series["timezone"])
    lines = lines_of(series)
    if not lines:
        return [first] if since <= first < until else []
    found: set[str] = set()
    walls = [_wall(moment, zone) for moment in (first, since, until)]
    if rules.may_start(lines, *walls):
        found.update(json.loads(series_starts("\n".join(lines), first, zone, series["all_day"], since, until)))
        if not found and any(_is_fine(line) for line in lines):
            found.update(_finer(lines, first, zone, since, until))
    if since <= first < until and not _is_left_out(lines, first, zone, bool(series["all_day"])):
        found.add(first)  # also where its own rule does not name it, as RFC 5545 has it
    return sorted(found)


def lines_of(series: Row) -> tuple[str, ...]:
    """The lines of a series' recurrence, as `rule_lines` cleans them."""
    zone = zone_name(series["timezone"])
    return _lines(series["rrule"], series.get("recurrence"), series["starts_at"], zone, bool(series["all_day"]))


def zone_name(written: object) -> str:
    """The IANA name of an event's zone, however it is called; UTC when nobody knows it."""
    found = named_zone(written) if isinstance(written, str) else None
    return (found.name if found else None) or "UTC"


def is_moment(written: str | None) -> bool:
    """Whether it is a moment, and not so near the end of time that no zone could be reckoned with."""
    found = words.moment(written or "")
    return found is not None and datetime(2, 1, 1, tzinfo=UTC) < found < datetime(9998, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=16_384)
def _lines(rrule: str | None, recurrence: str | None, first: str, zone: str, all_day: bool) -> tuple[str, ...]:
    start = clocks.moment(first)
    try:
        given = json.loads(recurrence) if recurrence else {"ical": {"rules": (rrule or "").splitlines()}}
    except ValueError:
        given = None  # SQLite gives a bare text as it is: no recurrence
    return tuple(rule_lines(given, start.date() if all_day else start.astimezone(ZoneInfo(zone))))


@lru_cache(maxsize=4_096)
def _is_left_out(lines: tuple[str, ...], first: str, zone: str, all_day: bool) -> bool:
    start = clocks.moment(first)
    local = start.date() if all_day else start.astimezone(ZoneInfo(zone))
    left_out = set(excluded(lines, local))
    return bool({start, local, local.date() if isinstance(local, datetime) else local} & left_out)


def _is_fine(line: str) -> bool:
    """Whether a rule is one of hours, with nothing in it that could keep the library looking."""
    rule = rules.parts(line)
    return line.startswith("RRULE") and rule.keys() <= _FINE_PARTS and (
        rule.get("FREQ") == "HOURLY" or ("BYHOUR" in rule and rule.get("FREQ") in _FINE_STEPS)
    )  # fmt: skip


@lru_cache(maxsize=512)
def _finer(lines: tuple[str, ...], first: str, zone: str, since: str, until: str) -> tuple[str, ...]:
    """The starts of a series that repeats within the day, which few do."""
    began, reached, over = (_wall(moment, zone) for moment in (first, since, until))
    repeating = [rules.parts(line) for line in lines if line.startswith("RRULE")]
    steps = [
        _FINE_STEPS[rule["FREQ"]] * int(rule.get("INTERVAL", "1")) for rule in repeating if rule["FREQ"] in _FINE_STEPS
    ]
    if len(repeating) != 1 or not steps:
        return ()
    if "COUNT" not in repeating[0]:
        began += max(0, (reached - began - timedelta(days=3)) // steps[0]) * steps[0]
    times = [len(repeating[0].get(name, "").split(",")) for name in ("BYHOUR", "BYMINUTE")]
    if (over - began) / min(steps[0], timedelta(days=1)) * max(times) > MOST_STEPS:
        return ()
    start = {"dateTime": f"{began:%Y-%m-%dT%H:%M:%S}", "timezone": zone}
    record = {"start": start, "end": start, "recurrence": {"ical": {"rules": list(lines)}}}
    try:
        found = expand([record], clocks.moment(since) - timedelta(seconds=1), clocks.moment(until))
    except UnreadableFile:
        return ()
    texts = {clocks.text(clocks.moment(one["start"]["dateTime"])) for one in found}
    return tuple(sorted(text for text in texts if since <= text < until))


def _end(first: str, ends_at: str, start: str, zone: str) -> str:
    """The end of an occurrence: by the clock on the wall, as long after its start as the first one's."""
    begins = _wall(start, zone)
    ends = begins + (_wall(ends_at, zone) - _wall(first, zone))
    end = clocks.text(ends.replace(tzinfo=ZoneInfo(zone)))
    if end >= start:
        return end
    return clocks.text(clocks.moment(start) + (clocks.moment(ends_at) - clocks.moment(first)))


def _wall(written: str, zone: str) -> datetime:
    return clocks.moment(written).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _local(written: str, zone: ZoneInfo, all_day: bool) -> datetime:
    moment = clocks.moment(written)
    return moment.replace(tzinfo=zone) if all_day else moment.astimezone(zone)


def _earlier(since: str) -> str:
    return clocks.text(clocks.moment(since) - LONGEST)


def _is_placed(one: Occurrence) -> bool:
    return is_moment(one.starts_at) and is_moment(one.ends_at)
