"""One cell at a time: readable, and never more than text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.web import cells, words

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
COLUMNS = sorted(
    cells.ADDRESSES
    | cells.ADDRESS_LISTS
    | cells.CHIPS
    | cells.SIZES
    | cells.YES_OR_NO
    | cells.FOLDED
    | cells.STATES
    | cells.TITLES
    | {"color", "found", "kind", "birthday", "day", "when", "starts_at", "received_at", "anything"}
)


def at(path: str) -> str:
    return f"/mirror/{path}"


def cell(value: Any, column: str, table: str | None = None, **row: Any) -> str:
    found = cells.cell(value, column, table, {column: value, **row}, at)
    return "" if found is None else str(found)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    "text", [HOSTILE, f'["{HOSTILE}"]', f"{HOSTILE} <a@b.example>", f"a@b.example,{HOSTILE}", '["<b>"]']
)
def test_what_upstream_wrote_is_escaped_in_every_kind_of_cell(column: str, text: str) -> None:
    for row in ({"id": 3}, {"kind": "messages", "record_id": 4}, {"message_id": 5}, {"all_day": 1}):
        for table in (None, "messages", "contacts", "attachments"):
            shown = cell(text, column, table, **row)

            assert "<script" not in shown
            assert "<img" not in shown
            assert "<b>" not in shown


@settings(max_examples=60, deadline=None)
@given(st.text(), st.sampled_from(COLUMNS))
def test_no_text_breaks_a_cell(text: str, column: str) -> None:
    shown = cell(text, column, None, kind="tasks", record_id=1)

    assert "<script" not in shown


def test_a_time_is_readable_and_keeps_its_utc() -> None:
    shown = cell("2026-11-08T07:05:09.000Z", "received_at")

    assert shown == '<time datetime="2026-11-08T07:05:09.000Z" title="2026-11-08 07:05:09 UTC">8 Nov 2026, 07:05</time>'


def test_the_start_of_an_all_day_event_is_a_day_in_every_zone() -> None:
    assert (
        cell("2026-11-08T00:00:00.000Z", "starts_at", "events", all_day=1) == '<span class="date">Sun 8 Nov 2026</span>'
    )
    assert "<time" in cell("2026-11-08T00:00:00.000Z", "starts_at", "events", all_day=0)


def test_an_address_leads_to_its_person() -> None:
    assert cell("Ada+x@host.example", "from_email") == (
        '<a class="address" href="/people/ada%2Bx@host.example">Ada+x@host.example</a>'
    )
    assert cell("no address", "from_email") == ""


def test_a_list_of_people_shows_names_that_lead_to_their_addresses() -> None:
    shown = cell("Ada Okafor <ada@host.example>, bo@host.example, Room 4", "recipients")

    assert shown == (
        '<a class="address" href="/people/ada@host.example" title="ada@host.example">Ada Okafor</a>, '
        '<a class="address" href="/people/bo@host.example">bo@host.example</a>, Room 4'
    )


def test_sixty_attendees_are_folded_after_the_first() -> None:
    shown = cell(", ".join(f"p{number}@host.example" for number in range(60)), "attendees", "events")

    assert "and 52 more" in shown
    assert shown.count('class="address"') == 60


def test_a_record_as_upstream_sent_it_is_folded_behind_its_size() -> None:
    shown = cell('{"subject": "Tea & cake", "big": "' + "x" * 30_000 + '"}', "raw", "messages")

    assert "<details" in shown
    assert "<summary>30 kB</summary>" in shown
    assert "Tea &amp; cake" in shown
    assert "more characters" in shown


def test_labels_are_chips_sizes_have_units_and_yes_is_a_word() -> None:
    assert cell('["inbox", "unread"]', "labels") == '<span class="chip">inbox</span> <span class="chip">unread</span>'
    assert cell(2_122_508, "size_bytes") == '<span class="size" title="2,122,508 bytes">2.1 MB</span>'
    assert cell(1, "unread", "messages") == '<span class="yes">yes</span>'
    assert cell(0, "unread", "messages") == '<span class="no">no</span>'


def test_a_colour_is_a_swatch_and_nothing_but_a_colour_gets_into_the_style() -> None:
    assert 'style="background:#2a6f97"' in cell("#2a6f97", "color")
    assert "style" not in cell("red;background:url(//evil.example)", "color")


def test_a_title_leads_to_the_record_that_a_row_is_about() -> None:
    assert 'href="/mail/7"' in cell("Tea", "subject", "messages", id=7)
    assert 'href="/events/8"' in cell("Tea", "title", None, kind="events", record_id=8)
    assert 'href="/tasks/9"' in cell("Tea", "title", None, task_id=9)
    assert 'href="/mirror/folders/2"' in cell("Post", "name", "folders", id=2)
    assert cell("Tea", "title", None, kind="sqlite_master", record_id=1) == ""


def test_a_column_that_names_another_record_leads_to_it() -> None:
    assert cell(7, "message_id", "message_recipients") == '<a class="record" href="/mail/7">7</a>'
    assert cell({"value": 7, "label": "Tea <b>"}, "message_id", "attachments") == (
        '<a class="record" href="/mail/7">Tea &lt;b&gt;</a>'
    )
    assert cell({"value": 7, "label": "Work"}, "calendar_id", "events") == ""


def test_a_name_beside_an_address_leads_to_its_person_but_an_accounts_own_does_not() -> None:
    assert 'href="/people/bo@host.example"' in cell("Bo", "name", None, email="bo@host.example")
    assert 'href="/contacts/3"' in cell("Bo", "name", None, email="bo@host.example", contact_id=3)
    assert cell("work", "name", "accounts", email="bo@host.example") == ""


def test_a_search_result_marks_what_was_found() -> None:
    assert cell("the ⟦harbour⟧ & <b>", "found") == "the <mark>harbour</mark> &amp; &lt;b&gt;"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "never yet"),
        (-3, "just now"),
        (1.4, "just now"),
        (3, "3 seconds ago"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86_400 * 3, "3 days ago"),
        (86_400 * 100, "3 months ago"),
        (86_400 * 900, "2 years ago"),
    ],
)
def test_freshness_is_said_in_words(seconds: float | None, said: str) -> None:
    assert words.ago(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (999_600, "1.0 MB"), (5e9, "5.0 GB"), (5e15, "5,000 TB")],
)
def test_sizes_are_said_in_units(count: float, said: str) -> None:
    assert words.size(count) == said


def test_a_birthday_without_a_year_has_none() -> None:
    assert (words.birthday("1954-11-08"), words.birthday("--11-08"), words.birthday("soon")) == (
        "8 Nov 1954",
        "8 Nov",
        None,
    )
