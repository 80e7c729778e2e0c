"""The page of one event, and its file: when, who, what a series does next, and nothing that upstream wrote runs."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import icalendar
import pytest
from dated import calendar_mirror, exception, put, series, timed, whole_days
from selectolax.lexbor import LexborHTMLParser
from web_demo import browse, get, insert

from mirror.formats import ical
from mirror.web import linking, repetition

ZONE = "Europe/Berlin"


def page(path: Path, event: int, **query: Any) -> LexborHTMLParser:
    answer = get(browse(path), f"/events/{event}?{urlencode({'zone': ZONE} | query)}")
    assert answer.status_code == 200
    return LexborHTMLParser(answer.text)


def texts(parsed: LexborHTMLParser, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in parsed.css(selector)]


def fact(parsed: LexborHTMLParser, name: str) -> str | None:
    """What stands beside a name in the list of facts."""
    return dict(zip(texts(parsed, ".facts dt"), texts(parsed, ".facts dd"), strict=True)).get(name)


@pytest.fixture
def mirror(quick_path: Path) -> Path:
    return calendar_mirror(quick_path)


# --- when -------------------------------------------------------------------------------------------------------------


def test_a_time_is_told_in_the_readers_zone_and_in_its_own_where_that_differs(mirror: Path) -> None:
    put(mirror, timed("2026-06-10 17:00", "2026-06-10 17:40", "Asia/Tokyo"))

    assert fact(page(mirror, 1), "When") == (
        "Wednesday 10 June 2026, 10:00–10:40 40 minutes Wednesday 10 June 2026, 17:00–17:40 in Asia/Tokyo"
    )
    assert fact(page(mirror, 1, zone="Asia/Tokyo"), "When") == "Wednesday 10 June 2026, 17:00–17:40 40 minutes"
    assert fact(page(mirror, 1, zone="Asia/Seoul"), "When") == "Wednesday 10 June 2026, 17:00–17:40 40 minutes"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (whole_days("2026-06-10", "2026-06-11"), "Wednesday 10 June 2026 all day"),
        (whole_days("2026-06-10", "2026-06-13"), "Wednesday 10 June 2026 – Friday 12 June 2026 3 days"),
        (
            timed("2026-06-10 22:00", "2026-06-11 02:30"),
            "Wednesday 10 June 2026, 22:00 – Thursday 11 June 2026, 02:30 4 hours 30 minutes",
        ),
        (timed("2026-06-10 22:00", "2026-06-10 22:00"), "Wednesday 10 June 2026, 22:00"),
        ({"subject": "x"}, "No time is known."),
    ],
)
def test_days_nights_and_moments(mirror: Path, record: dict[str, Any], told: str) -> None:
    put(mirror, record)

    assert fact(page(mirror, 1), "When") == told


# --- series -----------------------------------------------------------------------------------------------------------


def soon(days: int, hour: int = 9) -> str:
    """A local time so many days from now, as the tests' events are written. Pages ask the real clock what comes next."""
    today = datetime.now(ZoneInfo(ZONE)).date()
    return f"{date.fromordinal(today.toordinal() + days)} {hour:02}:00"


def test_a_series_tells_how_it_repeats_what_comes_next_and_what_became_of_dates(mirror: Path) -> None:
    put(mirror, series(timed(soon(-8), soon(-8, 10)), "RRULE:FREQ=DAILY;INTERVAL=7"))
    moved, gone = soon(6), soon(13)
    utc = [
        datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for at in (moved, gone)
    ]
    put(mirror, exception(timed(soon(7, 15), soon(7, 16), subject="Moved"), utc[0]))
    put(mirror, exception(timed(gone, gone), utc[1], kind="deleted"))

    parsed = page(mirror, 1)

    assert fact(parsed, "Repeats") == "Every 7 days"
    listed = [node.attributes["href"] or "" for node in parsed.css("ul[data-list].dates-list a")]
    assert len(listed) == 6
    assert listed[0].startswith("/events/2?")  # the moved one, at its new time
    assert "start=" in listed[1]
    assert soon(20)[:10] in listed[1]
    assert texts(parsed, "details summary")[0] == "2 exceptions"
    (arrow, cancelled) = texts(parsed, "details .dates-list li")
    assert "→" in arrow
    assert cancelled.endswith("cancelled")


