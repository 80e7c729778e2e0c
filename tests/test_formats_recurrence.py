"""Rules of repetition and tasks: which rules the API's simple pattern says exactly, and what a task can carry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi import schema_validator

from mirror.formats.ical import calendar


def lines(*content: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", *content, "END:VCALENDAR", ""]).encode()


def task(*content: str) -> dict[str, Any]:
    return calendar(lines("BEGIN:VTODO", "UID:1", *content, "END:VTODO")).tasks[0].record


def event_repeating(rule: str, start: str = "20250107T090000Z") -> Any:
    content = lines("BEGIN:VEVENT", f"DTSTART:{start}", f"RRULE:{rule}", "END:VEVENT")
    return calendar(content).events[0].record["recurrence"]


def simple(rule: str, start: str = "20250107T090000Z") -> Any:
    return event_repeating(rule, start).get("simple")


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("FREQ=DAILY;INTERVAL=3", {"frequency": "daily", "interval": 3}),
        ("FREQ=WEEKLY", {"frequency": "weekly", "daysOfWeek": ["tuesday"], "weekStart": "monday", "interval": 1}),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;WKST=SU",
            {"frequency": "weekly", "daysOfWeek": ["tuesday", "thursday"], "weekStart": "sunday", "interval": 2},
        ),
        ("FREQ=MONTHLY;BYMONTHDAY=7", {"frequency": "monthly", "dayOfMonth": 7, "interval": 1}),
        (
            "FREQ=MONTHLY;BYDAY=TU;BYSETPOS=1",
            {"frequency": "monthlyRelative", "daysOfWeek": ["tuesday"], "instance": "first", "interval": 1},
        ),
        ("FREQ=YEARLY", {"frequency": "yearly", "dayOfMonth": 7, "monthOfYear": 1, "interval": 1}),
        (
            "FREQ=YEARLY;BYMONTH=1;BYDAY=-1TU",
            {
                "frequency": "yearlyRelative",
                "daysOfWeek": ["tuesday"],
                "instance": "last",
                "monthOfYear": 1,
                "interval": 1,
            },
        ),
    ],
)
def test_rules_that_a_pattern_says_exactly_have_the_pattern(rule: str, pattern: dict[str, Any]) -> None:
    assert simple(rule)["pattern"] == pattern


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;BYDAY=MO",  # does not name its own start, a Tuesday
        "FREQ=MONTHLY;BYMONTHDAY=7,8",
        "FREQ=MONTHLY;BYDAY=5TU",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=HOURLY",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;WKST=WE",
        "FREQ=YEARLY;BYWEEKNO=2",
    ],
)
def test_rules_that_no_pattern_says_exactly_have_none(rule: str) -> None:
    assert simple(rule) is None


def test_the_31st_has_no_pattern_since_patterns_move_it_to_the_end_of_short_months() -> None:
    assert simple("FREQ=MONTHLY", start="20250131T090000Z") is None


def test_ranges_end_by_count_by_date_or_not_at_all() -> None:
    assert simple("FREQ=DAILY;COUNT=5")["range"]["count"] == 5
    assert simple("FREQ=DAILY")["range"]["type"] == "unbounded"
    assert simple("FREQ=DAILY;UNTIL=20250110T090000Z")["range"]["recurrenceEnd"] == "2025-01-10"
    assert simple("FREQ=DAILY;UNTIL=20250110T080000Z")["range"]["recurrenceEnd"] == "2025-01-09"


def test_tasks_have_status_importance_and_moments() -> None:
    record = task(
        *("SUMMARY:Post it", "DESCRIPTION:soon", "STATUS:IN-PROCESS", "PRIORITY:1", "CATEGORIES:home,post"),
        *("DUE;VALUE=DATE:20250110", "DTSTART;TZID=Europe/Berlin:20250101T090000", "RELATED-TO:parent-uid"),
    )

    assert record == {
        "title": "Post it",
        "notes": "soon",
        "status": "inProgress",
        "importance": "high",
        "due": "2025-01-10T00:00:00Z",
        "startDateTime": "2025-01-01T09:00:00+01:00",
        "categories": ["home", "post"],
        "parentId": "parent-uid",
    }


@pytest.mark.shared
@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY", "FREQ=WEEKLY;COUNT=2", "FREQ=MONTHLY;BYDAY=1TU", "FREQ=YEARLY;BYWEEKNO=2"]
)
def test_recurrences_are_what_the_api_could_have_sent(shared: Path, rule: str) -> None:
    found = event_repeating(rule)

    schema_validator("Recurrence", closed=True).validate(found)


def test_a_task_that_is_done_says_so_even_without_a_status() -> None:
    assert task("SUMMARY:x", "COMPLETED:20250101T100000Z") == {
        "title": "x",
        "status": "completed",
        "importance": "normal",
        "completed": "2025-01-01T10:00:00Z",
    }
    assert task("SUMMARY:x", "PERCENT-COMPLETE:40")["status"] == "inProgress"


def test_a_repeating_task_says_what_is_lost() -> None:
    found = calendar(lines("BEGIN:VTODO", "SUMMARY:x", "DUE:20250101T100000Z", "RRULE:FREQ=DAILY", "END:VTODO"))

    assert len(found.tasks) == 1
    assert "only its first occurrence" in found.refused[0]
