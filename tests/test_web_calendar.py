"""The pages of the calendar: month, week, agenda, in the reader's days and the calendars' colours; and their files."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx
import icalendar
import pytest
from datasette.app import Datasette
from dated import asking, calendar_mirror, exception, put, series, timed, whole_days
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode
from web_demo import blank_mirror, browse, get, insert

from mirror.formats import ical
from mirror.web import calendar_layout, colors
from mirror.web.calendar_layout import Shown
from mirror.web.expansion import occurrences

ZONE = "Europe/Berlin"


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


def page(datasette: Datasette, path: str, **query: Any) -> LexborHTMLParser:
    answer = get(datasette, f"{path}?{urlencode({'zone': ZONE} | query, doseq=True)}")
    assert answer.status_code == 200, (path, answer.status_code)
    return LexborHTMLParser(answer.text)


def texts(parsed: LexborHTMLParser | LexborNode, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in parsed.css(selector)]


def cell(parsed: LexborHTMLParser, day: str) -> LexborNode:
    """The day of a month's page, by the address of its agenda."""
    for found in parsed.css("table.month td"):
        number = found.css_first("a.number")
        if number is not None and f"/calendar/agenda/{day}" in (number.attributes["href"] or ""):
            return found
    raise AssertionError(f"no day {day}")


# --- where one is in time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "month"), [("Asia/Tokyo", "2027-01-01"), ("America/New_York", "2026-12-31"), ("UTC", "2026-12-31")]
)
def test_the_calendar_opens_at_the_readers_own_today(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str, month: str
) -> None:
    wanted = datetime(2026, 12, 31, 20, 0, tzinfo=UTC)
    shifted = wanted.timestamp() - datetime.now(UTC).timestamp()
    monkeypatch.setenv("MIRROR_NOW_OFFSET_S", str(shifted))

    answer = get(browse(blank_mirror(quick_path)), "/calendar", zone=zone, calendar="7")

    assert answer.status_code == 302
    assert answer.headers["location"] == f"/calendar/month/{month}?calendar=7&zone={zone.replace('/', '%2F')}"


def test_steps_and_views_lead_on_and_keep_what_was_chosen(quick_path: Path) -> None:
    datasette = browse(calendar_mirror(quick_path, "Work", "Home"))

    month = page(datasette, "/calendar/month/2026-01-31", calendar=[1, 2])

    kept = f"calendar=1&calendar=2&zone={ZONE.replace('/', '%2F')}"
    links = {node.text(strip=True): node.attributes["href"] for node in month.css(".when a")}
    assert links["←"] == f"/calendar/month/2025-12-31?{kept}"
    assert links["→"] == f"/calendar/month/2026-02-28?{kept}"
    assert links["Week"] == f"/calendar/week/2026-01-31?{kept}"
    assert links["Agenda"] == f"/calendar/agenda/2026-01-31?{kept}"
    week = page(datasette, "/calendar/week/2026-01-31")
    assert texts(week, "h1") == ["26 January – 1 February 2026 week 5"]
    assert (week.css(".steps a")[0].attributes["href"] or "").startswith("/calendar/week/2026-01-24")
    agenda = page(datasette, "/calendar/agenda/2026-01-31")
    assert (agenda.css(".steps a")[2].attributes["href"] or "").startswith("/calendar/agenda/2026-03-02")


@pytest.mark.parametrize(
    "path", ["month/2026-02-30", "week/2026-13-01", "agenda/0001-01-01", "month/9999-12-31", "year/2026-01-01"]
)
def test_days_that_are_none_are_not_found(quick_path: Path, path: str) -> None:
    assert get(browse(blank_mirror(quick_path)), f"/calendar/{path}").status_code == 404


def test_today_is_marked_in_every_view(quick_path: Path) -> None:
    datasette = browse(calendar_mirror(quick_path))
    put(quick_path / "mirror.db", series(timed("2020-01-01 09:00", "2020-01-01 10:00"), "RRULE:FREQ=DAILY"))
    location = get(datasette, "/calendar", zone=ZONE).headers["location"]
    today = location.split("/")[3].partition("?")[0]

    for view in ("month", "week", "agenda"):
        marked = page(datasette, f"/calendar/{view}/{today}").css(".is-today")
        assert len(marked) == 1, view
        assert f"/{today}" in (marked[0].html or ""), view


