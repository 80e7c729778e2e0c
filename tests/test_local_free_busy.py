"""When somebody is busy, and when people could meet, against reckonings that share no code with the mirror's.

The calendars are those of the corpus; what takes place in them is worked out by dateutil from the files themselves.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dateutil.rrule import rruleset, rrulestr
from local_wire import Local, local
from worlds import EVENTS

from mirror import clock as clocks
from mirror.clock import VirtualClock
from mirror.sandbox.load import load
from mirror.sandbox.state import State

Stretch = tuple[datetime, datetime]

MINUTE = timedelta(minutes=1)
YEARS = range(2003, 2028)
BEYOND_DATEUTIL = {
    "broken_ical.ics": "is no calendar",
    "google_birthday.ics": "has a date that is none",
    "issue_526_calendar_with_events.ics": "names a time zone of its own making",
    "multiple_timezones.ics": "has times of day for dates",
    "pacific_fiji.ics": "has events that begin twice",
}
EMAIL = "ada@example.com"


# --- busy: the corpus -----------------------------------------------------------------------------------------------------


def moment(value: date | datetime) -> datetime:
    """A whole day is one of UTC, and a time without a zone is of UTC, as the sandbox has them."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def lasts(event: icalendar.Event) -> timedelta:
    start = event["DTSTART"].dt
    if "DTEND" in event:
        end = event["DTEND"].dt
        same = isinstance(start, datetime) and start.tzinfo and isinstance(end, datetime) and end.tzinfo
        return moment(end) - moment(start) if same else end - start  # by the clock on the wall where it is one zone
    if "DURATION" in event:
        return timedelta(seconds=event["DURATION"].dt.total_seconds())
    return timedelta() if isinstance(start, datetime) else timedelta(days=1)


def listed(event: icalendar.Event, name: str) -> Iterator[Any]:
    found = event.get(name, [])
    for line in found if isinstance(found, list) else [found]:
        yield from (one.dt for one in line.dts)


def takes_place(event: icalendar.Event, until_at: datetime) -> Iterator[Stretch]:
    """What the rules of an event give."""
    start = moment(event["DTSTART"].dt)
    every = rruleset()
    every.rdate(start)
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        limit = [moment(one).astimezone(UTC) for one in rule.get("UNTIL", [])]
        text = icalendar.vRecur({name: value for name, value in rule.items() if name != "UNTIL"}).to_ical().decode()
        every.rrule(rrulestr(text + "".join(f";UNTIL={one:%Y%m%dT%H%M%SZ}" for one in limit), dtstart=start))
    for one in listed(event, "RDATE"):
        if isinstance(one, tuple):
            yield moment(one[0]), moment(one[1])
        else:
            every.rdate(moment(one))
    excluded = list(listed(event, "EXDATE"))
    days = {one for one in excluded if not isinstance(one, datetime)}
    moments = {moment(one) for one in excluded}
    for one in every.between(clocks.moment("1990-01-01T00:00:00Z"), until_at, inc=True):
        if one not in moments and one.date() not in days:
            yield one, one + lasts(event)


def busy_in(path: Path, from_at: datetime, until_at: datetime) -> set[Stretch]:
    """What a file says of a window."""
    events = [
        event
        for calendar in icalendar.Calendar.from_ical(path.read_bytes(), multiple=True)
        for event in calendar.walk("VEVENT")
        if "DTSTART" in event
    ]
    moved = {(str(one.get("UID")), moment(one["RECURRENCE-ID"].dt)) for one in events if "RECURRENCE-ID" in one}
    found: set[Stretch] = set()
    for event in events:
        if str(event.get("TRANSP", "")).upper() == "TRANSPARENT" or str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        alone = "RECURRENCE-ID" in event
        start = moment(event["DTSTART"].dt)
        for starts, ends in [(start, start + lasts(event))] if alone else takes_place(event, until_at):
            stretch = starts.astimezone(UTC), ends.astimezone(UTC)
            if not alone and (str(event.get("UID")), starts) in moved:
                continue
            if stretch[0] < until_at and stretch[1] > from_at:
                found.add(stretch)
    return found


def mirrored_from(path: Path, folder: Path) -> Local:
    """A mirror of a mailbox in which a file's events are in the primary calendar."""
    folder.mkdir()
    made = local(folder)
    scratch = State(clock=VirtualClock())
    account_id = scratch.add_account(email="me@mail.example").id
    load(scratch, account_id, [path])
    for calendar in scratch.records(account_id, "calendars"):
        for event in scratch.records(account_id, "events", parent=calendar["id"]):
            fields = {name: value for name, value in event.items() if name not in ("id", "calendarId", "attachments")}
            state = made.upstream.state
            state.create(made.upstream.account.id, "events", fields, parent="home", remote_id=event["id"])
    made.world.pull()
    return made


def test_busy_is_what_the_files_of_the_corpus_say_year_by_year(corpus: Path, tmp_path: Path) -> None:
    compared = 0
    for path in sorted((corpus / "calendars").glob("*.ics")):
        if path.name in BEYOND_DATEUTIL:
            continue
        made = mirrored_from(path, tmp_path / path.stem)
        for year in YEARS:
            window = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
            expected = busy_in(path, *window)
            assert busy(made, *window) == sorted(expected), (path.name, year)
            compared += len(expected)
        made.world.store.close()

    assert compared > 3_000


