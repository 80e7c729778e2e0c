"""Every page that there is, and the mirrors to open it over: a line here, and browsers look at it.

A new page is a line in PAGES, and, where its address holds the id of a record, a line in IDS that finds one worth seeing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import served
from web_demo import blank_mirror
from web_odd import corpus_home, odd_home

from mirror.clock import SystemClock

PAGES = {
    "home": "/",
    "search": "/search?q=a",
    "search-nothing": "/search?q=zzzzqqqq",
    "mail": "/mail",
    "mail-folder": "/mail?folder={folder}",
    "mail-thread": "/mail/{thread}",
    "mail-attachments": "/mail/{with_attachments}",
    "calendar-month": "/calendar/month/{day}",
    "calendar-week": "/calendar/week/{day}",
    "calendar-agenda": "/calendar/agenda/{day}",
    "event": "/events/{event}",
    "event-series": "/events/{series}",
    "event-deleted": "/events/{deleted_event}",
    "contacts": "/contacts",
    "contact": "/contacts/{contact}",
    "contact-deleted": "/contacts/{deleted_contact}",
    "people": "/people",
    "person": "/people/{person}",
    "tasks": "/tasks",
    "task": "/tasks/{task}",
    "history": "/history",
    "history-of-one": "/history/contacts/{changed}",
    "sync": "/sync",
    "as-of": "/contacts?at=yesterday",
    "not-found": "/contacts/999999999",
    "tables": "/mirror",
    "table": "/mirror/messages?_size=12",
    "table-facets": "/mirror/events?_facet=calendar_id&_sort_desc=starts_at&_size=12",
    "row": "/mirror/messages/{thread}",
    "row-event": "/mirror/events/{event}",
    "query": "/mirror/latest-runs",
    "sql": "/mirror?sql=select+*+from+contacts+limit+5",
}

EXPECTED = {"not-found": 404}

IDS = {
    "folder": "SELECT folder_id FROM messages WHERE folder_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    "thread": "SELECT max(id) FROM messages WHERE deleted_at IS NULL GROUP BY thread_id ORDER BY count(*) DESC LIMIT 1",
    "with_attachments": "SELECT message_id FROM attachments WHERE message_id IS NOT NULL GROUP BY 1"
                        " ORDER BY count(*) DESC LIMIT 1",
    "day": "SELECT substr(starts_at, 1, 10) FROM events WHERE deleted_at IS NULL AND all_day = 0 GROUP BY substr(starts_at, 1, 7)"
           " ORDER BY count(*) DESC LIMIT 1",
    "event": "SELECT id FROM events WHERE deleted_at IS NULL ORDER BY attendee_count DESC, length(raw) DESC LIMIT 1",
    "series": "SELECT id FROM events WHERE deleted_at IS NULL AND recurrence_type = 'master' ORDER BY length(raw) DESC LIMIT 1",
    "deleted_event": "SELECT id FROM events WHERE deleted_at IS NOT NULL LIMIT 1",
    "contact": "SELECT id FROM contacts WHERE deleted_at IS NULL ORDER BY length(raw) DESC LIMIT 1",
    "deleted_contact": "SELECT id FROM contacts WHERE deleted_at IS NOT NULL LIMIT 1",
    "person": "SELECT from_email FROM messages WHERE from_email IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    "task": "SELECT id FROM tasks WHERE deleted_at IS NULL ORDER BY length(raw) DESC LIMIT 1",
    "changed": "SELECT record_id FROM versions WHERE kind = 'contacts' LIMIT 1",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A mirror's pages, and where in them there is something to see."""

    url: str
    ids: dict[str, str]

    def address(self, name: str) -> str | None:
        try:
            return self.url + PAGES[name].format(**self.ids)
        except KeyError:
            return None


@pytest.fixture(scope="module")
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Shown]]:
    """Makes and serves each of the mirrors when it is first asked for."""
    homes = {
        "demo": lambda: request.getfixturevalue("demo_home") / "mirror.db",
        "corpus": lambda: corpus_home(request.getfixturevalue("corpus")) / "mirror.db",
        "odd": lambda: odd_home() / "mirror.db",
        "none": lambda: blank_mirror(tmp_path_factory.mktemp("none")),
    }
    made: dict[str, Shown] = {}
    with ExitStack() as until_the_end:

        def of(name: str) -> Shown:
            if name not in made:
                path = homes[name]()
                made[name] = Shown(until_the_end.enter_context(served(path)), ids_in(path))
            return made[name]

        yield of


def ids_in(path: Path) -> dict[str, str]:
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found = {name: conn.execute(sql).fetchone() for name, sql in IDS.items()}
    conn.close()
    today = SystemClock().now().date().isoformat()
    return {"day": today} | {name: str(row[0]) for name, row in found.items() if row is not None and row[0] is not None}