# --- which calendars --------------------------------------------------------------------------------------------------


def test_all_calendars_are_shown_until_some_are_chosen(quick_path: Path) -> None:
    path = calendar_mirror(quick_path, "Work", "Home")
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00", subject="Survey"))
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00", subject="Swimming"), calendar=2)
    datasette = browse(path)

    assert texts(page(datasette, "/calendar/month/2026-06-01"), ".chip-event .what") == ["Survey", "Swimming"]
    chosen = page(datasette, "/calendar/month/2026-06-01", calendar=2)
    assert texts(chosen, ".chip-event .what") == ["Swimming"]
    assert [
        (box.attributes["value"], "checked" in box.attributes) for box in chosen.css(".which input[type=checkbox]")
    ] == [
        ("2", True),
        ("1", False),
    ]
    assert texts(page(datasette, "/calendar/month/2026-06-01", calendar="x"), ".chip-event") == []


def test_calendars_of_removed_accounts_and_deleted_calendars_are_not_shown_unasked(quick_path: Path) -> None:
    path = calendar_mirror(quick_path, "Work")
    insert(path, "accounts", name="old", removed_at="2026-01-01T00:00:00.000Z")
    insert(path, "calendars", name="Old", account_id=2)
    insert(path, "calendars", name="Gone", deleted_at="2026-01-01T00:00:00.000Z", deletion="reported")
    for number in (1, 2, 3):
        put(path, timed("2026-06-10 09:00", "2026-06-10 10:00", subject=f"In {number}"), calendar=number)
    datasette = browse(path)

    assert texts(page(datasette, "/calendar/week/2026-06-10"), ".block .what") == ["In 1"]
    assert texts(page(datasette, "/calendar/week/2026-06-10", calendar=2), ".block .what") == ["In 2"]
    assert texts(page(datasette, "/calendar/week/2026-06-10", calendar=3), ".block .what") == []
    assert texts(page(datasette, "/calendar/week/2026-06-10"), ".which legend") == ["ada", "old (removed)"]


def test_a_colour_is_never_the_only_sign(quick_path: Path) -> None:
    path = calendar_mirror(quick_path, "Work", colors=("#7a9e3f",))
    put(path, whole_days("2026-06-10", "2026-06-11", location="Kraków"))

    (bar,) = page(browse(path), "/calendar/month/2026-06-01").css(".chip-event")

    assert bar.attributes["title"] == "Trip, all day, Kraków · Work (ada)"
    assert (bar.attributes["style"] or "").startswith("--c:#7a9e3f;--ink:#000000")


@given(st.integers(0, 0xFFFFFF))
def test_text_on_any_colour_can_be_read(number: int) -> None:
    background = f"#{number:06x}"

    def light(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    lighter, darker = sorted((light(background), light(colors.ink(background))), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("#ABC", "#aabbcc"),
        ("#aabbccdd", "#aabbcc"),
        ("red", colors.PALETTE[3]),
        (None, colors.PALETTE[3]),
        ("#fff;background:url(//evil.example)", colors.PALETTE[3]),
    ],
)
def test_what_is_no_colour_is_replaced_by_one_of_ours(written: str | None, used: str) -> None:
    assert colors.color(written, 3) == used


# --- the month --------------------------------------------------------------------------------------------------------