def busy(made: Local, from_at: datetime, until_at: datetime) -> list[Stretch]:
    asked = {"timeMin": from_at.isoformat(), "timeMax": until_at.isoformat(), "emails": [EMAIL]}
    (told,) = made.http.post("/calendars/freeBusy", json=asked).json()["records"]
    return sorted({(clocks.moment(one["start"]), clocks.moment(one["end"])) for one in told["items"]})


# --- who is taken ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Local]:
    made = local(tmp_path)
    made.world.pull()
    yield made
    made.world.store.close()


@pytest.mark.parametrize(
    ("more", "taken"),
    [
        ({}, True), ({"showAs": "busy"}, True), ({"showAs": "tentative"}, True), ({"showAs": "outOfOffice"}, True),
        ({"showAs": "free"}, False), ({"meetingInfo": {"canceled": True}}, False),
        ({"meetingInfo": {"response": "declined"}}, False), ({"meetingInfo": {"response": "tentative"}}, True),
    ],
)  # fmt: skip
def test_what_was_called_off_or_declined_or_is_shown_as_free_takes_no_time(
    mirrored: Local, more: dict[str, Any], taken: bool
) -> None:
    mirrored.upstream.put(EVENTS, "e", "Dentist", **more)
    mirrored.world.pull()
    day = clocks.moment("2026-01-10T00:00:00Z")
    asked = {"timeMin": day.isoformat(), "timeMax": (day + timedelta(days=1)).isoformat(), "durationMinutes": 1440}

    items = mirrored.http.post("/calendars/suggestMeetingTimes", json=asked).json()["items"]

    assert (len(busy(mirrored, day, day + timedelta(days=1))), len(items)) == ((1, 0) if taken else (0, 1))


def test_an_edit_that_waits_takes_its_time_already(mirrored: Local) -> None:
    times = {"start": {"dateTime": "2026-01-10T09:00:00Z"}, "end": {"dateTime": "2026-01-10T10:00:00Z"}}
    day = clocks.moment("2026-01-10T00:00:00Z")
    made = mirrored.http.post("/calendars/home/events", json={"subject": "x", **times}).json()["id"]
    before = busy(mirrored, day, day + timedelta(days=1))
    mirrored.http.delete(f"/calendars/home/events/{made}")

    assert before == [(day + timedelta(hours=9), day + timedelta(hours=10))]
    assert busy(mirrored, day, day + timedelta(days=1)) == []


# --- meeting times: minute by minute --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_meeting_times_are_those_at_which_nobody_is_taken_for_any_of_their_minutes(mirrored: Local, seed: int) -> None:
    chance = random.Random(seed)
    from_at = clocks.moment("2026-03-27T00:00:00Z") + timedelta(minutes=chance.choice((0, 10, 7 * 60 + 30)))
    until_at = from_at + timedelta(days=3)  # over the night in which the clocks of Europe change
    taken = [_some(chance, from_at) for _ in range(chance.randrange(6))]
    for number, (start, end) in enumerate(taken):
        times = {name: {"dateTime": at.isoformat()} for name, at in (("start", start), ("end", end))}
        mirrored.upstream.put(EVENTS, f"e{number}", "x", **times)
    mirrored.world.pull()
    ben = [_some(chance, from_at) for _ in range(chance.randrange(8))]
    zone = chance.choice(("UTC", "Europe/Berlin", "America/New_York"))
    hours = {day: sorted(chance.sample(range(24), 2)) for day in ("friday", "saturday", "sunday", "monday")}
    lasts, step, apart = (
        timedelta(minutes=chance.choice(some)) for some in ((15, 45, 60, 180), (10, 15, 30), (0, 0, 10))
    )
    asked = {
        "timeMin": from_at.isoformat(), "timeMax": until_at.isoformat(), "durationMinutes": lasts // MINUTE,
        "availabilityStep": step // MINUTE, "bufferBetweenMinutes": apart // MINUTE,
        "attendees": [
            {"email": EMAIL},
            {
                "email": "ben@example.org", "timezone": zone,
                "busyIntervals": [{"start": start.isoformat(), "end": end.isoformat()} for start, end in ben],
                "workHours": {"daySchedules": [
                    {"dayOfWeek": day, "workingIntervals": [{"start": f"{first:02}:00:00", "end": f"{last:02}:00:00"}]}
                    for day, (first, last) in hours.items()
                ]},
            },
        ],
    }  # fmt: skip

    told = mirrored.http.post("/calendars/suggestMeetingTimes", json=asked).json()["items"]

    def free(minute: datetime) -> bool:
        there = minute.astimezone(ZoneInfo(zone))
        first, last = hours.get(f"{there:%A}".lower(), (0, 0))
        return from_at <= minute < until_at and first <= there.hour < last

    def fits(start: datetime) -> bool:
        if any(start < end + apart and start + lasts > begin - apart for begin, end in (*taken, *ben)):
            return False
        return all(free(start + number * MINUTE) for number in range(lasts // MINUTE))

    midnight = from_at.replace(hour=0, minute=0)
    starts = [at for number in range(4 * 1440 * MINUTE // step) if fits(at := midnight + number * step)]
    assert [clocks.moment(one["start"]) for one in told] == starts
    assert all(clocks.moment(one["end"]) - clocks.moment(one["start"]) == lasts for one in told)


def _some(chance: random.Random, from_at: datetime) -> Stretch:
    start = from_at.replace(hour=0, minute=0) + chance.randrange(-10, 300) * 15 * MINUTE
    return start, start + chance.choice((15, 30, 120, 600)) * MINUTE
