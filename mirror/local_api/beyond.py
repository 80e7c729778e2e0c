"""What the mirror serves beyond the vendor's file: lists of contacts and events, and `q`, words to look for in lists.

The others are `asOf` (`past.py`) and `pageSize`, which every list and feed takes. A program that uses any of them works with a
mirror only.
"""

from __future__ import annotations

from collections.abc import Callable

from mirror.contract import paging
from mirror.contract.backend import Change, Record, Stored
from mirror.contract.calendars import calendar
from mirror.contract.router import Route
from mirror.contract.shown import listed_contact, listed_event, listed_task
from mirror.contract.tasks import task_list
from mirror.contract.wire import Answer, Call
from mirror.local_api.past import Past
from mirror.local_api.state import Mirror


def contacts(call: Call) -> Answer:
    return _listing(call, "contacts", None, listed_contact)


def events(call: Call) -> Answer:
    """All records of a calendar: singles, series as their masters, and exceptions. Instances are in `events/range`."""
    home = calendar(call, call.path["calendarId"])["id"]
    return _listing(call, "events", home, lambda event: listed_event(call, event))


def tasks(call: Call) -> Answer:
    return _listing(call, "tasks", task_list(call)["id"], lambda task: listed_task(call, task))


def _listing(call: Call, kind: str, parent: str | None, show: Callable[[Stored], Stored]) -> Answer:
    scope = f"{kind}:{parent or ''}"

    def asked() -> Record:
        return {"q": call.text("q")}

    after, given = paging.begin(call, scope, asked)
    size = call.size_of(kind)
    rows = _rows(call, kind, parent, after[0] if after else 0, size + 1, given.get("q"))
    more = [rows[size - 1].seq] if len(rows) > size else None
    return paging.page(call, scope, [show(row.record) for row in rows[:size]], more, given)


def _rows(call: Call, kind: str, parent: str | None, after: int, limit: int, words: str | None) -> list[Change]:
    backend = call.backend
    assert isinstance(backend, Mirror | Past)
    return list(backend.holding(call.account.mailbox_id, kind, words, parent=parent, after=after, limit=limit))


ROUTES = (
    Route("GET", "/v1/contacts", contacts),
    Route("GET", "/v1/calendars/{calendarId}/events", events),
)
# In the place of the contract's own, which takes no words.
TASKS = Route("GET", "/v1/tasklists/{taskListId}/tasks", tasks)