def test_one_date_of_a_series_has_its_own_address(mirror: Path) -> None:
    put(mirror, series(timed("2026-03-23 09:00", "2026-03-23 10:00"), "RRULE:FREQ=WEEKLY"))

    assert "30 March 2026, 09:00–10:00" in str(fact(page(mirror, 1, start="2026-03-30T07:00:00.000Z"), "When"))
    for start in ("2026-03-30T08:00:00.000Z", "2026-03-31T07:00:00.000Z", "soon", "9999-12-31T23:59:59.999Z", ""):
        assert "23 March 2026, 09:00–10:00" in str(fact(page(mirror, 1, start=start), "When")), start


def test_a_series_that_is_over_says_when_it_last_was(mirror: Path) -> None:
    put(mirror, series(timed(soon(-20), soon(-20, 10)), "RRULE:FREQ=DAILY;COUNT=3"))

    parsed = page(mirror, 1)

    day = date.fromisoformat(soon(-18)[:10])
    assert texts(parsed, ".panel .empty") == [f"The series is over; it last began on {day:%A} {day.day} {day:%B %Y}."]
    assert fact(parsed, "Repeats") == "Every day, 3 times"


def test_an_exception_leads_to_its_series_and_says_where_it_was(mirror: Path) -> None:
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00", subject="Weekly tea"), "RRULE:FREQ=WEEKLY"))
    put(mirror, exception(timed("2026-06-09 14:00", "2026-06-09 15:00"), "2026-06-08T07:00:00Z"))

    parsed = page(mirror, 2)

    assert fact(parsed, "Series") == "One date of Weekly tea"
    assert "moved from Monday 8 June 2026, 09:00" in str(fact(parsed, "When"))
    assert [node.attributes["href"] for node in parsed.css(".facts dd a") if node.text() == "Weekly tea"] == [
        "/events/1"
    ]


MONDAY = datetime(2026, 6, 1, 9, tzinfo=ZoneInfo(ZONE))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "Every day"),
        ("FREQ=WEEKLY", "Every week on Monday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR", "Every 2 weeks on Monday, Wednesday and Friday"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "Every week on Monday to Friday"),
        ("FREQ=MONTHLY", "Every month on the 1st"),
        ("FREQ=MONTHLY;BYMONTHDAY=15,-1", "Every month on the 15th and last day"),
        ("FREQ=MONTHLY;BYDAY=1TH", "Every month on the first Thursday"),
        ("FREQ=MONTHLY;BYDAY=SU;BYSETPOS=-1", "Every month on the last Sunday"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "Every month on the last day from Monday to Friday"),
        (
            "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1",
            "Every month on the 31st, or the last day of a shorter month",
        ),
        ("FREQ=YEARLY", "Every year on 1 June"),
        ("FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=8", "Every year on 8 November"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "Every year on the fourth Thursday of November"),
        ("FREQ=DAILY;COUNT=10", "Every day, 10 times"),
        ("FREQ=DAILY;UNTIL=20261231T225959Z", "Every day, until 31 December 2026"),
        ("FREQ=DAILY;UNTIL=20261231T230000Z", "Every day, until 1 January 2027"),
        ("FREQ=DAILY;UNTIL=20261231", "Every day, until 31 December 2026"),
        ("FREQ=WEEKLY;BYDAY=MO;BYMONTH=1,2", "Every week on Monday in January and February"),
        ("FREQ=HOURLY;INTERVAL=8", "Every 8 hours"),
        ("FREQ=YEARLY;BYWEEKNO=20", None),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=17", None),
        ("FREQ=YEARLY;BYMONTH=99", None),
        ("FREQ=WEEKLY;BYDAY=XX", None),
        ("FREQ=DAILY;BYHOUR=9,17", None),
    ],
)
def test_rules_in_words(rule: str, words: str | None) -> None:
    assert repetition.in_words((f"RRULE:{rule}",), MONDAY) == words


