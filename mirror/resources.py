"""The seven kinds of record, one constant row each: the first place to look when a kind is to be added or changed.

What the columns of a kind are stands in `schema.sql`; how they come out of a record, in `store/columns.py`; which requests
bring it, in `sources/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LIVELIEST, QUIETEST = 0.25, 8.0
QUICKEST_S, SLOWEST_S = 15.0, 3600.0
AS_IT_IS_S = 3600.0
WATCHED_S = 1800.0
"""How the intervals of `KINDS` adapt: by which factors, between which limits, after how long without a change they are as
they stand there; and how seldom a feed is asked of whose changes upstream tells by itself."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What pull, store and cli need to know of one kind. `name` is also the name of its table."""

    name: str
    singular: str
    title: str  # the column that names a record to a person
    interval_s: int  # between two passes of the schedule, as it is for a feed whose last change is an hour ago
    feed: Literal["delta", "listing"]  # upstream tells what changed, or can only list everything
    covers: Literal["whole", "window", "days"] = "whole"  # what a complete listing covers
    parent: str | None = None  # kind of the record that contains it
    parent_column: str | None = None
    starts: str | None = None  # columns that say where in a window a record lies ...
    ends: str | None = None
    newest_by: str | None = None  # ... and which of its records a person misses first
    search: tuple[str, ...] = ()  # columns of its search index
    attachments: bool = False


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("calendars", "calendar", title="name", interval_s=900, feed="listing"),
        Kind("folders", "folder", title="name", interval_s=900, feed="listing"),
        Kind("task_lists", "task list", title="title", interval_s=900, feed="listing"),
        Kind(
            "contacts",
            "contact",
            title="name",
            interval_s=300,
            feed="delta",
            search=("name", "nickname", "company", "job_title", "emails", "phones", "notes"),
        ),
        Kind(
            "events",
            "event",
            title="subject",
            interval_s=120,
            feed="delta",
            covers="window",
            parent="calendars",
            parent_column="calendar_id",
            starts="starts_at",
            ends="ends_at",
            newest_by="starts_at",
            search=("subject", "location", "organizer", "attendees", "description"),
            attachments=True,
        ),
        Kind(
            "tasks",
            "task",
            title="title",
            interval_s=120,
            feed="delta",
            parent="task_lists",
            parent_column="task_list_id",
            newest_by="due_at",
            search=("title", "notes"),
        ),
        Kind(
            "messages",
            "message",
            title="subject",
            interval_s=60,
            feed="delta",
            covers="days",
            starts="received_at",
            ends="received_at",
            newest_by="received_at",
            search=("subject", "from_name", "from_email", "recipients", "body"),
            attachments=True,
        ),
    )
}
"""In the order in which a pass walks them: what contains others comes before what is contained."""


def interval_s(kind: Kind, quiet_s: float | None, *, watched: bool = False) -> float:
    """The seconds between two passes over a feed that brought its last change `quiet_s` seconds ago (None: never one).

    With the square root, so that an interval follows a feed down within minutes and up within days: four times as long
    without a change is twice the interval. `watched`: upstream tells of changes by itself, and asking only makes sure.
    """
    factor = QUIETEST if quiet_s is None else (max(0.0, quiet_s) / AS_IT_IS_S) ** 0.5
    seconds = kind.interval_s * min(QUIETEST, max(LIVELIEST, factor))
    return max(WATCHED_S if watched else QUICKEST_S, min(SLOWEST_S, seconds))


SEARCHABLE = tuple(kind.name for kind in KINDS.values() if kind.search)
