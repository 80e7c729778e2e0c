"""A small mirror with something of everything, for the tests of verify, backup and bad disks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from mirror.clock import VirtualClock
from mirror.feed import Feed
from mirror.pull import Pass, pull_account
from mirror.sources.memory import Memory
from mirror.store import journal
from mirror.store.connection import Store, open_store

CONTACTS, CALENDARS, MESSAGES = Feed("contacts"), Feed("calendars"), Feed("messages")
EVENTS = Feed("events", "cal")


def an_upstream(clock: VirtualClock) -> Memory:
    """A mailbox with contacts, events, mail with an attachment, and tasks."""
    upstream = Memory(clock)
    for number in range(8):
        name = {"givenName": "Ada", "familyName": f"N{number}"}
        mail = [{"address": f"ada{number}@example.org", "type": "work"}]
        upstream.put(CONTACTS, f"c{number}", {"name": name, "emailAddresses": mail, "notes": "x" * 400})
    upstream.put(CALENDARS, "cal", {"name": "Work"})
    upstream.put(Feed("task_lists"), "list", {"title": "To do"})
    upstream.put(Feed("tasks", "list"), "t", {"title": "Write"})
    upstream.put(Feed("folders"), "inbox", {"name": "Inbox"})
    attendees = [{"emailAddress": {"address": "bob@example.org", "name": "Bob"}, "response": "accepted"}]
    start = {"dateTime": "2026-01-06T09:00:00Z", "timezone": "UTC"}
    upstream.put(EVENTS, "e", {"subject": "Standup", "start": start, "meetingInfo": {"attendees": attendees}})
    for number in range(3):
        attached = [{"id": f"a{number}", "name": "notes.txt", "mimeType": "text/plain", "size": 7}]
        upstream.put(MESSAGES, f"m{number}", {"subject": f"Mail {number}", "folderId": "inbox", "attachments": attached,
                     "to": [{"address": "bob@example.org"}]}, body=f"<p>Hello {number}</p>")  # fmt: skip
        upstream.contents[f"a{number}"] = b"bytes %d" % number
    return upstream


def sync(store: Store, upstream: Memory) -> list[Pass]:
    return list(pull_account(store, upstream, journal.account_named(store, "work")))


def a_mirror(home: Path, clock: VirtualClock, upstream: Memory) -> Store:
    """A mirror of it that has seen changes, a deletion and a return."""
    store = open_store(home, clock)
    journal.add_account(store, "work", "memory", "memory:")
    sync(store, upstream)
    upstream.put(CONTACTS, "c1", {"name": {"givenName": "Ada", "familyName": "Changed"}})
    upstream.put(MESSAGES, "m1", {"subject": "Mail 1", "folderId": "inbox"}, body="<p>Hello again</p>")
    upstream.drop(CONTACTS, "c2")
    upstream.drop(CONTACTS, "c3")
    clock.sleep(timedelta(days=1).total_seconds())
    sync(store, upstream)
    upstream.put(CONTACTS, "c3", {"name": {"givenName": "Back"}})
    sync(store, upstream)
    return store


def break_by_hand(path: Path, sql: str) -> None:
    """What no code path can do: a statement past triggers and references."""
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        triggers = conn.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            conn.execute(f"DROP TRIGGER {name}")
        conn.executescript(sql)
        for _, made in triggers:
            conn.execute(made)