def test_dates_that_are_left_out_or_added_are_counted() -> None:
    lines = (
        "RRULE:FREQ=DAILY",
        "EXDATE:20260602T070000Z,20260603T070000Z",
        "EXDATE;VALUE=DATE:20260604",
        "RDATE:20260701T070000Z",
    )

    assert repetition.in_words(lines, MONDAY) == "Every day, and on 1 more day, except on 3 days"
    assert repetition.in_words(("RDATE:20260701T070000Z,20260702T070000Z",), MONDAY) == "On 2 more days"
    assert repetition.in_words(("RRULE:FREQ=DAILY", "EXRULE:FREQ=WEEKLY"), MONDAY) is None
    assert repetition.in_words((), MONDAY) is None


def test_a_rule_that_there_are_no_words_for_is_shown_as_it_is(mirror: Path) -> None:
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=YEARLY;BYWEEKNO=20"))

    assert fact(page(mirror, 1), "Repeats") == "By a rule of its own: FREQ=YEARLY;BYWEEKNO=20"


# --- who --------------------------------------------------------------------------------------------------------------


def guest(number: int, response: str | None = None, kind: str = "required", **more: Any) -> dict[str, Any]:
    address = {"name": f"Guest {number}", "address": f"guest{number}@example.org"}
    return {"emailAddress": address, "type": kind} | ({"response": response} if response else {}) | more


def test_attendees_are_grouped_by_their_answers_and_counted(mirror: Path) -> None:
    attendees = [
        guest(1, "declined", comment="I'm at the <b>dentist</b>."),
        guest(2, "accepted", "optional"),
        guest(3),
        guest(4, "tentitive"),
        guest(5, "accepted", "resource"),
        {"type": "required"},
        guest(6, "perhaps"),
    ]
    info = {"attendees": attendees, "response": "tentative"}
    organizer = {"emailAddress": {"name": "Ada", "address": "ada@example.org"}}
    put(mirror, timed("2026-06-10 09:00", "2026-06-10 10:00", meetingInfo=info, organizer=organizer))

    parsed = page(mirror, 1)

    assert texts(parsed, ".answers .state") == ["Coming 1", "Perhaps 1", "Not coming 1", "No answer yet 3"]
    assert texts(parsed, ".attending h3") == [
        "Coming 1",
        "Perhaps 1",
        "Not coming 1",
        "No answer yet 3",
        "Rooms and things 1",
    ]
    assert texts(parsed, ".attending .people li")[:3] == [
        "Guest 2 optional",
        "Guest 4",
        "Guest 1 “I'm at the <b>dentist</b>.”",
    ]
    assert fact(parsed, "Your answer") == "You may come"
    assert fact(parsed, "Organiser") == "Ada"
    assert "/people/guest2@example.org" in [node.attributes["href"] for node in parsed.css(".attending a")]


def test_a_thousand_attendees_stay_readable(mirror: Path) -> None:
    put(
        mirror,
        timed(
            "2026-06-10 09:00",
            "2026-06-10 10:00",
            meetingInfo={"attendees": [guest(n, "accepted") for n in range(1000)]},
        ),
    )

    parsed = page(mirror, 1)

    assert texts(parsed, ".attending h2") == ["Attendees 1,000"]
    assert len(parsed.css(".attending > ul > li")) == 30
    assert texts(parsed, ".attending details summary") == ["970 more"]
    assert len(parsed.css(".attending details li")) == 970


# --- what else --------------------------------------------------------------------------------------------------------


