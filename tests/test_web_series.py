"""series_starts: the occurrences of a series, as the pages' SQL asks for them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.web.series import MOST_STARTS, series_starts

YEAR = ("2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z")


def starts(
    rules: str, first: str, zone: str | None = "Europe/Berlin", *, all_day: int = 0, within: tuple[str, str] = YEAR
) -> list[str]:
    found: list[str] = json.loads(series_starts(rules, first, zone, all_day, *within))
    return [start.removesuffix(":00.000Z") for start in found]


def test_a_weekly_meeting_keeps_its_hour_when_the_clocks_change() -> None:
    found = starts("RRULE:FREQ=WEEKLY;COUNT=4", "2026-03-16T08:00:00.000Z")

    assert found == ["2026-03-16T08:00", "2026-03-23T08:00", "2026-03-30T07:00", "2026-04-06T07:00"]


def test_days_that_were_taken_out_or_added_count_in_every_way_of_writing_them() -> None:
    rules = (
        "RRULE:FREQ=DAILY;COUNT=6\nEXDATE;TZID=Europe/Berlin:20260602T090000\nEXDATE:20260603T070000Z\n"
        "EXDATE;VALUE=DATE:20260604\nRDATE;TZID=Europe/Berlin:20260620T120000,20260621T120000\nRDATE:20260701T070000Z/PT1H"
    )

    found = starts(rules, "2026-06-01T07:00:00.000Z")

    assert found == [
        "2026-06-01T07:00",
        "2026-06-05T07:00",
        "2026-06-06T07:00",
        "2026-06-20T10:00",
        "2026-06-21T10:00",
        "2026-07-01T07:00",
    ]


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20260105", "2026-01-05"),
        ("20260105T080000Z", "2026-01-05"),
        ("20260105T075959Z", "2026-01-04"),
        ("20260105T090000", "2026-01-05"),
    ],
)
def test_until_is_inclusive_whether_it_is_a_date_or_a_time(until: str, last: str) -> None:
    found = starts(f"RRULE:FREQ=DAILY;UNTIL={until}", "2026-01-01T08:00:00.000Z")

    assert found[-1][:10] == last


def test_an_all_day_series_has_no_zone() -> None:
    found = starts("RRULE:FREQ=YEARLY", "1954-11-08T00:00:00.000Z", "America/New_York", all_day=1)

    assert found == ["2026-11-08T00:00"]


def test_a_birthday_on_the_29th_of_february_comes_in_leap_years() -> None:
    found = starts(
        "RRULE:FREQ=YEARLY",
        "1988-02-29T00:00:00.000Z",
        None,
        all_day=1,
        within=("2026-01-01T00:00:00.000Z", "2033-01-01T00:00:00.000Z"),
    )

    assert found == ["2028-02-29T00:00", "2032-02-29T00:00"]


def test_the_end_of_the_window_is_outside_and_its_beginning_is_inside() -> None:
    window = ("2026-01-02T08:00:00.000Z", "2026-01-04T08:00:00.000Z")

    assert starts("FREQ=DAILY", "2026-01-01T08:00:00.000Z", "UTC", within=window) == [
        "2026-01-02T08:00",
        "2026-01-03T08:00",
    ]


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "nonsense",
        "RRULE:",
        "RRULE:FREQ=SECONDLY",
        "RRULE:FREQ=WEEKLY;BYDAY=XX",
        "RRULE:FREQ=DAILY;INTERVAL=0",
        "RRULE:FREQ=DAILY;INTERVAL=-3",
        "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=DAILY;BYMONTH=13",
        "RRULE:FREQ=DAILY;BYSETPOS=3",
        "RRULE:FREQ=DAILY;BYHOUR=1,2,3",
        "RRULE:FREQ=DAILY\nEXDATE:tomorrow",
        "RRULE:FREQ=DAILY;COUNT=x",
        "RRULE:FREQ=WEEKLY;UNTIL=99999999",
        "RRULE:FREQ=DAILY;INTERVAL=99999999999999999999",
        "RRULE:FREQ",
        "EXDATE:20260101T000000Z",
    ],
)
def test_what_is_no_rule_gives_no_starts_and_no_error(rules: str) -> None:
    assert starts(rules, "2020-01-01T08:00:00.000Z") == []


@pytest.mark.parametrize("missing", range(5))
def test_without_a_rule_a_start_or_a_window_there_is_nothing(missing: int) -> None:
    given: list[object] = ["RRULE:FREQ=DAILY", "2026-01-01T08:00:00.000Z", 0, *YEAR]
    given[missing] = None

    found = json.loads(series_starts(given[0], given[1], "UTC", given[2], given[3], given[4]))  # type: ignore[arg-type]  # on purpose

    assert bool(found) == (missing == 2)


def test_an_unknown_zone_is_taken_for_utc() -> None:
    assert starts("RRULE:FREQ=YEARLY;COUNT=1", "2026-07-01T08:00:00.000Z", "Mars/Olympus")[0] == "2026-07-01T08:00"


def test_never_more_than_so_many() -> None:
    window = ("2000-01-01T00:00:00.000Z", "2030-01-01T00:00:00.000Z")

    assert len(starts("RRULE:FREQ=DAILY", "2000-01-01T08:00:00.000Z", within=window)) == MOST_STARTS


@settings(max_examples=60, deadline=None)
@given(
    frequency=st.sampled_from([("DAILY", DAILY), ("WEEKLY", WEEKLY), ("MONTHLY", MONTHLY), ("YEARLY", YEARLY)]),
    interval=st.integers(1, 5),
    first=st.datetimes(datetime(1990, 1, 1), datetime(2026, 6, 1)).map(lambda moment: moment.replace(microsecond=0)),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns"]),
)
def test_a_series_that_began_long_ago_has_the_days_that_counting_from_its_start_gives(
    frequency: tuple[str, int], interval: int, first: datetime, zone: str
) -> None:
    window = ("2026-04-20T00:00:00.000Z", "2026-08-20T00:00:00.000Z")
    began = f"{first:%Y-%m-%dT%H:%M:%S}.000Z"
    wall = first.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    slowly = [
        f"{moment.replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%S}.000Z"
        for moment in rrule(
            frequency[1], dtstart=wall, interval=interval, until=datetime(2026, 8, 21) + timedelta(days=1)
        )
    ]
    found = json.loads(series_starts(f"RRULE:FREQ={frequency[0]};INTERVAL={interval}", began, zone, 0, *window))

    assert found == [start for start in slowly if window[0] <= start < window[1]]
