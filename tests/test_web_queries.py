"""The canned questions: each answers on a mirror that was really pulled, and the difficult ones answer rightly."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from web_demo import blank_mirror, browse, get, insert

METADATA: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[1] / "datasette_metadata.json").read_text(encoding="utf-8")
)
QUERIES: dict[str, Any] = METADATA["databases"]["mirror"]["queries"]


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


def answer(datasette: Datasette, name: str, **asked: Any) -> list[dict[str, Any]]:
    response = get(datasette, f"/mirror/{name}.json", _shape="array", **asked)
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()
    return rows


@pytest.mark.parametrize("name", [name for name in QUERIES if name != "birthdays"])
def test_every_question_has_an_answer_when_nothing_is_filled_in(demo: Datasette, name: str) -> None:
    assert answer(demo, name)


def test_birthdays_are_asked_for_by_month(demo: Datasette) -> None:
    by_month = {month: answer(demo, "birthdays", month=month) for month in range(1, 13)}

    assert sum(map(len, by_month.values())) > 30
    assert all(row["birthday"][-5:-3] == f"{month:02d}" for month, rows in by_month.items() for row in rows)
    this_month = by_month[datetime.now().astimezone().month]
    assert answer(demo, "birthdays") == this_month


@pytest.mark.parametrize("name", QUERIES)
def test_every_question_has_a_page_that_says_what_it_is(demo: Datasette, name: str) -> None:
    page = get(demo, f"/mirror/{name}")

    assert page.status_code == 200
    assert f"<h1>{QUERIES[name]['title'].replace(chr(39), '&#39;')}</h1>" in page.text
    assert "message-error" not in page.text


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if query.get("params")])
@pytest.mark.parametrize("typed", ["x'); drop table contacts; --", "-999999999999", "🙂%"])
def test_no_answer_to_a_question_is_an_error(demo: Datasette, name: str, typed: str) -> None:
    answered = get(demo, f"/mirror/{name}.json", **dict.fromkeys(QUERIES[name]["params"], typed))

    assert answered.status_code == 200
    assert answered.json()["error"] is None


def test_search_finds_all_four_kinds_and_leads_to_them(demo: Datasette) -> None:
    found = answer(demo, "search", q="harbour")
    everything = {row["kind"] for word in ("harbour", "call", "an", "ring") for row in answer(demo, "search", q=word)}

    assert all("⟦" in row["found"] for row in found)
    assert everything == {"messages", "events", "contacts", "tasks"}


def test_a_question_about_one_person_finds_mail_in_both_directions(demo: Datasette) -> None:
    friend = answer(demo, "write-to-most")[0]["email"]

    whats = {row["what"] for row in answer(demo, "with-person", email=f" {friend.upper()} ")}

    assert {"mail from", "mail to", "meeting"} <= whats


def test_the_history_of_a_record_names_the_fields_that_changed(demo: Datasette) -> None:
    changed = next(row for row in answer(demo, "changed-most") if row["kind"] == "contacts")

    history = answer(demo, "history-of-a-record", kind="contacts", id=changed["record_id"])

    assert [row["change"] for row in history] == ["changed", "first seen"]
    assert [row["fields"] for row in history] == ["nickName", None]


def test_what_was_deleted_says_how_we_know(demo: Datasette) -> None:
    deleted = answer(demo, "deleted")

    assert {row["kind"] for row in deleted} == {"contacts", "events", "tasks"}
    assert {row["deletion"] for row in deleted} == {"reported"}


# --- small mirrors made by hand, where the right answer is known ---------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = blank_mirror(tmp_path)
    insert(path, "accounts", name="ada", email="ada@me.example")
    insert(path, "calendars", name="Work", color="#2a6f97")
    return path


def soon(days: float, hour: int = 9) -> str:
    moment = datetime.now(UTC).replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def series(path: Path, **more: Any) -> int:
    return insert(
        path,
        "events",
        **{
            "calendar_id": 1,
            "remote_id": "standup",
            "subject": "Stand-up",
            "starts_at": soon(-100),
            "ends_at": soon(-100, 10),
            "timezone": "UTC",
            "all_day": 0,
            "recurrence_type": "master",
            "rrule": "RRULE:FREQ=DAILY",
            "attendee_count": 3,
            **more,
        },
    )


def exception(path: Path, day: int, **more: Any) -> int:
    return insert(
        path,
        "events",
        **{
            "calendar_id": 1,
            "subject": "Stand-up",
            "starts_at": soon(day),
            "ends_at": soon(day, 10),
            "all_day": 0,
            "attendee_count": 3,
            "recurrence_type": "occurrence",
            "series_remote_id": "standup",
            "original_start": soon(day),
            "occurrence_type": "modified",
            **more,
        },
    )


def test_the_next_days_have_each_occurrence_once_with_moved_and_cancelled_ones_in_their_place(small: Path) -> None:
    series(small)
    exception(small, 2, starts_at=soon(2, 14), ends_at=soon(2, 15))
    exception(small, 3, occurrence_type="deleted")
    exception(small, 4, canceled=1)
    exception(small, 5, deleted_at=soon(-1), deletion="reported")

    starts = [row["starts_at"] for row in answer(browse(small), "next-days", days=7)]

    assert [start for start in starts if soon(1, 0) <= start < soon(7, 0)] == [soon(1), soon(2, 14), soon(6)]


def test_a_series_that_was_deleted_or_called_off_is_not_to_come(small: Path) -> None:
    series(small, remote_id="a", deleted_at=soon(-1), deletion="absent")
    series(small, remote_id="b", canceled=1)

    assert answer(browse(small), "next-days") == []


def test_a_trip_that_is_under_way_is_among_the_next_days(small: Path) -> None:
    insert(small, "events", calendar_id=1, subject="Trip", starts_at=soon(-3, 0), ends_at=soon(2, 0), all_day=1)

    assert [row["subject"] for row in answer(browse(small), "next-days")] == ["Trip"]


def test_meetings_and_hours_per_week_count_occurrences_not_rules(small: Path) -> None:
    series(small, rrule="RRULE:FREQ=DAILY;COUNT=3", starts_at=soon(-30), ends_at=soon(-30, 11))
    insert(
        small, "events", calendar_id=1, subject="Alone", starts_at=soon(-30), ends_at=soon(-30, 18), attendee_count=0
    )

    weeks = answer(browse(small), "meeting-hours-per-week")

    assert sum(week["meetings"] for week in weeks) == 3
    assert sum(week["hours"] for week in weeks) == 6.0


def test_attendees_of_a_series_are_met_as_often_as_it_took_place(small: Path) -> None:
    event = series(small, rrule="RRULE:FREQ=WEEKLY;COUNT=5")
    for email in ("bo@host.example", "ada@me.example"):
        insert(small, "event_attendees", event_id=event, email=email, name="B" if email[0] == "b" else "A")

    assert [(row["email"], row["meetings"]) for row in answer(browse(small), "who-i-meet-most")] == [
        ("bo@host.example", 5)
    ]


def mail(path: Path, day: float, sender: str, thread: str, **more: Any) -> int:
    return insert(
        path,
        "messages",
        **{
            "subject": f"{thread} {day}",
            "from_email": sender,
            "received_at": soon(day),
            "thread_id": thread,
            "labels": '["inbox"]',
            "unread": 0,
            **more,
        },
    )


def test_only_mail_from_people_that_nobody_answered_is_unanswered(small: Path) -> None:
    for number, email in enumerate(("bo@host.example", "news@host.example", "no-reply@host.example")):
        contact = insert(small, "contacts", name=email, emails=email, remote_id=str(number))
        insert(small, "contact_emails", contact_id=contact, email=email)
    mail(small, -9, "bo@host.example", "answered")
    mail(small, -8, "ada@me.example", "answered", labels='["sent"]')
    mail(small, -7, "bo@host.example", "waiting")
    mail(
        small,
        -6,
        "news@host.example",
        "news",
        raw='{"internetHeaders": [{"name": "List-Unsubscribe", "value": "<x>"}]}',
    )
    mail(small, -5, "no-reply@host.example", "machine")
    mail(small, -4, "stranger@host.example", "stranger")
    mail(small, -90, "bo@host.example", "long ago")

    assert [row["subject"] for row in answer(browse(small), "unanswered-mail")] == ["waiting -7"]


def test_people_are_out_of_touch_who_wrote_long_ago_or_never(small: Path) -> None:
    for name in ("old", "new", "never"):
        contact = insert(small, "contacts", name=name, emails=f"{name}@host.example")
        insert(small, "contact_emails", contact_id=contact, email=f"{name}@host.example")
    mail(small, -500, "old@host.example", "a")
    mail(small, -700, "new@host.example", "b")
    written = mail(small, -3, "ada@me.example", "b", labels='["sent"]')
    insert(small, "message_recipients", message_id=written, role="to", email="new@host.example")

    assert [row["name"] for row in answer(browse(small), "lost-touch")] == ["old", "never"]


def test_a_newsletter_has_a_header_or_has_never_been_answered(small: Path) -> None:
    for day in range(3):
        mail(small, -day, "list@host.example", f"l{day}", raw='{"internetHeaders": [{"name": "List-Unsubscribe"}]}')
        mail(small, -day, "few@host.example", f"f{day}")
    for day in range(9):
        mail(small, -day, "often@host.example", f"o{day}")
        mail(small, -day, "friend@host.example", f"r{day}")
    written = mail(small, -1, "ada@me.example", "r1")
    insert(small, "message_recipients", message_id=written, role="to", email="friend@host.example")

    assert [(row["email"], row["can_unsubscribe"]) for row in answer(browse(small), "newsletters")] == [
        ("often@host.example", 0),
        ("list@host.example", 1),
    ]


def test_an_overdue_task_is_open_and_its_day_has_passed(small: Path) -> None:
    insert(small, "task_lists", title="Home")
    for title, more in {
        "late": {"due_at": soon(-2), "status": "notStarted"},
        "done": {"due_at": soon(-2), "status": "completed", "completed_at": soon(-1)},
        "to come": {"due_at": soon(2), "status": "notStarted"},
        "gone": {"due_at": soon(-2), "status": "notStarted", "deleted_at": soon(-1), "deletion": "absent"},
    }.items():
        insert(small, "tasks", task_list_id=1, title=title, **more)

    assert [row["title"] for row in answer(browse(small), "overdue-tasks")] == ["late"]
    assert [row["title"] for row in answer(browse(small), "next-tasks")] == ["to come"]


def test_a_record_that_came_back_is_restored_and_its_deletion_is_in_its_history(small: Path) -> None:
    contact = insert(small, "contacts", name="Bo", raw='{"name": "Bo"}')
    for at, deleted in ((soon(-3), soon(-3)), (soon(-2), None)):
        update_version(small, contact, at, deleted)

    history = answer(browse(small), "history-of-a-record", kind="contacts", id=contact)

    assert [row["change"] for row in history] == ["restored", "deleted (reported)", "first seen"]


def update_version(path: Path, contact: int, at: str, deleted_at: str | None) -> None:
    conn = sqlite3.connect(path)
    with conn:
        conn.execute("UPDATE change_order SET seq = seq + 1")
        conn.execute(
            "UPDATE contacts SET deleted_at = ?, deletion = ?, observed_at = ?, seq = (SELECT seq FROM change_order)"
            " WHERE id = ?",
            (deleted_at, "reported" if deleted_at else None, at, contact),
        )
    conn.close()
