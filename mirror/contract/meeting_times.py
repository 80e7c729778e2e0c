"""When some people could meet: what is left of a window when work hours are kept to and busy times taken out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import UNSET, Meta, UnsetType

from mirror.contract import series
from mirror.contract.backend import Record
from mirror.contract.bodies import Day, Form, Moment, ShowAs, Text, Weekday
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.spans import stamp
from mirror.contract.wire import Answer, Call, rfc3339, without_nulls

Hour = Annotated[str, Meta(pattern=r"^\d{2}:\d{2}:\d{2}$")]
Minutes = Annotated[int, Meta(ge=0, le=525_600)]
Stretch = tuple[datetime, datetime]

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_STEP_MINUTES = 30
_LONGEST = timedelta(days=366)
# No more than anybody looks through.
_MOST = 1_000


class Interval(Form):
    start: Moment | UnsetType | None = UNSET
    end: Moment | UnsetType | None = UNSET


class Hours(Form):
    start: Hour | UnsetType | None = UNSET
    end: Hour | UnsetType | None = UNSET


class DaySchedule(Form):
    day_of_week: Weekday | UnsetType | None = UNSET
    working_intervals: list[Hours] | UnsetType | None = UNSET


class WeekSchedule(Form):
    timezone: Text = UNSET
    day_schedules: list[DaySchedule] | UnsetType | None = UNSET


class Attendee(Form):
    email: Text = UNSET
    timezone: Text = UNSET
    work_hours: WeekSchedule | UnsetType | None = UNSET
    busy_intervals: list[Interval] | UnsetType | None = UNSET
    free_intervals: list[Interval] | UnsetType | None = UNSET


class DatedHours(Form):
    date_start_inclusive: Day | UnsetType | None = UNSET
    date_end_inclusive: Day | UnsetType | None = UNSET
    hours: list[Hours] | UnsetType | None = UNSET


class Availability(Form):
    intervals: list[DatedHours] | UnsetType | None = UNSET


class Suggest(Form):
    time_min: Moment | UnsetType | None = UNSET
    time_max: Moment | UnsetType | None = UNSET
    duration_minutes: Minutes | UnsetType | None = UNSET
    buffer_between_minutes: Minutes | UnsetType | None = UNSET
    availability_step: Minutes | UnsetType | None = UNSET
    attendees: list[Attendee] | UnsetType | None = UNSET
    default_timezone: Text = UNSET
    default_work_hours: WeekSchedule | UnsetType | None = UNSET
    availability_intervals: Availability | UnsetType | None = UNSET
    free_statuses: list[ShowAs] | UnsetType | None = UNSET


def suggest(call: Call) -> Answer:
    asked = without_nulls(call.fields(Suggest))
    window = _window(asked)
    lasts = timedelta(minutes=asked.get("durationMinutes") or 0)
    if not lasts:
        raise bad_request("durationMinutes is required")
    zone = _zone(asked.get("defaultTimezone"))
    left = [window]
    if asked.get("availabilityIntervals"):
        dated = (asked["availabilityIntervals"].get("intervals")) or []
        left = _both(left, _joined(hours for one in dated for hours in _dated(one, zone, window)))
    people = []
    for attendee in asked.get("attendees") or [{"email": call.account.email}]:
        left, told = _with(call, left, attendee, asked, window)
        people.append(told)
    step = timedelta(minutes=asked.get("availabilityStep") or _STEP_MINUTES)
    items = [{"start": stamp(start), "end": stamp(start + lasts)} for start in _starts(left, lasts, step)]
    return Answer({"items": items, "attendees": people})


def _window(asked: Record) -> Stretch:
    if not asked.get("timeMin") or not asked.get("timeMax"):
        raise bad_request("timeMin and timeMax are required")
    from_at, until_at = (rfc3339(name, asked[name]) for name in ("timeMin", "timeMax"))
    if not from_at < until_at <= from_at + _LONGEST:
        raise bad_request("timeMin must be before timeMax, by a year at most")
    return from_at, until_at


def _with(
    call: Call, left: list[Stretch], attendee: Record, asked: Record, window: Stretch
) -> tuple[list[Stretch], Record]:
    """What of the time is left with one more person, and what is told of them."""
    schedule = attendee.get("workHours") or asked.get("defaultWorkHours")
    zone_name = attendee.get("timezone") or asked.get("defaultTimezone")
    told = {name: attendee[name] for name in ("email", "timezone", "workHours") if attendee.get(name)}
    if schedule:
        left = _both(left, _working(schedule, _zone(schedule.get("timezone") or zone_name), window))
    if attendee.get("freeIntervals"):
        left = _both(left, _joined(_stretch(one) for one in attendee["freeIntervals"]))
    busy = [_stretch(one) for one in attendee.get("busyIntervals") or []]
    place = call.backend.calendar_of(call.account, attendee["email"]) if attendee.get("email") else None
    if place is not None:
        free = set(asked.get("freeStatuses") or ["free"])
        events = series.within(call, *place, *window)
        busy += [series.extent(event) for event in events if series.takes_time(event, free)]
    elif "busyIntervals" not in attendee and "freeIntervals" not in attendee:
        told["error"] = "notFound"
    apart = timedelta(minutes=asked.get("bufferBetweenMinutes") or 0)
    return _without(left, _joined((start - apart, end + apart) for start, end in busy)), told


def _starts(left: list[Stretch], lasts: timedelta, step: timedelta) -> Iterator[datetime]:
    """The first moments of meetings, at whole steps of the day in UTC."""
    found = 0
    for from_at, until_at in left:
        midnight = datetime.combine(from_at.date(), time(), UTC)
        start = midnight + -((midnight - from_at) // step) * step
        while start + lasts <= until_at and found < _MOST:
            yield start
            found += 1
            start += step


# --- stretches of time ----------------------------------------------------------------------------------------------------


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """In order, those that touch made one."""
    joined: list[Stretch] = []
    for start, end in sorted(stretches):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif start < end:
            joined.append((start, end))
    return joined


def _both(some: list[Stretch], others: list[Stretch]) -> list[Stretch]:
    """What lies in one of these and in one of those."""
    cuts = [(max(a, c), min(b, d)) for a, b in some for c, d in others if max(a, c) < min(b, d)]
    return _joined(cuts)


def _without(some: list[Stretch], taken: list[Stretch]) -> list[Stretch]:
    left: list[Stretch] = []
    for start, end in some:
        for busy_from, busy_until in taken:
            if busy_until <= start or busy_from >= end:
                continue
            if busy_from > start:
                left.append((start, busy_from))
            start = busy_until
            if start >= end:
                break
        if start < end:
            left.append((start, end))
    return left


def _working(schedule: Record, zone: tzinfo, window: Stretch) -> list[Stretch]:
    by_day = {one.get("dayOfWeek"): one.get("workingIntervals") or [] for one in schedule.get("daySchedules") or []}
    return _joined(
        _hours(day, hours, zone) for day in _days(window, zone) for hours in by_day.get(_WEEKDAYS[day.weekday()], [])
    )


def _dated(one: Record, zone: tzinfo, window: Stretch) -> Iterator[Stretch]:
    first, last = one.get("dateStartInclusive") or "", one.get("dateEndInclusive") or "~"
    for day in _days(window, zone):
        if first <= day.isoformat() <= last:
            yield from (_hours(day, hours, zone) for hours in one.get("hours") or [{}])


def _days(window: Stretch, zone: tzinfo) -> Iterator[date]:
    day, last = (moment.astimezone(zone).date() for moment in window)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _hours(day: date, hours: Record, zone: tzinfo) -> Stretch:
    """The stretch of a day between two times of it; without an end, or with 24:00, until midnight."""
    return _at(day, hours.get("start") or "00:00:00", zone), _at(day, hours.get("end") or "24:00:00", zone)


def _at(day: date, written: str, zone: tzinfo) -> datetime:
    if written == "24:00:00":
        return _at(day + timedelta(days=1), "00:00:00", zone)
    try:
        return datetime.combine(day, time.fromisoformat(written), zone).astimezone(UTC)
    except ValueError as error:
        raise bad_request(f"{written} is no time of day") from error


def _stretch(interval: Record) -> Stretch:
    if not interval.get("start") or not interval.get("end"):
        raise bad_request("An interval needs start and end")
    return rfc3339("start", interval["start"]), rfc3339("end", interval["end"])


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise bad_request(f"{name} is no time zone") from error


ROUTES = (Route("POST", "/v1/calendars/suggestMeetingTimes", suggest),)
