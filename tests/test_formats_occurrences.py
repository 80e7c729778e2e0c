"""A series and its exceptions within a window: what is there, what moved, what is gone, on both sides of a DST change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openapi import schema_validator

from mirror.errors import UnreadableFile
from mirror.formats.ical import calendar, expand

YEAR = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


def at(moment: str, zone: str = "Europe/Berlin") -> dict[str, str]:
    return {"dateTime": moment, "timezone": zone}


def master(*rules: str, start: dict[str, str] | None = None, end: dict[str, str] | None = None) -> dict[str, Any]:
    start = start or at("2025-03-24T09:00:00+01:00")
    return {
        "id": "m",
        "subject": "Standup",
        "description": "daily",
        "start": start,
        "end": end or at("2025-03-24T10:00:00+01:00"),
        "recurrenceType": "master",
        "recurrence": {"ical": {"rules": list(rules), "recurrenceStart": start}},
    }


def exception(kind: str, original: dict[str, str], start: dict[str, str], end: dict[str, str]) -> dict[str, Any]:
    return {
        "id": "x",
        "subject": "Standup, moved",
        "start": start,
        "end": end,
        "recurrenceType": "occurrence",
        "occurrenceInfo": {"type": kind, "originalStart": original, "start": start, "masterId": "m"},
    }


def starts(records: list[dict[str, Any]]) -> list[str]:
    return [record["start"].get("dateTime") or record["start"]["dateOnly"] for record in records]


def test_a_series_keeps_its_wall_clock_time_when_the_clocks_change() -> None:
    found = expand([master("RRULE:FREQ=WEEKLY;COUNT=3")], *YEAR)

    assert starts(found) == ["2025-03-24T09:00:00+01:00", "2025-03-31T09:00:00+02:00", "2025-04-07T09:00:00+02:00"]
    assert {record["start"]["timezone"] for record in found} == {"Europe/Berlin"}


def test_an_occurrence_is_a_whole_event_of_its_own() -> None:
    (_, second) = expand([master("RRULE:FREQ=DAILY;COUNT=2")], *YEAR)

    assert second == {
        "id": "m_20250325T080000Z",
        "subject": "Standup",
        "description": "daily",
        "start": at("2025-03-25T09:00:00+01:00"),
        "end": at("2025-03-25T10:00:00+01:00"),
        "recurrenceType": "occurrence",
        "occurrenceInfo": {
            "id": "m_20250325T080000Z",
            "type": "regular",
            "originalStart": at("2025-03-25T09:00:00+01:00"),
            "start": at("2025-03-25T09:00:00+01:00"),
            "masterId": "m",
        },
    }


@pytest.mark.shared
def test_an_occurrence_is_what_the_api_could_have_sent(shared: Path) -> None:
    for record in expand([master("RRULE:FREQ=DAILY;COUNT=2")], *YEAR):
        schema_validator("Event", closed=True).validate(record)


def test_moved_cancelled_and_excluded_instances_are_where_they_belong() -> None:
    events = [
        master("RRULE:FREQ=DAILY;COUNT=5", "EXDATE;TZID=Europe/Berlin:20250326T090000"),
        exception(
            "modified",
            {"dateTime": "2025-03-25T08:00:00Z", "timezone": "UTC"},
            at("2025-04-02T09:00:00+02:00"),
            at("2025-04-02T11:00:00+02:00"),
        ),
        exception(
            "deleted",
            at("2025-03-27T09:00:00+01:00"),
            at("2025-03-27T09:00:00+01:00"),
            at("2025-03-27T10:00:00+01:00"),
        ),
    ]

    found = expand(events, *YEAR)

    assert starts(found) == ["2025-03-24T09:00:00+01:00", "2025-03-28T09:00:00+01:00", "2025-04-02T09:00:00+02:00"]
    assert found[2]["subject"] == "Standup, moved"
    assert found[2]["occurrenceInfo"]["type"] == "modified"


def test_an_instance_that_moved_into_the_window_is_in_it_and_one_that_moved_out_is_not() -> None:
    moved = exception(
        "modified",
        at("2025-03-25T09:00:00+01:00"),
        at("2025-06-01T09:00:00+02:00"),
        at("2025-06-01T10:00:00+02:00"),
    )
    events = [master("RRULE:FREQ=DAILY;COUNT=3"), moved]

    march = expand(events, datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC))
    june = expand(events, datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))

    assert starts(march) == ["2025-03-24T09:00:00+01:00", "2025-03-26T09:00:00+01:00"]
    assert starts(june) == ["2025-06-01T09:00:00+02:00"]


def test_rdates_add_and_periods_bring_their_own_end() -> None:
    events = [master("RDATE;TZID=Europe/Berlin:20250501T120000", "RDATE;VALUE=PERIOD:20250601T090000Z/PT3H")]

    found = expand(events, *YEAR)

    assert starts(found) == ["2025-03-24T09:00:00+01:00", "2025-05-01T12:00:00+02:00", "2025-06-01T11:00:00+02:00"]
    assert [record["end"]["dateTime"][11:16] for record in found] == ["10:00", "13:00", "14:00"]


def test_days_stay_days() -> None:
    days = master(
        "RRULE:FREQ=WEEKLY;COUNT=3",
        "EXDATE;VALUE=DATE:20250331",
        start={"dateOnly": "2025-03-24"},
        end={"dateOnly": "2025-03-26"},
    )

    found = expand([days], *YEAR)

    assert [(record["start"], record["end"]) for record in found] == [
        ({"dateOnly": "2025-03-24"}, {"dateOnly": "2025-03-26"}),
        ({"dateOnly": "2025-04-07"}, {"dateOnly": "2025-04-09"}),
    ]
    assert found[1]["id"] == "m_20250407"


def test_the_window_excludes_what_ends_at_its_start_or_starts_at_its_end() -> None:
    events = [master("RRULE:FREQ=DAILY;COUNT=3")]

    found = expand(events, datetime(2025, 3, 24, 9, tzinfo=UTC), datetime(2025, 3, 26, 8, tzinfo=UTC))
    around = expand(events, datetime(2025, 3, 24, 8, 59, tzinfo=UTC), datetime(2025, 3, 26, 8, 1, tzinfo=UTC))

    assert starts(found) == ["2025-03-25T09:00:00+01:00"]
    assert len(around) == 3


def test_single_events_come_back_as_they_are() -> None:
    single = {"id": "s", "start": at("2025-05-01T09:00:00+02:00"), "end": at("2025-05-01T10:00:00+02:00")}

    assert expand([single], *YEAR) == [single]
    assert expand([single], datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)) == []


def test_the_events_given_are_not_changed() -> None:
    events = [master("RRULE:FREQ=DAILY;COUNT=3")]

    expand(events, *YEAR)[0]["start"]["dateTime"] = "changed"

    assert events == [master("RRULE:FREQ=DAILY;COUNT=3")]


@pytest.mark.parametrize(
    "rule",
    ["RRULE:FREQ=SECONDLY", "RRULE:FREQ=DAILY;INTERVAL=0", "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "RRULE:FREQ=X"],
)
def test_rules_that_would_take_for_ever_or_mean_nothing_are_refused(rule: str) -> None:
    with pytest.raises(UnreadableFile, match="Standup"):
        expand([master(rule)], *YEAR)


@pytest.mark.shared
def test_the_corpus_series_expands_to_known_instances(corpus: Path) -> None:
    parsed = calendar((corpus / "calendars" / "recur_instances.ics").read_bytes())
    records = [event.record for event in parsed.events]

    found = expand(records, datetime(2012, 10, 1, tzinfo=UTC), datetime(2013, 3, 1, tzinfo=UTC))

    assert [
        (start[:16], record["occurrenceInfo"]["type"]) for start, record in zip(starts(found), found, strict=True)
    ] == [
        ("2012-10-02T15:00", "modified"),
        ("2012-11-06T10:00", "regular"),
        ("2012-11-06T20:00", "modified"),
        ("2012-11-10T10:00", "regular"),
        ("2012-11-30T10:00", "regular"),
        ("2013-01-01T10:00", "regular"),
    ]
    assert found[0]["description"] == "I HAZ CHANGED!"


@pytest.mark.shared
def test_an_exdate_without_a_time_excludes_its_whole_day(corpus: Path) -> None:
    parsed = calendar((corpus / "calendars" / "rdate_exdate.ics").read_bytes())

    found = expand([parsed.events[0].record], datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC))

    assert [start[8:10] for start in starts(found)] == ["09", "10", "12"]


@pytest.mark.shared
def test_exceptions_of_another_series_do_not_touch_this_one(corpus: Path) -> None:
    parsed = calendar((corpus / "calendars" / "google_birthday.ics").read_bytes())
    records = [event.record for event in parsed.events]

    found = expand(records, datetime(2012, 1, 1, tzinfo=UTC), datetime(2016, 1, 1, tzinfo=UTC))

    assert starts(found) == ["2012-12-10", "2013-12-10", "2014-12-10", "2014-12-10"]
