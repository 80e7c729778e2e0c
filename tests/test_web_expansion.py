"""What takes place on which day: series over changes of the clocks, exceptions, whole days, and rules that mean harm."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from dated import asking, calendar_mirror, exception, put, series, taking_place, timed, whole_days
from web_demo import browse, get

from mirror.errors import UnreadableFile
from mirror.formats import ical
from mirror.web import rules
from mirror.web.expansion import occurrences

TOKYO, NEW_YORK = "Asia/Tokyo", "America/New_York"


@pytest.fixture
def mirror(quick_path: Path) -> Path:
    return calendar_mirror(quick_path)


# --- the clocks change ------------------------------------------------------------------------------------------------


def test_a_series_in_berlin_keeps_its_hour_there_and_moves_for_a_reader_in_tokyo(mirror: Path) -> None:
    put(mirror, series(timed("2026-03-22 09:00", "2026-03-22 10:00"), "RRULE:FREQ=WEEKLY"))

    assert taking_place(mirror, "2026-03-22", "2026-04-05", TOKYO) == [
        "2026-03-22 17:00–18:00 Tea",
        "2026-03-29 16:00–17:00 Tea",
        "2026-04-05 16:00–17:00 Tea",
    ]
    assert taking_place(mirror, "2026-10-18", "2026-10-25", TOKYO) == [
        "2026-10-18 16:00–17:00 Tea",
        "2026-10-25 17:00–18:00 Tea",
    ]


def test_a_series_in_new_york_changes_on_american_days_for_a_reader_in_tokyo(mirror: Path) -> None:
    put(mirror, series(timed("2026-03-06 18:30", "2026-03-06 19:00", NEW_YORK), "RRULE:FREQ=WEEKLY;BYDAY=FR"))

    # 18:30 in New York is 08:30 of the next day in Tokyo in winter, 07:30 from 8 March until 1 November.
    assert taking_place(mirror, "2026-03-01", "2026-03-31", TOKYO) == [
        "2026-03-07 08:30–09:00 Tea",
        "2026-03-14 07:30–08:00 Tea",
        "2026-03-21 07:30–08:00 Tea",
        "2026-03-28 07:30–08:00 Tea",
    ]
    assert taking_place(mirror, "2026-10-31", "2026-11-07", TOKYO) == [
        "2026-10-31 07:30–08:00 Tea",
        "2026-11-07 08:30–09:00 Tea",
    ]


def test_an_hour_that_does_not_exist_or_exists_twice_is_taken_once(mirror: Path) -> None:
    put(mirror, series(timed("2026-03-28 02:30", "2026-03-28 03:00"), "RRULE:FREQ=DAILY"))

    # On 29 March there is no 02:30 in Berlin: RFC 5545 reckons with the offset before the gap.
    assert taking_place(mirror, "2026-03-28", "2026-03-30") == [
        "2026-03-28 02:30–03:00 Tea",
        "2026-03-29 03:30–04:00 Tea",
        "2026-03-30 02:30–03:00 Tea",
    ]
    assert taking_place(mirror, "2026-10-25", "2026-10-25", "UTC") == ["2026-10-25 00:30–02:00 Tea"]


def test_a_night_keeps_its_hours_on_the_wall_when_the_clocks_change(mirror: Path) -> None:
    put(mirror, series(timed("2026-03-21 22:00", "2026-03-22 06:00"), "RRULE:FREQ=WEEKLY"))

    assert taking_place(mirror, "2026-03-29", "2026-03-29") == ["2026-03-28 22:00–2026-03-29 06:00 Tea"]
    assert taking_place(mirror, "2026-03-29", "2026-03-29", "UTC") == ["2026-03-28 21:00–2026-03-29 04:00 Tea"]


def test_a_windows_zone_changes_its_clocks_all_the_same(mirror: Path) -> None:
    name = "W. Europe Standard Time"
    left_out = f'EXDATE;TZID="{name}":20260329T090000'
    put(mirror, series(timed("2026-03-22 09:00", "2026-03-22 10:00", name), "RRULE:FREQ=WEEKLY", left_out))

    assert taking_place(mirror, "2026-03-22", "2026-04-05", "UTC") == [
        "2026-03-22 08:00–09:00 Tea",
        "2026-04-05 07:00–08:00 Tea",
    ]


def test_a_start_with_only_an_offset_repeats_in_the_zone_of_its_rule(mirror: Path) -> None:
    record = timed("2026-03-22 09:00", "2026-03-22 10:00", None)
    record["start"]["dateTime"] += "+01:00"
    record["end"]["dateTime"] += "+01:00"
    first = {"dateTime": "2026-03-22T09:00:00+01:00", "timezone": "Europe/Berlin"}
    put(mirror, series(record, ical={"rules": ["RRULE:FREQ=WEEKLY"], "recurrenceStart": first}))

    assert taking_place(mirror, "2026-03-29", "2026-03-29") == ["2026-03-29 09:00–10:00 Tea"]


# --- what is left out, added, moved and cancelled ---------------------------------------------------------------------


def test_dates_are_left_out_and_added_however_that_is_written(mirror: Path) -> None:
    put(
        mirror,
        series(
            timed("2026-06-01 09:00", "2026-06-01 10:00"),
            "RRULE:FREQ=DAILY;COUNT=6",
            "EXDATE;TZID=Europe/Berlin:20260602T090000",
            "EXDATE:20260603T070000Z",
            "EXDATE;VALUE=DATE:20260604",
            "RDATE;TZID=America/New_York:20260620T060000",
            simple={"range": {"patternExclusions": [{"dateTime": "2026-06-05T09:00:00+02:00"}]}},
        ),
    )

    assert taking_place(mirror, "2026-06-01", "2026-06-30") == [
        "2026-06-01 09:00–10:00 Tea",
        "2026-06-06 09:00–10:00 Tea",
        "2026-06-20 12:00–13:00 Tea",
    ]


def test_a_moved_occurrence_leaves_its_place_and_takes_another(mirror: Path) -> None:
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=WEEKLY;COUNT=3"))
    put(mirror, exception(timed("2026-06-10 14:00", "2026-06-10 15:00", subject="Late tea"), "2026-06-08T07:00:00Z"))

    assert taking_place(mirror, "2026-06-01", "2026-06-30") == [
        "2026-06-01 09:00–10:00 Tea",
        "2026-06-10 14:00–15:00 Late tea",
        "2026-06-15 09:00–10:00 Tea",
    ]
    assert taking_place(mirror, "2026-06-08", "2026-06-09") == []


def test_an_occurrence_moved_into_the_place_of_another_is_beside_it(mirror: Path) -> None:
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=DAILY;COUNT=3"))
    put(mirror, exception(timed("2026-06-03 09:00", "2026-06-03 10:00", subject="Moved"), "2026-06-02T07:00:00Z"))

    assert taking_place(mirror, "2026-06-01", "2026-06-30") == [
        "2026-06-01 09:00–10:00 Tea",
        "2026-06-03 09:00–10:00 Tea",
        "2026-06-03 09:00–10:00 Moved",
    ]


def test_a_moved_first_occurrence_is_not_shown_twice(mirror: Path) -> None:
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=DAILY;COUNT=2"))
    put(mirror, exception(timed("2026-06-01 11:00", "2026-06-01 12:00"), "2026-06-01T07:00:00Z"))

    assert taking_place(mirror, "2026-06-01", "2026-06-30") == [
        "2026-06-01 11:00–12:00 Tea",
        "2026-06-02 09:00–10:00 Tea",
    ]


@pytest.mark.parametrize("how", ["deleted", "tombstone"])
def test_a_date_that_was_taken_out_is_not_shown(mirror: Path, how: str) -> None:
    gone: dict[str, Any] = (
        {} if how == "deleted" else {"deleted_at": "2026-06-01T00:00:00.000Z", "deletion": "reported"}
    )
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=DAILY;COUNT=2"))
    put(
        mirror,
        exception(
            timed("2026-06-02 09:00", "2026-06-02 10:00"),
            "2026-06-02T07:00:00Z",
            kind=how if how == "deleted" else "modified",
        ),
        **gone,
    )

    assert taking_place(mirror, "2026-06-01", "2026-06-30") == ["2026-06-01 09:00–10:00 Tea"]


def test_a_cancelled_occurrence_is_shown_as_cancelled_in_its_place(mirror: Path) -> None:
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=DAILY;COUNT=2"))
    put(
        mirror,
        exception(
            timed("2026-06-02 09:00", "2026-06-02 10:00", meetingInfo={"canceled": True}), "2026-06-02T07:00:00Z"
        ),
    )

    with asking(mirror) as asked:
        found = occurrences(asked, [1], date(2026, 6, 1), date(2026, 6, 30))

    assert [(one.starts_at[:10], one.event["canceled"]) for one in found] == [("2026-06-01", None), ("2026-06-02", 1)]


def test_nothing_of_a_deleted_series_is_left_not_even_its_exceptions(mirror: Path) -> None:
    put(
        mirror,
        series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=DAILY"),
        deleted_at="2026-06-01T00:00:00.000Z",
        deletion="reported",
    )
    put(mirror, exception(timed("2026-06-02 11:00", "2026-06-02 12:00"), "2026-06-02T07:00:00Z"))
    put(
        mirror,
        exception(timed("2026-06-03 11:00", "2026-06-03 12:00", subject="Of another"), "2026-06-03T07:00:00Z", of="x"),
    )

    assert taking_place(mirror, "2026-06-01", "2026-06-30") == ["2026-06-03 11:00–12:00 Of another"]


def test_the_first_date_counts_even_if_its_own_rule_does_not_name_it(mirror: Path) -> None:
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=2"))

    assert [line[:10] for line in taking_place(mirror, "2026-06-01", "2026-06-30")] == [
        "2026-06-01",
        "2026-06-02",
        "2026-06-09",
    ]


# --- days -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", TOKYO, "Europe/Berlin"])
def test_whole_days_are_on_their_date_wherever_the_reader_is(mirror: Path, zone: str) -> None:
    put(mirror, whole_days("2026-06-10", "2026-06-11", id="a"), whole_days("2026-06-10", "2026-06-13", id="b"))
    put(mirror, series(whole_days("1954-06-11", "1954-06-12", subject="Birthday"), "RRULE:FREQ=YEARLY"))

    assert taking_place(mirror, "2026-06-09", "2026-06-09", zone) == []
    assert taking_place(mirror, "2026-06-11", "2026-06-11", zone) == [
        "2026-06-10–2026-06-12 Trip",
        "2026-06-11 Birthday",
    ]
    assert taking_place(mirror, "2026-06-13", "2026-06-13", zone) == []


def test_an_exception_of_a_whole_day_takes_the_place_of_its_day(mirror: Path) -> None:
    put(mirror, series(whole_days("2026-06-01", "2026-06-02"), "RRULE:FREQ=DAILY;COUNT=3"))
    put(mirror, exception(whole_days("2026-06-05", "2026-06-06", subject="Moved"), "2026-06-02"))

    assert taking_place(mirror, "2026-06-01", "2026-06-30") == [
        "2026-06-01 Trip",
        "2026-06-03 Trip",
        "2026-06-05 Moved",
    ]


def test_what_goes_over_midnight_is_on_both_days_and_what_ends_at_midnight_is_not(mirror: Path) -> None:
    put(
        mirror,
        timed("2026-06-10 22:00", "2026-06-11 02:00", id="a"),
        timed("2026-06-10 20:00", "2026-06-11 00:00", id="b"),
    )

    assert len(taking_place(mirror, "2026-06-10", "2026-06-10")) == 2
    assert taking_place(mirror, "2026-06-11", "2026-06-11") == ["2026-06-10 22:00–2026-06-11 02:00 Tea"]


def test_what_has_lasted_for_months_is_found_in_the_middle_of_it(mirror: Path) -> None:
    put(mirror, whole_days("2025-09-01", "2026-09-01", subject="Sabbatical"))

    assert taking_place(mirror, "2026-06-10", "2026-06-10") == ["2025-09-01–2026-08-31 Sabbatical"]


def test_what_takes_no_time_is_on_its_day(mirror: Path) -> None:
    put(mirror, timed("2026-06-10 00:00", "2026-06-10 00:00"))

    assert taking_place(mirror, "2026-06-10", "2026-06-10") == ["2026-06-10 00:00–00:00 Tea"]
    assert taking_place(mirror, "2026-06-09", "2026-06-09") == []


def test_only_the_calendars_that_are_asked_for(quick_path: Path) -> None:
    path = calendar_mirror(quick_path, "Work", "Home")
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00"))
    put(path, series(timed("2026-06-10 09:00", "2026-06-10 10:00", subject="Swim"), "RRULE:FREQ=DAILY"), calendar=2)

    assert taking_place(path, "2026-06-10", "2026-06-10", calendars=(2,)) == ["2026-06-10 09:00–10:00 Swim"]
    assert len(taking_place(path, "2026-06-10", "2026-06-10", calendars=(1, 2))) == 2


# --- patterns without rules -------------------------------------------------------------------------------------------


PATTERNS: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({"frequency": "daily", "interval": 20}, {"type": "unbounded"}, "01-30 02-19 03-11 03-31"),
    (
        {"frequency": "weekly", "daysOfWeek": ["monday", "friday"], "interval": 2, "weekStart": "monday"},
        {"type": "byCount", "count": 4},
        "01-30 02-09 02-13 02-23",
    ),
    (
        {"frequency": "monthly", "dayOfMonth": 30},
        {"type": "byDate", "recurrenceEnd": "2026-03-30"},
        "01-30 02-28 03-30",
    ),
    ({"frequency": "monthlyRelative", "daysOfWeek": ["friday"], "instance": "last"}, {}, "01-30 02-27 03-27"),
    ({"frequency": "yearly", "dayOfMonth": 30, "monthOfYear": 1}, {}, "01-30"),
    (
        {"frequency": "daily"},
        {"type": "byCount", "count": 3, "patternExclusions": [{"dateTime": "2026-01-31T09:00:00+01:00"}]},
        "01-30 02-01",
    ),
)


@pytest.mark.parametrize(("pattern", "limits", "days"), PATTERNS)
def test_a_pattern_that_came_without_rules_is_worked_out(
    mirror: Path, pattern: dict[str, Any], limits: dict[str, Any], days: str
) -> None:
    put(mirror, series(timed("2026-01-30 09:00", "2026-01-30 10:00"), simple={"pattern": pattern, "range": limits}))

    assert [line[5:10] for line in taking_place(mirror, "2026-01-01", "2026-03-31")] == days.split()


UNREADABLE: tuple[dict[str, Any], ...] = (
    {},
    {"simple": "every day"},
    {"simple": {"pattern": {"frequency": "fortnightly"}}},
    {"ical": {"rules": "FREQ=DAILY"}},
    {"ical": {"rules": [7, None, {}]}},
    {"simple": {"pattern": {"frequency": ["daily"]}, "range": {"recurrenceEnd": "soon"}}, "ical": 3},
)


@pytest.mark.parametrize("recurrence", UNREADABLE)
def test_a_series_without_a_readable_rule_is_shown_at_its_first_date(mirror: Path, recurrence: dict[str, Any]) -> None:
    put(mirror, series(timed("2026-01-30 09:00", "2026-01-30 10:00"), **recurrence))

    assert taking_place(mirror, "2026-01-30", "2026-01-30") == ["2026-01-30 09:00–10:00 Tea"]


# --- rules that mean harm, and those that only look so ----------------------------------------------------------------

HOSTILE = (
    "FREQ=SECONDLY",
    "FREQ=MINUTELY;INTERVAL=1",
    "FREQ=DAILY;BYSECOND=1,2,3",
    "FREQ=DAILY;INTERVAL=7;BYDAY=WE",
    "FREQ=MONTHLY;BYDAY=6MO",
    "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=20",
    "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
    "FREQ=YEARLY;BYMONTH=1;BYYEARDAY=200",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYDAY=53MO;BYMONTH=1",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;COUNT=0",
    "FREQ=DAILY;INTERVAL=99999999999999999999",
    "FREQ=DAILY;UNTIL=whenever",
    "FREQ=DAILY;BYEASTER=0",
    "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=HOURLY;BYHOUR=99",
    "FREQ=HOURLY;COUNT=999999;BYDAY=MO",
    "FREQ=WEEKLY;BYDAY=XX",
    "FREQ=",
)


def test_rules_without_end_or_sense_give_their_first_date_alone_and_quickly(mirror: Path) -> None:
    put(
        mirror,
        *(
            series(timed("2020-01-06 09:00", "2020-01-06 10:00", id=str(n)), f"RRULE:{r}")
            for n, r in enumerate(HOSTILE)
        ),
    )

    # Were one of them worked out to the end of time, this would take a second; all of them, minutes.
    found = {month: taking_place(mirror, f"2026-{month:02}-01", f"2026-{month:02}-28") for month in range(1, 13)}

    assert not any(found.values())
    assert taking_place(mirror, "2020-01-06", "2020-01-06").count("2020-01-06 09:00–10:00 Tea") == len(HOSTILE)


def test_a_day_that_never_comes_is_recognised_and_one_that_seldom_comes_is_not_mistaken_for_it() -> None:
    monday = (1, 5, 0)

    assert not rules.can_happen("RRULE:FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=20", *monday)
    assert not rules.can_happen("RRULE:FREQ=DAILY;INTERVAL=14;BYDAY=TU", *monday)
    assert rules.can_happen("RRULE:FREQ=DAILY;INTERVAL=3;BYDAY=TU", *monday)
    assert rules.can_happen("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU", *monday)
    assert rules.can_happen("RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=FR", 2, 29, 3)
    assert rules.can_happen("RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", *monday)


def test_twenty_years_of_days_cost_no_more_than_a_month(mirror: Path) -> None:
    put(
        mirror,
        *(series(timed("2006-01-02 09:00", "2006-01-02 10:00", id=str(n)), "RRULE:FREQ=DAILY") for n in range(20)),
    )
    asked_of: list[int] = []

    with asking(mirror) as asked:
        asked.conn.set_progress_handler(lambda: asked_of.append(1), 1000)
        found = occurrences(asked, [1], date(2026, 6, 1), date(2026, 6, 30))

    assert len(found) == 20 * 30
    assert len(asked_of) < 50


def test_what_repeats_within_the_day_is_worked_out_near_the_days_that_are_shown(mirror: Path) -> None:
    put(
        mirror,
        series(
            timed("2020-01-01 06:00", "2020-01-01 06:10", id="pills", subject="Pill"), "RRULE:FREQ=HOURLY;INTERVAL=8"
        ),
        series(
            timed("2026-06-01 09:00", "2026-06-01 09:10", id="dog", subject="Dog"),
            "RRULE:FREQ=DAILY;BYHOUR=9,17;COUNT=3",
        ),
    )

    assert taking_place(mirror, "2026-06-01", "2026-06-02") == [
        "2026-06-01 06:00–06:10 Pill",
        "2026-06-01 09:00–09:10 Dog",
        "2026-06-01 14:00–14:10 Pill",
        "2026-06-01 17:00–17:10 Dog",
        "2026-06-01 22:00–22:10 Pill",
        "2026-06-02 06:00–06:10 Pill",
        "2026-06-02 09:00–09:10 Dog",
        "2026-06-02 14:00–14:10 Pill",
        "2026-06-02 22:00–22:10 Pill",
    ]


def test_times_that_are_none_or_at_the_end_of_time_are_left_out(mirror: Path) -> None:
    put(
        mirror,
        {"id": "a", "subject": "No time", "recurrenceType": "single"},
        timed("9999-12-31 23:00", "9999-12-31 23:30", "America/New_York", id="b"),
        series(timed("9999-12-31 23:00", "9999-12-31 23:30", id="c"), "RRULE:FREQ=DAILY"),
        timed("2026-06-10 09:00", "2026-06-10 10:00", "Mars/Olympus", id="d"),
    )

    assert taking_place(mirror, "2026-06-10", "2026-06-10", "UTC") == ["2026-06-10 09:00–10:00 Tea"]
    assert taking_place(mirror, "8999-12-01", "8999-12-31", "UTC") == []


# --- held against the library -----------------------------------------------------------------------------------------


def by_the_library(content: bytes, first: date, last: date, zone: ZoneInfo) -> list[tuple[str, str, str]]:
    """What recurring-ical-events finds in a file: UTC start, end, title."""
    margin = timedelta(days=3)
    query = recurring_ical_events.of(icalendar.Calendar.from_ical(content))
    found = query.between(datetime.combine(first, time(), zone) - margin, datetime.combine(last, time(), zone) + margin)
    inside = []
    for one in found:
        start, end = one["DTSTART"].dt, one["DTEND"].dt
        if isinstance(start, datetime):
            local, until = start.astimezone(zone), end.astimezone(zone)
            days = local.date(), (until - timedelta(microseconds=1)).date() if until > local else local.date()
        else:
            days = start, max(start, end - timedelta(days=1))
        if days[0] <= last and days[1] >= first:
            inside.append((_utc(start), _utc(end), str(one.get("SUMMARY", ""))))
    return sorted(inside)


def _utc(value: date | datetime) -> str:
    return value.astimezone(UTC).isoformat()[:16] if isinstance(value, datetime) else f"{value}T00:00"


def by_us(path: Path, calendar: int, first: date, last: date, zone: str) -> list[tuple[str, str, str]]:
    with asking(path, zone) as asked:
        found = occurrences(asked, [calendar], first, last)
    return sorted((one.starts_at[:16], one.ends_at[:16], one.event["subject"] or "") for one in found)


@pytest.mark.parametrize("calendar", [1, 2, 3])
def test_a_persons_year_is_what_the_library_makes_of_our_file_of_it(demo_home: Path, calendar: int) -> None:
    path = demo_home / "mirror.db"
    content = get(browse(path), f"/calendar/{calendar}.ics").content
    with asking(path) as asked:
        (last,) = asked.conn.execute("SELECT date(max(starts_at), '-60 days') FROM events").fetchone()
    end = date.fromisoformat(last)

    ours = by_us(path, calendar, end - timedelta(days=365), end, TOKYO)

    assert ours == by_the_library(content, end - timedelta(days=365), end, ZoneInfo(TOKYO))
    assert len(ours) > 50


def test_the_calendars_of_the_corpus_are_what_the_library_makes_of_our_files_of_them(
    corpus: Path, quick_path: Path
) -> None:
    files = sorted((corpus / "calendars").glob("*.ics"))
    path = calendar_mirror(quick_path, *(file.stem for file in files))
    windows: dict[int, set[int]] = {}
    for number, file in enumerate(files, 1):
        try:
            parsed = ical.calendar(file.read_bytes())
        except UnreadableFile:
            continue
        masters = {event.uid: f"{event.uid}-{at}" for at, event in enumerate(parsed.events) if not event.recurrence_id}
        for at, event in enumerate(parsed.events):
            record = {**event.record, "id": f"{event.uid}-{at}"}
            if event.recurrence_id:
                record["occurrenceInfo"] = {**record["occurrenceInfo"], "masterId": masters.get(event.uid, "")}
            put(path, record, calendar=number)
            windows.setdefault(number, set()).add(
                int((record["start"].get("dateTime") or record["start"]["dateOnly"])[:4])
            )
    datasette = browse(path)
    compared = 0

    for number, years in windows.items():
        content = get(datasette, f"/calendar/{number}.ics").content
        for year in sorted(years)[:2]:
            first, last = date(max(1000, year), 1, 1), date(max(1000, year), 12, 31)
            ours = by_us(path, number, first, last, "Europe/Berlin")
            assert ours == by_the_library(content, first, last, ZoneInfo("Europe/Berlin")), (
                files[number - 1].name,
                year,
            )
            compared += len(ours)

    assert compared > 80