def test_reminders_attachments_and_the_online_meeting_are_told(mirror: Path) -> None:
    minutes = [0, 10, 120, 2880, "x"]
    record = timed(
        "2026-06-10 09:00",
        "2026-06-10 10:00",
        reminder={"useDefault": False, "overrides": [{"minutes": count} for count in minutes]},
        meetingInfo={"onlineMeetingDetails": {"url": "https://meet.example.org/x", "phone": "+49 30 1", "pin": 906811}},
        showAs="free",
        sensitivity="private",
        categories=["Harbour", 7],
        htmlLink="https://calendar.example.org/e/1",
        location="Pier 4",
    )
    put(mirror, record)
    insert(
        mirror,
        "attachments",
        event_id=1,
        remote_id="a",
        name="plan.pdf",
        mime_type="application/pdf",
        size_bytes=2100,
        kept="yes",
    )
    insert(mirror, "attachments", event_id=1, remote_id="b", name="film.mp4", kept="policy")

    parsed = page(mirror, 1)

    assert fact(parsed, "Reminder") == "when it begins; 10 minutes before; 2 hours before; 2 days before"
    assert fact(parsed, "Online") == "https://meet.example.org/x Phone +49 30 1 PIN 906811"
    assert fact(parsed, "Where") == "Pier 4"
    assert fact(parsed, "Categories") == "Harbour"
    assert fact(parsed, "Calendar") == "Work ada, shown as free private"
    assert texts(parsed, ".attachments li") == ["plan.pdf application/pdf, 2.1 kB", "film.mp4 , not kept: policy"]
    assert [node.attributes["href"] for node in parsed.css(".attachments a")] == ["/attachments/1"]
    hrefs = [node.attributes["href"] or "" for node in parsed.css("article a")]
    assert {"https://calendar.example.org/e/1", "/history/events/1", "/events/1.ics"} <= set(hrefs)


