"""Which columns of a table a person sees first, and in which order. Everything else is one click away, and never lost."""

from __future__ import annotations

from typing import Any

PLUMBING = frozenset(
    {
        "account_id", "remote_id", "etag", "modified_at", "observed_at", "seq", "generation", "raw", "deleted_at", "deletion",
        "superseded_seq", "ical_uid", "web_url", "series_remote_id", "parent_remote_id", "internet_message_id", "in_reply_to",
        "thread_id", "position", "original_start", "sha256", "content_id", "tries",
    }
)  # fmt: skip
"""Columns that a table shows on demand only: what keeps the mirror going, and what is long."""

SELDOM = {
    "contacts": frozenset({"given_name", "family_name", "has_photo"}),
    "events": frozenset({"timezone", "attendee_count", "sensitivity", "show_as", "rrule", "occurrence_type"}),
    "messages": frozenset({"sent_at", "sensitivity", "meeting_method"}),
    "calendars": frozenset(),
}
"""Columns of a table that say again what others say, or matter to few."""

FIRST = {
    "events": ("id", "starts_at", "ends_at", "subject", "calendar_id", "location", "response", "organizer"),
    "messages": ("id", "received_at", "from_name", "subject", "folder_id", "from_email", "recipients"),
    "tasks": ("id", "due_at", "title", "status", "task_list_id", "importance"),
    "attachments": ("id", "name", "size_bytes", "mime_type", "message_id", "event_id"),
    "runs": ("id", "started_at", "kind", "outcome", "error", "created", "changed", "deleted"),
    "versions": ("id", "kind", "record_id", "observed_at", "superseded_at", "deleted_at", "deletion", "raw"),
}
LAST = ("deleted_at", "deletion")


def shown_columns(table: str, names: list[str], rows: list[Any], everything: bool) -> list[int]:
    """The places of the columns of a page of a table, in order: not the plumbing, not what is empty in all of its rows."""
    if everything:
        return list(range(len(names)))
    first = FIRST.get(table, ())
    left_out = (PLUMBING | SELDOM.get(table, frozenset())) - set(first)
    order = {
        name: place
        for place, name in enumerate((*first, *(n for n in names if n not in first and n not in LAST), *LAST))
    }
    kept = [
        place
        for place, name in enumerate(names)
        if (name not in left_out or name in LAST)
        and any(row.cells[place]["raw"] not in (None, "", "[]") for row in rows)
    ]
    return sorted(kept, key=lambda place: order[names[place]])


def answer_columns(columns: list[str], rows: list[Any]) -> list[int]:
    """The places of a query's columns that say something to a person: ids lead somewhere, and empty ones nowhere."""
    filled = [any(row[place] not in (None, "") for row in rows) for place in range(len(columns))]
    return [place for place, name in enumerate(columns) if filled[place] and not name.endswith("_id")]


def label(column: str) -> str:
    """A column's name as a heading: `message_id` names a message."""
    return (
        column.removesuffix("_id").replace("_", " ")
        if column not in ("id", "remote_id", "thread_id", "content_id")
        else column.replace("_", " ")
    )
