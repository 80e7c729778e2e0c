"""Events as iCalendar: what is read back is what was written, whatever upstream has in its fields."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dated import exception, series, timed, whole_days
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.formats import ical
from mirror.formats.descriptions import as_text, is_html
from mirror.formats.ical_writing import Entry, calendar
from mirror.formats.patterns import excluded, rule_lines

STAMP = "2026-01-05T09:00:00.000Z"
BERLIN = ZoneInfo("Europe/Berlin")
FIRST = datetime(2026, 3, 27, 9, tzinfo=BERLIN)


def written(*records: dict[str, Any], name: str | None = None) -> bytes:
    return calendar(name, [Entry({"id": f"r{at}", **record}, STAMP) for at, record in enumerate(records)])


def components(content: bytes, kind: str = "VEVENT") -> list[Any]:
    """What the library reads; nothing of it may be broken."""
    parsed = icalendar.Calendar.from_ical(content)
    assert [component.errors for component in parsed.walk() if component.errors] == []
    return list(parsed.walk(kind))


def test_everything_that_there_is_a_place_for_comes_back() -> None:
    record = timed(
        "2026-03-27 09:00", "2026-03-27 10:30",
        subject="Tea; with, \\everything\\", description="First line\nSecond: 100 % \\n", location="Room 4, “Pier”",
        organizer={"emailAddress": {"name": "Ada \"A\" Okafor", "address": "ada@example.org"}},
        meetingInfo={
            "attendees": [
                {"emailAddress": {"name": "Bo, H", "address": "bo@example.org"}, "type": "optional", "response": "accepted"},
                {"emailAddress": {"address": "room@example.org"}, "type": "resource"},
                {"emailAddress": {"name": "Cy"}, "type": "required", "response": "tentitive"},
            ],
            "onlineMeetingDetails": {"url": "https://meet.example.org/a?b=c,d;e"},
        },
        iCalUid="uid-1@example.org", showAs="free", sensitivity="private", categories=["a,b", "c"], htmlLink="https://x.example/1",
        reminder={"useDefault": False, "overrides": [{"minutes": 10}, {"minutes": 1440}]},
        createdTime="2026-01-01T00:00:00.123Z", lastModifiedTime="2026-01-02T00:00:00Z",
    )  # fmt: skip

    parsed = ical.calendar(written(record, name="Ada's; calendar"))

    assert parsed.refused == []
    assert parsed.name == "Ada's; calendar"
    found = parsed.events[0].record
    for field in (
        "subject",
        "description",
        "location",
        "showAs",
        "sensitivity",
        "categories",
        "iCalUid",
        "htmlLink",
        "reminder",
    ):
        assert found[field] == record[field], field
    assert found["start"] == {"dateTime": "2026-03-27T09:00:00+01:00", "timezone": "Europe/Berlin"}
    assert found["end"] == {"dateTime": "2026-03-27T10:30:00+01:00", "timezone": "Europe/Berlin"}
    assert found["organizer"]["emailAddress"] == {"name": "Ada 'A' Okafor", "address": "ada@example.org"}
    assert found["meetingInfo"]["attendees"][0] == record["meetingInfo"]["attendees"][0]
    assert [one["type"] for one in found["meetingInfo"]["attendees"]] == ["optional", "resource", "required"]
    assert found["meetingInfo"]["attendees"][2]["response"] == "tentitive"
    assert found["meetingInfo"]["onlineMeetingDetails"]["url"] == "https://meet.example.org/a?b=c,d;e"


def test_a_series_its_exceptions_and_its_holes_are_one_series_again() -> None:
    master = series(timed("2026-03-23 09:00", "2026-03-23 10:00", iCalUid="uid-s"), "RRULE:FREQ=DAILY;COUNT=5")
    moved = exception(
        timed("2026-03-24 11:00", "2026-03-24 12:00", subject="Moved", iCalUid="other"), "2026-03-24T08:00:00Z"
    )
    gone = exception(timed("2026-03-25 09:00", "2026-03-25 10:00"), "2026-03-25T08:00:00Z", kind="deleted")
    buried = exception(timed("2026-03-26 09:00", "2026-03-26 10:00"), "2026-03-26T08:00:00Z")

    content = calendar(
        None, [Entry(moved, STAMP), Entry(gone, STAMP), Entry(buried, STAMP, gone=True), Entry(master, STAMP)]
    )

    parsed = ical.calendar(content)
    assert [(event.uid, event.recurrence_id) for event in parsed.events] == [
        ("uid-s", {"dateTime": "2026-03-24T09:00:00+01:00", "timezone": "Europe/Berlin"}),
        ("uid-s", None),
    ]
    records = [{**event.record, "id": event.uid} for event in parsed.events]
    found = ical.expand(records, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert [(one["start"]["dateTime"][5:16], one["subject"]) for one in found] == [
        ("03-23T09:00", "Tea"),
        ("03-24T11:00", "Moved"),
        ("03-27T09:00", "Tea"),
    ]


def test_whole_days_stay_days_and_their_series_too() -> None:
    master = series(whole_days("2026-03-23", "2026-03-25"), "RRULE:FREQ=WEEKLY", "EXDATE:20260330T000000Z")

    (event,) = components(written(master, whole_days("2026-04-01", "2026-04-01")))[:1]

    assert event["DTSTART"].dt == date(2026, 3, 23)
    assert event["DTEND"].dt == date(2026, 3, 25)
    assert event["EXDATE"].dts[0].dt == date(2026, 3, 30)
    assert components(written(whole_days("2026-04-01", "2026-04-01")))[0]["DTEND"].dt == date(2026, 4, 2)


def test_every_zone_that_is_named_is_defined_once() -> None:
    content = written(
        timed("2026-03-27 09:00", "2026-03-27 10:00"),
        timed("2026-03-27 09:00", "2026-03-27 10:00", "W. Europe Standard Time"),
        timed("2026-03-27 09:00", "2026-03-27 10:00", "America/New_York"),
        timed("2026-03-27 09:00", "2026-03-27 10:00", None),
    )

    assert [str(zone["TZID"]) for zone in components(content, "VTIMEZONE")] == ["America/New_York", "Europe/Berlin"]
    assert content.count(b"DTSTART;TZID=Europe/Berlin:20260327T090000") == 2
    assert b"DTSTART:20260327T090000Z" in content


def test_lines_are_at_most_75_bytes_and_no_character_is_cut_in_two() -> None:
    subject = "Смета на ноябрь 🎂 " * 20

    content = written(timed("2026-03-27 09:00", "2026-03-27 10:00", subject=subject))

    assert max(len(line) for line in content.split(b"\r\n")) <= 75
    assert str(components(content)[0]["SUMMARY"]) == subject.strip()


def test_what_upstream_wrote_does_not_get_out_of_its_line() -> None:
    harm = 'x\r\nEND:VEVENT\r\nATTACH:http://evil.example/\u2028BEGIN:VALARM\x85"\x00;CN=y:mailto:a@b'
    record = timed(
        "2026-03-27 09:00", "2026-03-27 10:00",
        subject=harm, description=harm, location=harm, categories=[harm], iCalUid=harm, htmlLink=f"https://x.example/{harm}",
        organizer={"emailAddress": {"name": harm, "address": harm}},
        meetingInfo={"attendees": [{"emailAddress": {"name": harm, "address": harm}, "response": harm, "type": harm}]},
    )  # fmt: skip

    content = written(
        series(record, "RRULE:FREQ=DAILY\r\nEND:VEVENT\r\nATTACH:http://evil.example/", f"EXDATE:{harm}"), name=harm
    )

    (event,) = components(content)
    assert "ATTACH" not in event
    assert "URL" not in event
    assert [line for line in content.split(b"\r\n") if line.startswith(b"END:VE")] == [b"END:VEVENT"]
    assert not any(line.startswith((b"ATTACH", b"BEGIN:VALARM")) for line in content.split(b"\r\n"))


def test_an_html_description_is_given_as_text_and_as_it_is() -> None:
    html = "<html><body><p>Hello <b>you</b></p><p>Bring tea</p></body></html>"

    (event,) = components(written(timed("2026-03-27 09:00", "2026-03-27 10:00", description=html)))

    assert str(event["DESCRIPTION"]) == "Hello you\n\nBring tea"
    assert str(event["X-ALT-DESC"]) == html


@pytest.mark.parametrize(
    ("written_as", "html"),
    [
        ("plain", False),
        ("a < b and c > d", False),
        ("Ada <ada@example.org>", False),
        ("see <https://x.example/a>", False),
        ("one<br>two", True),
        ('<a href="https://x.example">here</a>', True),
        ("<!DOCTYPE html><title>x</title>", True),
    ],
)
def test_html_is_told_from_text_with_angle_brackets(written_as: str, html: bool) -> None:
    assert is_html(written_as) is html
    assert html or as_text(written_as) == written_as


WORDS = """
FREQ=DAILY RRULE:FREQ=WEEKLY EXDATE:20260327T080000Z weekly byDate 2026-03-27 2026-03-27T09:00:00Z Europe/Berlin monday
"""
NAMES = """
ical rules simple pattern range frequency interval count daysOfWeek patternExclusions recurrenceEnd dateTime dateOnly timezone
emailAddress address name attendees overrides minutes masterId originalStart type weekStart instance recurrenceStart
"""
FIELDS = """
recurrence start end meetingInfo organizer reminder occurrenceInfo subject categories description showAs sensitivity htmlLink
iCalUid createdTime
"""
LEAVES = st.none() | st.booleans() | st.integers(-5, 10**12) | st.text(max_size=12) | st.sampled_from(WORDS.split())
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS.split()), JSON))
def test_whatever_upstream_sends_makes_a_file_that_can_be_read(fields: dict[str, Any]) -> None:
    base = {"id": "1", "start": {"dateTime": "2026-03-27T09:00:00Z"}, "end": {"dateTime": "2026-03-27T10:00:00Z"}}

    content = calendar("x", [Entry({**base, **fields}, STAMP), Entry({**fields, "id": "2"}, STAMP, gone=True)])

    assert len(list(icalendar.Calendar.from_ical(content).walk("VEVENT"))) <= 1


# --- lines of rules ---------------------------------------------------------------------------------------------------


def test_lines_are_cleaned_and_zones_called_by_their_iana_names() -> None:
    rules = [
        "FREQ=WEEKLY;BYDAY=MO",
        'exdate;tzid="W. Europe Standard Time":20260330T090000,tomorrow,20260406T090000',
        "RDATE;VALUE=PERIOD:20260401T070000Z/PT2H",
        "ATTACH:http://evil.example/",
        "RRULE:FREQ=DAILY;X-EVIL=1",
    ]

    assert rule_lines({"ical": {"rules": rules}}, FIRST) == [
        "RRULE:FREQ=WEEKLY;BYDAY=MO",
        "EXDATE;TZID=Europe/Berlin:20260330T090000,20260406T090000",
        "RDATE;VALUE=PERIOD:20260401T070000Z/PT2H",
    ]


def test_what_a_pattern_leaves_out_is_added_once() -> None:
    exclusions = [
        {"dateTime": "2026-03-30T09:00:00", "timezone": "Europe/Berlin"},
        {"dateTime": "2026-04-06T07:00:00Z"},
    ]
    recurrence = {
        "ical": {"rules": ["RRULE:FREQ=WEEKLY", "EXDATE;TZID=Europe/Berlin:20260330T090000"]},
        "simple": {"range": {"patternExclusions": exclusions}},
    }

    lines = rule_lines(recurrence, FIRST)

    assert lines[2:] == ["EXDATE:20260406T070000Z"]
    assert list(excluded(lines, FIRST)) == [datetime(2026, 3, 30, 7, tzinfo=UTC), datetime(2026, 4, 6, 7, tzinfo=UTC)]