def test_the_reminder_of_the_whole_calendar_counts_where_the_event_says_so(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    insert(path, "calendars", name="Alarming", raw=json.dumps({"defaultReminders": [{"minutes": 30}]}))
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00", reminder={"useDefault": True}), calendar=2)
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00", id="b"), calendar=2)

    assert fact(page(path, 1), "Reminder") == "30 minutes before, as in the whole calendar"
    assert fact(page(path, 2), "Reminder") is None


def test_a_description_is_text_and_its_addresses_are_links(mirror: Path) -> None:
    html = "<p>See <a href='https://evil.example/'>this</a></p><img src='https://evil.example/pixel'><script>alert(1)</script><p>two</p>"
    put(mirror, timed("2026-06-10 09:00", "2026-06-10 10:00", id="a", description=html))
    put(
        mirror,
        timed(
            "2026-06-10 09:00", "2026-06-10 10:00", id="b", description="a < b\nhttps://x.example/a?b=1&c=(2), and more"
        ),
    )

    first, second = page(mirror, 1), page(mirror, 2)

    assert first.css(".description")[0].text() == "See this\n\ntwo"
    assert first.css("article img, article script, article iframe") == []
    assert second.css(".description")[0].text() == "a < b\nhttps://x.example/a?b=1&c=(2), and more"
    (link,) = second.css(".description a")
    assert link.attributes == {
        "href": "https://x.example/a?b=1&c=(2)", "rel": "noopener noreferrer", "target": "_blank",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "is_one"),
    [
        ("https://meet.example.org/x", True),
        ("HTTP://meet.example.org", True),
        (" https://meet.example.org/x ", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://a.example/ onclick=x", False),
        ('https://a.example/"onclick=x', False),
        ("https://a.example/\u202eevil", False),
        ("//a.example", False),
        ("https://", False),
        (None, False),
    ],
)
def test_only_addresses_on_the_web_become_links(written: str | None, is_one: bool) -> None:
    assert (linking.web_address(written) is not None) is is_one


def test_what_upstream_wrote_stays_text(mirror: Path) -> None:
    harm = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>"
    who = {"name": harm, "address": f"{harm}@x"}
    info = {
        "attendees": [{"emailAddress": who, "response": harm, "type": harm, "comment": harm}],
        "onlineMeetingDetails": {"url": f"javascript:{harm}", "phone": harm, "infoUrl": harm},
        "response": harm,
    }
    plain = dict.fromkeys(("subject", "description", "location", "showAs", "sensitivity", "reminder"), harm)
    record = timed("2026-06-10 09:00", "2026-06-10 10:00", harm) | plain | {"meetingInfo": info, "categories": [harm]}
    record |= {"organizer": {"emailAddress": who}, "htmlLink": f"javascript:{harm}"}
    put(
        mirror,
        series(record, f"RRULE:{harm}", f"EXDATE:{harm}", simple=harm),
        timed("2026-06-10 09:00", "2026-06-10 10:00", id=harm),
    )

    parsed = page(mirror, 1, start=harm)

    assert parsed.css("article script, article img") == []
    assert all(node.attributes.get("src") for node in parsed.css("script"))
    leads_to = [(node.attributes["href"] or "").lower() for node in parsed.css("a")]
    assert not [href for href in leads_to if href.startswith(("javascript", "data"))]
    for view in ("month", "week", "agenda"):
        shown = LexborHTMLParser(get(browse(mirror), f"/calendar/{view}/2026-06-10").text)
        assert shown.css("main script, main img") == []
        assert len(shown.css("[data-item]")) >= 2


def test_a_deleted_event_still_has_its_page(mirror: Path) -> None:
    put(mirror, timed("2026-06-10 09:00", "2026-06-10 10:00"), deleted_at="2026-02-01T00:00:00.000Z", deletion="absent")
    put(mirror, timed("2026-06-10 09:00", "2026-06-10 10:00", id="c", meetingInfo={"canceled": True}))

    assert "missing from a complete listing" in texts(page(mirror, 1), ".message-warning")[0]
    assert texts(page(mirror, 2), ".message-warning") == ["Cancelled."]
    assert get(browse(mirror), "/events/3").status_code == 404


def test_text_from_right_to_left_turns_by_itself(mirror: Path) -> None:
    put(
        mirror,
        timed("2026-06-10 09:00", "2026-06-10 10:00", subject="اجتماع الفريق", description="שלום", location="חיפה"),
    )

    parsed = page(mirror, 1)

    for selector in ("h1", ".description", ".facts dd[dir]"):
        assert {node.attributes.get("dir") for node in parsed.css(selector)} == {"auto"}, selector


# --- its file ---------------------------------------------------------------------------------------------------------


def test_the_file_of_a_series_has_its_exceptions_and_that_of_an_exception_its_series(mirror: Path) -> None:
    put(mirror, series(timed("2026-06-01 09:00", "2026-06-01 10:00", iCalUid="uid-1"), "RRULE:FREQ=WEEKLY"))
    put(mirror, exception(timed("2026-06-09 14:00", "2026-06-09 15:00", subject="Moved"), "2026-06-08T07:00:00Z"))
    put(mirror, exception(timed("2026-06-15 09:00", "2026-06-15 10:00"), "2026-06-15T07:00:00Z", kind="deleted"))
    put(mirror, timed("2026-06-09 14:00", "2026-06-09 15:00", id="other", subject="Other"))
    datasette = browse(mirror)

    answer = get(datasette, "/events/1.ics")

    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="event-1.ics"'
    assert get(datasette, "/events/2.ics").content == answer.content
    assert [str(event["SUMMARY"]) for event in icalendar.Calendar.from_ical(answer.content).walk("VEVENT")] == [
        "Tea",
        "Moved",
    ]
    records = [{**event.record, "id": event.uid} for event in ical.calendar(answer.content).events]
    found = ical.expand(records, datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 30, tzinfo=UTC))
    assert [one["start"]["dateTime"][:16] for one in found] == [
        "2026-06-01T09:00", "2026-06-09T14:00", "2026-06-22T09:00", "2026-06-29T09:00",
    ]  # fmt: skip


def test_the_last_version_of_a_deleted_event_can_be_had(mirror: Path) -> None:
    put(mirror, timed("2026-06-10 09:00", "2026-06-10 10:00"), deleted_at="2026-02-01T00:00:00.000Z", deletion="absent")

    content = get(browse(mirror), "/events/1.ics").content

    assert [str(event["SUMMARY"]) for event in icalendar.Calendar.from_ical(content).walk("VEVENT")] == ["Tea"]
    assert get(browse(mirror), "/events/9.ics").status_code == 404


def test_every_event_of_a_persons_year_has_a_page_and_a_file(demo_home: Path) -> None:
    datasette = browse(demo_home / "mirror.db")
    asked = {"_shape": "array", "_size": 12}
    rows = get(datasette, "/mirror/events.json", **asked, _sort_desc="attendee_count").json()
    rows += get(datasette, "/mirror/events.json", **asked, recurrence_type="occurrence").json()

    for event in [row["id"] for row in rows]:
        assert get(datasette, f"/events/{event}").status_code == 200
        parsed = icalendar.Calendar.from_ical(get(datasette, f"/events/{event}.ics").content)
        assert [one.errors for one in parsed.walk() if one.errors] == []
    assert len(rows) == 24