def test_a_month_has_whole_weeks_from_monday_with_local_times(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(
        path,
        timed("2026-06-10 23:30", "2026-06-10 23:45"),
        timed("2026-05-31 09:00", "2026-05-31 10:00", id="b", subject="Outside"),
    )
    put(path, timed("2026-06-01 09:00", "2026-06-01 10:00", id="c", subject="First"))
    datasette = browse(path)

    june = page(datasette, "/calendar/month/2026-06-17")

    assert texts(june, "h1") == ["June 2026"]
    assert texts(june, "th abbr") == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert len(june.css("table.month td")) == 35
    assert texts(cell(june, "2026-06-10"), ".chip-event") == ["23:30 Tea"]
    assert texts(june, ".outside .chip-event") == []
    tokyo = page(datasette, "/calendar/month/2026-06-17", zone="Asia/Tokyo")
    assert texts(cell(tokyo, "2026-06-11"), ".chip-event") == ["06:30 Tea"]
    may = page(datasette, "/calendar/month/2026-05-01")
    assert texts(cell(may, "2026-05-31"), ".chip-event") == ["09:00 Outside"]
    july = page(datasette, "/calendar/month/2026-07-01")
    assert "outside" in (cell(july, "2026-06-30").attributes["class"] or "")


def test_a_bar_goes_on_over_the_border_of_the_week(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(path, whole_days("2026-06-12", "2026-06-17"))  # Friday to Tuesday
    put(path, timed("2026-06-13 10:00", "2026-06-13 11:00", id="b", subject="Market"))

    june = page(browse(path), "/calendar/month/2026-06-01")

    friday, monday = (cell(june, day).css(".chip-event")[0].attributes for day in ("2026-06-12", "2026-06-15"))
    assert [re.findall(r"--span:(\d)", one["style"] or "") for one in (friday, monday)] == [["3"], ["2"]]
    assert (friday["class"] or "").split()[2:] == ["goes-on"]
    assert (monday["class"] or "").split()[2:] == ["from-before"]
    assert texts(cell(june, "2026-06-13"), ".chip-event") == ["Trip", "10:00 Market"]
    assert len(cell(june, "2026-06-13").css(".gap.over")) == 1
    assert texts(cell(june, "2026-06-17"), ".chip-event") == []


def test_more_than_four_in_a_day_are_folded_and_lead_to_that_day(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(path, *(timed(f"2026-06-10 {hour:02}:00", f"2026-06-10 {hour:02}:30", id=str(hour)) for hour in range(8, 17)))
    datasette = browse(path)

    day = cell(page(datasette, "/calendar/month/2026-06-01"), "2026-06-10")

    assert texts(day, ".chip-event .at") == ["08:00", "09:00", "10:00", "11:00"]
    (more,) = day.css(".more-events")
    assert more.text() == "+5 more"
    assert more.attributes["aria-label"] == "5 more on Wednesday 10 June"
    assert len(page(datasette, (more.attributes["href"] or "").partition("?")[0]).css(".agenda-day li")) == 9


def test_states_are_shown_and_said(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(
        path,
        timed("2026-06-10 08:00", "2026-06-10 09:00", id="a", meetingInfo={"canceled": True, "response": "accepted"}),
        timed("2026-06-11 08:00", "2026-06-11 09:00", id="b", meetingInfo={"response": "declined"}),
        timed("2026-06-12 08:00", "2026-06-12 09:00", id="c", showAs="tentative"),
        timed("2026-06-13 08:00", "2026-06-13 09:00", id="d", meetingInfo={"response": "accepted"}),
    )
    put(
        path,
        timed("2026-06-14 08:00", "2026-06-14 09:00", id="e"),
        deleted_at="2026-01-01T00:00:00.000Z",
        deletion="absent",
    )

    june = page(browse(path), "/calendar/month/2026-06-01")

    seen = {day: texts(cell(june, f"2026-06-{day}"), ".chip-event .visually-hidden") for day in range(10, 14)}
    assert seen == {10: [", canceled"], 11: [", declined"], 12: [", tentative"], 13: []}
    for day, state in ((10, "canceled"), (11, "declined"), (12, "tentative")):
        assert len(cell(june, f"2026-06-{day}").css(f".chip-event.{state}[title*='{state}']")) == 1
    assert texts(cell(june, "2026-06-14"), ".chip-event") == []


def test_an_occurrence_of_a_series_leads_to_itself(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    (master,) = put(path, series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=WEEKLY"))
    (moved,) = put(path, exception(timed("2026-06-16 11:00", "2026-06-16 12:00"), "2026-06-15T07:00:00Z"))

    june = page(browse(path), "/calendar/month/2026-06-01", at="2026-06-20")

    def leads_to(day: str) -> list[str | None]:
        return [node.attributes["href"] for node in cell(june, day).css(".chip-event")]

    rest = f"at=2026-06-20&zone={ZONE.replace('/', '%2F')}"
    assert leads_to("2026-06-08") == [f"/events/{master}?start=2026-06-08T07%3A00%3A00.000Z&{rest}"]
    assert leads_to("2026-06-16") == [f"/events/{moved}?{rest}"]
    assert leads_to("2026-06-15") == []


# --- the week ---------------------------------------------------------------------------------------------------------


def shown(*records: dict[str, Any], path: Path, days: tuple[str, str], zone: str = ZONE) -> list[Shown]:
    put(path, *records)
    with asking(path, zone) as asked:
        found = occurrences(asked, [1], date.fromisoformat(days[0]), date.fromisoformat(days[1]))
    return calendar_layout.shown(found, ZoneInfo(zone))


def test_events_at_the_same_time_stand_side_by_side(quick_path: Path) -> None:
    items = shown(
        timed("2026-06-08 09:00", "2026-06-08 12:00", id="a"),
        timed("2026-06-08 10:00", "2026-06-08 11:00", id="b"),
        timed("2026-06-08 11:00", "2026-06-08 12:00", id="c"),
        timed("2026-06-08 12:00", "2026-06-08 13:00", id="d"),
        path=calendar_mirror(quick_path),
        days=("2026-06-08", "2026-06-14"),
    )

    hours = calendar_layout.hours(items, date(2026, 6, 8))

    assert (hours.first, hours.last) == (8, 18)
    assert [(b.left, b.width, round(b.top), round(b.height)) for b in hours.blocks[0]] == [
        (0, 50, 10, 30),
        (50, 50, 20, 10),
        (50, 50, 30, 10),
        (0, 100, 40, 10),
    ]


def test_what_goes_over_midnight_is_drawn_on_both_days_and_long_ones_on_top(quick_path: Path) -> None:
    items = shown(
        timed("2026-06-08 22:00", "2026-06-09 02:00", id="a"),
        timed("2026-06-10 08:00", "2026-06-12 08:00", id="b", subject="Sailing"),
        path=calendar_mirror(quick_path),
        days=("2026-06-08", "2026-06-14"),
    )

    hours = calendar_layout.hours([one for one in items if not one.fills_days], date(2026, 6, 8))

    assert (hours.first, hours.last) == (0, 24)
    assert [len(day) for day in hours.blocks] == [1, 1, 0, 0, 0, 0, 0]
    assert round(hours.blocks[0][0].top) == round(100 * 22 / 24)
    assert (hours.blocks[1][0].top, round(hours.blocks[1][0].height)) == (0, round(100 * 2 / 24))
    assert [one.occurrence.event["subject"] for one in items if one.fills_days] == ["Sailing"]


def test_a_hundred_events_at_once_stay_readable_and_are_counted(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(path, *(timed("2026-06-10 09:00", "2026-06-10 10:00", id=str(number)) for number in range(100)))

    week = page(browse(path), "/calendar/week/2026-06-10")

    assert len(week.css(".block")) == calendar_layout.MOST_COLUMNS
    assert texts(week, ".more-events") == [f"+{100 - calendar_layout.MOST_COLUMNS} more"]


def test_whole_days_of_a_week_are_on_top_of_the_hours(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(path, whole_days("2026-06-05", "2026-06-10"), timed("2026-06-08 06:15", "2026-06-08 06:30", id="b"))

    week = page(browse(path), "/calendar/week/2026-06-10")

    assert texts(week, ".whole-days > .chip-event") == ["Trip"]
    assert "--span:2" in (week.css(".whole-days > .chip-event")[0].attributes["style"] or "")
    assert texts(week, ".hour-names span")[:2] == ["06:00", "07:00"]
    assert texts(week, ".block") == ["Tea 06:15–06:30"]


# --- the agenda -------------------------------------------------------------------------------------------------------


def test_the_agenda_lists_thirty_days_each_event_once(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(
        path,
        whole_days("2026-06-01", "2026-06-12", id="a"),
        whole_days("2026-06-20", "2026-06-21", id="b", subject="Fair"),
        timed("2026-06-10 09:00", "2026-06-10 10:00", id="c", location="Room 4"),
        timed("2026-06-20 22:00", "2026-06-21 02:00", id="d", subject="Night"),
        timed("2026-07-10 09:00", "2026-07-10 10:00", id="e", subject="Later"),
    )

    agenda = page(browse(path), "/calendar/agenda/2026-06-10")

    assert texts(agenda, ".agenda-day h2 a") == ["Wednesday 10 June", "Saturday 20 June"]
    assert texts(agenda, ".agenda-day li") == [
        "Mon 1 Jun – Thu 11 Jun Trip Work",
        "09:00–10:00 Tea Room 4 Work",
        "all day Fair Work",
        "Sat 20 Jun 22:00 – Sun 21 Jun 02:00 Night Work",
    ]


def test_a_day_of_too_many_events_says_how_many_more_there_are(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(path, *(timed("2026-06-10 09:00", "2026-06-10 10:00", id=str(number)) for number in range(230)))

    agenda = page(browse(path), "/calendar/agenda/2026-06-10")

    assert len(agenda.css(".agenda-day li")) == 200
    assert texts(agenda, ".agenda-day .empty") == ["30 more on this day."]


# --- what is there and what is not ------------------------------------------------------------------------------------


def test_without_a_calendar_the_page_says_how_to_get_one(quick_path: Path) -> None:
    datasette = browse(blank_mirror(quick_path))

    for view in ("month", "week", "agenda"):
        assert "mirror sync" in texts(page(datasette, f"/calendar/{view}/2026-06-01"), ".zero-results")[0]


def test_without_an_event_the_page_says_so(quick_path: Path) -> None:
    datasette = browse(calendar_mirror(quick_path))

    assert texts(page(datasette, "/calendar/month/2026-06-10"), ".zero-results") == [
        "Nothing in these calendars from 1 June to 5 July."
    ]
    assert texts(page(datasette, "/calendar/week/2026-06-10"), ".zero-results") == [
        "Nothing in these calendars this week."
    ]
    assert texts(page(datasette, "/calendar/agenda/2026-06-10"), ".zero-results") == [
        "Nothing in these calendars until 9 July 2026."
    ]


def test_the_calendar_as_it_was_known_at_an_earlier_moment(quick_path: Path) -> None:
    path = calendar_mirror(quick_path)
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00"), observed_at="2026-02-01T09:00:00.000Z")
    datasette = browse(path)

    assert texts(page(datasette, "/calendar/month/2026-06-01", at="2026-02-02"), ".chip-event .what") == ["Tea"]
    then = page(datasette, "/calendar/month/2026-06-01", at="2026-01-20")
    assert texts(then, ".chip-event .what") == []
    assert "at=2026-01-20" in (then.css_first(".steps a").attributes["href"] or "")  # type: ignore[union-attr]  # it is there
    assert [box.attributes["value"] for box in then.css(".which input[name=at]")] == ["2026-01-20"]


def test_the_pages_of_a_persons_year_are_full_of_links_that_lead_somewhere(demo: Datasette, demo_home: Path) -> None:
    day = get(demo, "/calendar", zone=ZONE).headers["location"].split("/")[3].partition("?")[0]

    for view, item in (("month", ".chip-event"), ("week", ".block"), ("agenda", ".agenda-day li a[data-item]")):
        parsed = page(demo, f"/calendar/{view}/{day}")
        links = {node.attributes["href"] or "" for node in parsed.css(f"[data-list] {item}")}
        assert len(links) > 3, view
        for url in sorted(links)[:3]:
            assert get(demo, url).status_code == 200, url
        assert "The SQL behind this page" in (parsed.html or "")


@pytest.mark.parametrize("view", ["month", "week", "agenda"])
def test_each_question_behind_the_page_can_be_run(demo: Datasette, view: str) -> None:
    for node in page(demo, f"/calendar/{view}/2026-11-20").css(".behind h3 a"):
        answer = get(demo, node.attributes["href"] or "")
        assert answer.status_code == 200, node.text()
        assert "message-error" not in answer.text, node.text()


# --- files for other programs -----------------------------------------------------------------------------------------


def test_the_page_tells_the_address_of_every_calendars_file(quick_path: Path) -> None:
    month = page(browse(calendar_mirror(quick_path, "Work", "Home")), "/calendar/month/2026-06-01")

    assert texts(month, ".follow dd") == ["http://localhost/calendar/2.ics", "http://localhost/calendar/1.ics"]
    assert [node.attributes["href"] for node in month.css(".follow dd a")] == ["/calendar/2.ics", "/calendar/1.ics"]


def test_a_calendars_file_has_its_events_and_nothing_that_is_deleted(quick_path: Path) -> None:
    path = calendar_mirror(quick_path, "Work; and more", "Home")
    put(
        path,
        timed("2026-06-10 09:00", "2026-06-10 10:00"),
        series(timed("2026-06-01 09:00", "2026-06-01 10:00"), "RRULE:FREQ=DAILY"),
    )
    put(path, exception(timed("2026-06-03 11:00", "2026-06-03 12:00", subject="Moved"), "2026-06-02T07:00:00Z"))
    gone = {"deleted_at": "2026-06-01T00:00:00.000Z", "deletion": "reported"}
    put(path, timed("2026-06-11 09:00", "2026-06-11 10:00", id="gone", subject="Gone"), **gone)
    put(
        path, exception(timed("2026-06-05 11:00", "2026-06-05 12:00", subject="Buried"), "2026-06-04T07:00:00Z"), **gone
    )
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00", subject="Elsewhere"), calendar=2)

    answer = get(browse(path), "/calendar/1.ics")

    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    parsed = icalendar.Calendar.from_ical(answer.content)
    assert ical.calendar(answer.content).name == "Work; and more"
    assert sorted(str(event["SUMMARY"]) for event in parsed.walk("VEVENT")) == ["Moved", "Tea", "Tea"]
    (master,) = (event for event in parsed.walk("VEVENT") if "RRULE" in event)
    assert [entry.dt.astimezone(UTC) for entry in master["EXDATE"].dts] == [datetime(2026, 6, 4, 7, tzinfo=UTC)]


def asking_again(datasette: Datasette, path: str, **headers: str) -> httpx.Response:
    return asyncio.run(
        datasette.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    )


def test_a_program_that_has_the_newest_file_is_told_so(quick_path: Path) -> None:
    path = calendar_mirror(quick_path, "Work", "Home")
    (tea,) = put(path, timed("2026-06-10 09:00", "2026-06-10 10:00"))
    datasette = browse(path)
    first = asking_again(datasette, "/calendar/1.ics")
    tag, modified = first.headers["etag"], first.headers["last-modified"]

    assert modified == "Mon, 05 Jan 2026 09:00:00 GMT"
    for headers in ({"if_none_match": tag}, {"if_none_match": f'W/{tag}, "x"'}, {"if_modified_since": modified}):
        again = asking_again(datasette, "/calendar/1.ics", **headers)
        assert (again.status_code, again.content) == (304, b""), headers
        assert again.headers["etag"] == tag
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00", id="other"), calendar=2)
    assert asking_again(datasette, "/calendar/1.ics", if_none_match=tag).status_code == 304
    put(path, timed("2026-06-12 09:00", "2026-06-12 10:00", id="new"))
    assert asking_again(datasette, "/calendar/1.ics", if_none_match=tag, if_modified_since=modified).status_code == 200
    assert asking_again(datasette, "/calendar/1.ics", if_none_match='"x"').status_code == 200
    assert asking_again(datasette, "/calendar/1.ics", if_modified_since="yesterday").status_code == 200
    assert tea == 1


def test_a_calendar_that_there_is_not_has_no_file(quick_path: Path) -> None:
    datasette = browse(calendar_mirror(quick_path))

    assert get(datasette, "/calendar/9.ics").status_code == 404
    assert get(datasette, "/calendar/99999999999999999999.ics").status_code == 404
    assert icalendar.Calendar.from_ical(get(datasette, "/calendar/1.ics").content).walk("VEVENT") == []


def test_the_style_sheet_has_rules_for_paper() -> None:
    static = Path(calendar_layout.__file__).parent / "static" / "pages" / "calendar.css"

    assert re.search(r"@media print \{.*\.agenda-day", static.read_text(encoding="utf-8"), re.DOTALL)
