"""Calendars by a dozen programs become events and tasks: every file of the corpus, and the oddities one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi import schema_validator

from mirror.errors import UnreadableFile
from mirror.formats.ical import ParsedCalendar, calendar

# (events, tasks, refusals)
COUNTS = {
    "alarm_etar_future.ics": (1, 0, 0),
    "alarm_google_future.ics": (1, 0, 0),
    "alarm_thunderbird_future.ics": (1, 0, 0),
    "america_new_york.ics": (1, 0, 0),
    "big_bad_calendar.ics": (0, 0, 20),
    "broken_ical.ics": (0, 0, 1),
    "calendar_with_unicode.ics": (0, 0, 0),
    "duration_instead_of_dtend.ics": (1, 0, 0),
    "event_with_recurrence_exdates_on_different_lines.ics": (1, 0, 0),
    "event_with_rsvp.ics": (0, 0, 1),
    "event_with_unicode_organizer.ics": (0, 0, 1),
    "example.ics": (3, 0, 0),
    "google_birthday.ics": (4, 0, 2),
    "issue_1050_all_components.ics": (1, 1, 2),
    "issue_1050_calendar_with_events_and_todos.ics": (2, 1, 1),
    "issue_1231_recurrence.ics": (1, 0, 0),
    "issue_322_expected_calendar.ics": (0, 0, 1),
    "issue_526_calendar_with_events.ics": (2, 0, 0),
    "multiple_timezones.ics": (3, 0, 3),
    "only_dtstart_date.ics": (1, 0, 0),
    "pacific_fiji.ics": (1, 0, 0),
    "rdate_exdate.ics": (1, 0, 0),
    "recur_instances.ics": (3, 0, 1),
    "recur_instances_finite.ics": (1, 0, 0),
    "rfc_5545_RDATE_example.ics": (0, 0, 6),
    "rfc_7986_conferences.ics": (0, 0, 1),
    "rfc_9253_examples.ics": (2, 0, 0),
    "timezoned.ics": (1, 0, 0),
    "x_location.ics": (1, 0, 0),
}


def parsed(corpus: Path, name: str) -> ParsedCalendar:
    return calendar((corpus / "calendars" / name).read_bytes())


def lines(*content: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *content, "END:VCALENDAR", ""]).encode()


def event(*content: str) -> dict[str, Any]:
    found = calendar(lines("BEGIN:VEVENT", "UID:1", *content, "END:VEVENT"))
    assert found.refused == []
    return found.events[0].record


@pytest.mark.shared
def test_the_corpus_has_no_file_without_an_expectation(corpus: Path) -> None:
    assert {path.name for path in (corpus / "calendars").iterdir()} == set(COUNTS)


@pytest.mark.shared
@pytest.mark.parametrize("name", COUNTS)
def test_every_calendar_of_the_corpus_gives_what_the_api_could_have_sent(corpus: Path, name: str) -> None:
    found = parsed(corpus, name)

    assert (len(found.events), len(found.tasks), len(found.refused)) == COUNTS[name]
    for parsed_event in found.events:
        # The API spells this field in two ways; its schema names only one of them.
        record = {key: value for key, value in parsed_event.record.items() if key != "iCalUId"}
        schema_validator("Event", closed=True).validate(record)
        assert parsed_event.record.get("iCalUId") == parsed_event.record.get("iCalUid") == parsed_event.uid
    for parsed_task in found.tasks:
        schema_validator("Task", closed=True).validate(parsed_task.record)
    for sentence in found.refused:
        assert sentence.endswith(".")
        assert len(sentence.split()) > 5


@pytest.mark.shared
def test_reasons_name_what_is_wrong(corpus: Path) -> None:
    reasons = {name: parsed(corpus, name).refused for name in COUNTS}

    assert "too many semicolons" in reasons["broken_ical.ics"][0]
    assert "DTSTART;;VALUE" in reasons["broken_ical.ics"][0]
    assert reasons["big_bad_calendar.ics"][19] == (
        "Event 20 “without a title” was left out: it has no start (DTSTART)."
    )
    assert "its RDATE can't be read" in reasons["google_birthday.ics"][0]
    assert reasons["issue_1050_all_components.ics"][0].startswith("A VJOURNAL was left out")


@pytest.mark.shared
def test_names_of_calendars_are_kept(corpus: Path) -> None:
    assert parsed(corpus, "calendar_with_unicode.ics").name == "äöü ÄÖÜ €"
    assert parsed(corpus, "google_birthday.ics").name == "Contacts' birthdays and events"
    assert parsed(corpus, "america_new_york.ics").name is None


@pytest.mark.shared
def test_custom_and_foreign_zone_names_become_iana_names(corpus: Path) -> None:
    starts = {
        name: parsed(corpus, name).events[0].record["start"]
        for name in ("america_new_york.ics", "pacific_fiji.ics", "issue_526_calendar_with_events.ics", "timezoned.ics")
    }

    assert starts == {
        "america_new_york.ics": {"dateTime": "2014-08-29T08:00:00-04:00", "timezone": "America/New_York"},
        "pacific_fiji.ics": {"dateTime": "2014-08-29T08:00:00+12:00", "timezone": "Pacific/Fiji"},
        "issue_526_calendar_with_events.ics": {"dateTime": "2021-11-01T16:00:00+01:00", "timezone": "Europe/Berlin"},
        "timezoned.ics": {"dateTime": "2012-02-13T10:00:00+01:00", "timezone": "Europe/Vienna"},
    }


@pytest.mark.shared
def test_a_series_has_its_rules_its_exceptions_and_its_people(corpus: Path) -> None:
    master, moved, by_utc = parsed(corpus, "recur_instances.ics").events

    assert master.record["recurrenceType"] == "master"
    assert master.record["recurrence"]["ical"]["rules"] == [
        "RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=1TU",
        "EXDATE;TZID=America/Los_Angeles:20130402T100000",
        "EXDATE;TZID=America/Los_Angeles:20121204T100000",
        "EXDATE;TZID=America/Los_Angeles:20130205T100000",
        "RDATE:20231123T090000Z",
        "RDATE;VALUE=PERIOD:20231125T090000Z/20231125T123000Z",
        "RDATE;TZID=America/Los_Angeles:20121105T100000",
        "RDATE;TZID=America/Los_Angeles:20121110T100000,20121130T100000",
    ]
    assert "simple" not in master.record["recurrence"]
    assert master.record["organizer"] == {"emailAddress": {"address": "jlal@mozilla.com", "name": "James Lal"}}
    assert master.record["meetingInfo"]["attendees"][0]["response"] == "accepted"
    assert moved.record["recurrenceType"] == "occurrence"
    assert moved.record["occurrenceInfo"] == {
        "type": "modified",
        "originalStart": {"dateTime": "2012-10-02T10:00:00-07:00", "timezone": "America/Los_Angeles"},
        "start": {"dateTime": "2012-10-02T15:00:00-07:00", "timezone": "America/Los_Angeles"},
        "masterId": "623c13c0-6c2b-45d6-a12b-c33ad61c4868",
    }
    assert by_utc.recurrence_id == {"dateTime": "2012-11-05T18:00:00Z", "timezone": "UTC"}


@pytest.mark.shared
def test_exdates_are_rules_and_pattern_exclusions(corpus: Path) -> None:
    record = parsed(corpus, "event_with_recurrence_exdates_on_different_lines.ics").events[0].record
    pattern = record["recurrence"]["simple"]

    assert "EXDATE;TZID=Europe/Vienna:20120529T100000" in record["recurrence"]["ical"]["rules"]
    assert pattern["pattern"] == {
        "interval": 1,
        "frequency": "weekly",
        "daysOfWeek": ["tuesday"],
        "weekStart": "monday",
    }
    assert pattern["range"]["type"] == "byDate"
    assert pattern["range"]["recurrenceEnd"] == "2012-07-03"
    assert {"dateTime": "2012-04-03T10:00:00+02:00", "timezone": "Europe/Vienna"} in pattern["range"][
        "patternExclusions"
    ]


@pytest.mark.shared
def test_alarms_are_minutes_before_the_start_each_once(corpus: Path) -> None:
    record = parsed(corpus, "alarm_google_future.ics").events[0].record

    assert record["reminder"] == {
        "useDefault": False,
        "overrides": [{"minutes": 10}, {"minutes": 14}, {"minutes": 15}],
    }


def test_an_all_day_event_without_an_end_or_with_an_empty_one_lasts_a_day() -> None:
    for end in ([], ["DTEND;VALUE=DATE:20250101"], ["DURATION:P1D"]):
        record = event("DTSTART;VALUE=DATE:20250101", *end)
        assert (record["start"], record["end"]) == ({"dateOnly": "2025-01-01"}, {"dateOnly": "2025-01-02"})


def test_a_duration_in_days_goes_by_the_wall_clock_and_one_in_hours_by_real_time() -> None:
    start = "DTSTART;TZID=Europe/Berlin:20250329T120000"

    assert event(start, "DURATION:P1D")["end"]["dateTime"] == "2025-03-30T12:00:00+02:00"
    assert event(start, "DURATION:PT24H")["end"]["dateTime"] == "2025-03-30T12:00:00+02:00"
    assert event(start, "DURATION:PT23H")["end"]["dateTime"] == "2025-03-30T12:00:00+02:00"


def test_windows_zones_and_prefixed_zones_are_known() -> None:
    for tzid in ("W. Europe Standard Time", "/mozilla.org/20050126_1/Europe/Berlin", '"Europe/Berlin"'):
        start = event(f"DTSTART;TZID={tzid}:20250701T090000")["start"]
        assert start == {"dateTime": "2025-07-01T09:00:00+02:00", "timezone": "Europe/Berlin"}


def test_a_zone_that_only_the_file_defines_is_found_by_its_clocks() -> None:
    definition = [
        *("BEGIN:VTIMEZONE", "TZID:Customized Time Zone"),
        *("BEGIN:STANDARD", "DTSTART:16010101T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100"),
        *("RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10", "END:STANDARD"),
        *("BEGIN:DAYLIGHT", "DTSTART:16010101T020000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200"),
        *("RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "END:DAYLIGHT", "END:VTIMEZONE"),
    ]
    meeting = ["BEGIN:VEVENT", "DTSTART;TZID=Customized Time Zone:20250701T090000", "END:VEVENT"]

    with_definition = calendar(lines(*definition, *meeting)).events[0].record["start"]
    without = calendar(lines(*meeting)).events[0].record["start"]

    assert with_definition == {"dateTime": "2025-07-01T09:00:00+02:00", "timezone": "Europe/Berlin"}
    # What an earlier file defined says nothing about this one.
    assert without == {"dateTime": "2025-07-01T09:00:00Z"}


def test_a_definition_under_a_global_name_is_found_too() -> None:
    definition = [
        *("BEGIN:VTIMEZONE", "TZID:/example.org/1/Office", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
        *("TZOFFSETFROM:+0545", "TZOFFSETTO:+0545", "END:STANDARD", "END:VTIMEZONE"),
    ]
    content = lines(*definition, "BEGIN:VEVENT", "DTSTART;TZID=/example.org/1/Office:20250701T090000", "END:VEVENT")

    assert calendar(content).events[0].record["start"] == {
        "dateTime": "2025-07-01T09:00:00+05:45",
        "timezone": "Asia/Katmandu",
    }


def test_times_without_a_zone_are_the_calendars() -> None:
    content = lines("X-WR-TIMEZONE:Asia/Tokyo", "BEGIN:VEVENT", "DTSTART:20250101T090000", "END:VEVENT")

    assert calendar(content).events[0].record["start"] == {
        "dateTime": "2025-01-01T09:00:00+09:00",
        "timezone": "Asia/Tokyo",
    }


def test_a_cancelled_instance_becomes_a_deleted_occurrence() -> None:
    record = event("DTSTART:20250108T090000Z", "RECURRENCE-ID:20250107T090000Z", "STATUS:CANCELLED")

    assert record["occurrenceInfo"]["type"] == "deleted"
    assert record["occurrenceInfo"]["originalStart"]["dateTime"] == "2025-01-07T09:00:00Z"
    assert record["meetingInfo"]["canceled"] is True


@pytest.mark.parametrize(
    ("written", "show_as"),
    [
        (["TRANSP:TRANSPARENT"], "free"),
        (["TRANSP:OPAQUE"], "busy"),
        (["STATUS:TENTATIVE"], "tentative"),
        (["X-MICROSOFT-CDO-BUSYSTATUS:OOF", "TRANSP:OPAQUE"], "outOfOffice"),
        ([], "busy"),
    ],
)
def test_how_busy_an_event_makes_is_told(written: list[str], show_as: str) -> None:
    assert event("DTSTART:20250101T090000Z", *written)["showAs"] == show_as


@pytest.mark.parametrize(
    ("written", "sensitivity"),
    [("PUBLIC", "normal"), ("PRIVATE", "private"), ("CONFIDENTIAL", "confidential"), ("X-SECRET", "private")],
)
def test_class_is_sensitivity(written: str, sensitivity: str) -> None:
    assert event("DTSTART:20250101T090000Z", f"CLASS:{written}")["sensitivity"] == sensitivity


def test_attendees_have_roles_answers_and_rooms_are_resources() -> None:
    record = event(
        "DTSTART:20250101T090000Z",
        "ORGANIZER;CN=Джон:mailto:j@x.org",
        'ATTENDEE;CN="Bo, A.";ROLE=OPT-PARTICIPANT;PARTSTAT=TENTATIVE:mailto:bo@x.org',
        "ATTENDEE;CUTYPE=ROOM;PARTSTAT=ACCEPTED:mailto:room@x.org",
        "ATTENDEE;ROLE=CHAIR;PARTSTAT=NEEDS-ACTION:MAILTO:chair@x.org",
        "ATTENDEE;EMAIL=hidden@x.org;CN=Hidden:invalid:nomail",
    )

    assert record["organizer"]["emailAddress"] == {"address": "j@x.org", "name": "Джон"}
    assert record["meetingInfo"] == {
        "canceled": False,
        "attendees": [
            {
                "emailAddress": {"address": "bo@x.org", "name": "Bo, A."},
                "type": "optional",
                "response": "tentitive",
            },
            {"emailAddress": {"address": "room@x.org"}, "type": "resource", "response": "accepted"},
            {"emailAddress": {"address": "chair@x.org"}, "type": "required"},
            {"emailAddress": {"address": "hidden@x.org", "name": "Hidden"}, "type": "required"},
        ],
    }


def test_conferences_are_online_meeting_details() -> None:
    record = event(
        "DTSTART:20250101T090000Z",
        'CONFERENCE;VALUE=URI;FEATURE="PHONE,MODERATOR":tel:+1-412-555-0123,,,654321',
        "CONFERENCE;VALUE=URI;FEATURE=PHONE:tel:+1-412-555-0124,,,555123#",
        "CONFERENCE;VALUE=URI;FEATURE=VIDEO:https://meet.google.com/abc-defg",
        "CONFERENCE;VALUE=URI:sip:room@example.org",
    )

    assert record["meetingInfo"]["onlineMeetingDetails"] == {
        "url": "https://meet.google.com/abc-defg",
        "phone": "+1-412-555-0124",
        "pin": "555123",
        "sip": "sip:room@example.org",
    }
    assert record["meetingInfo"]["onlineMeetingProvider"] == "hangoutsMeet"


def test_teams_links_are_found_where_outlook_puts_them() -> None:
    link = "https://teams.microsoft.com/l/meetup-join/1"
    record = event("DTSTART:20250101T090000Z", f"X-MICROSOFT-SKYPETEAMSMEETINGURL:{link}")

    assert record["meetingInfo"]["onlineMeetingDetails"] == {"url": link}
    assert record["meetingInfo"]["onlineMeetingProvider"] == "teamsForBusiness"


def test_attachments_inside_and_linked_are_listed() -> None:
    record = event(
        "DTSTART:20250101T090000Z",
        "ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY;FILENAME=a.txt:aGFsbG8=",
        "ATTACH:https://example.org/files/plan.pdf",
    )

    assert record["hasAttachments"] is True
    assert record["attachments"] == [
        {"inline": False, "content": "aGFsbG8=", "size": 5, "name": "a.txt", "mimeType": "text/plain"},
        {"inline": False, "contentLocation": "https://example.org/files/plan.pdf", "name": "plan.pdf"},
    ]


def test_one_broken_event_does_not_cost_the_others() -> None:
    found = calendar(
        lines(
            *("BEGIN:VEVENT", "SUMMARY:good", "DTSTART:20250101T090000Z", "END:VEVENT"),
            *("BEGIN:VEVENT", "SUMMARY:bad", "DTSTART:99999999T090000Z", "END:VEVENT"),
            *("BEGIN:VEVENT", "SUMMARY:cut", "DTSTART:20250101T090000Z"),
            *("BEGIN:VEVENT", "SUMMARY:last", "DTSTART:20250102T090000Z", "END:VEVENT"),
        )
    )

    assert [parsed_event.record["subject"] for parsed_event in found.events] == ["good", "last"]
    assert found.refused == [
        "A VEVENT was left out: it is cut off before its END.",
        "Event 2 “bad” was left out: its DTSTART can't be read (Wrong datetime format: 99999999T090000Z).",
    ]


def test_a_character_cut_in_two_by_a_fold_is_whole_again() -> None:
    content = lines("BEGIN:VEVENT", "DTSTART:20250101T090000Z", "SUMMARY:Grüße", "END:VEVENT")
    cut = content.replace("ü".encode(), b"\xc3\r\n \xbc")

    assert calendar(cut).events[0].record["subject"] == "Grüße"


def test_two_calendars_in_one_file_are_read_as_one() -> None:
    one = lines("X-WR-CALNAME:First", "BEGIN:VEVENT", "DTSTART:20250101T090000Z", "END:VEVENT")

    found = calendar(one + one)

    assert found.name == "First"
    assert len(found.events) == 2


@pytest.mark.parametrize("content", [b"", b"hello", b"BEGIN:VCARD\nEND:VCARD\n", b"\x00\xff\x00"])
def test_what_is_no_calendar_is_refused_with_a_sentence(content: bytes) -> None:
    if content.startswith(b"BEGIN:VCARD"):
        assert calendar(content).refused == ["A VCARD was left out: it is neither an event nor a task."]
        return
    with pytest.raises(UnreadableFile, match="not an iCalendar file"):
        calendar(content)
