"""Upstreams that tests act on from both sides: as the provider, who changes things, and through the source that pull asks.

`MEMORY` and `SANDBOX` make the same world twice: the in-memory source, and Aurinko's source speaking HTTP to the sandbox in
process, where every request and answer is held against the vendor's file when that is at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from openapi import API_FILE
from sandbox_wire import Transport, validated

from mirror.clock import VirtualClock
from mirror.feed import Change, Cursor, Feed, Page, Settings
from mirror.resources import KINDS
from mirror.sandbox.app import Sandbox, create_app, sandbox_of
from mirror.sandbox.options import Options
from mirror.sandbox.state import State
from mirror.sources.aurinko import Aurinko
from mirror.sources.base import Source
from mirror.sources.memory import Memory

CONTACTS = Feed("contacts")
CALENDARS = Feed("calendars")
FOLDERS = Feed("folders")
TASK_LISTS = Feed("task_lists")
MESSAGES = Feed("messages")
EVENTS = Feed("events", "home")
TASKS = Feed("tasks", "chores")
FEEDS = (CALENDARS, FOLDERS, TASK_LISTS, CONTACTS, EVENTS, TASKS, MESSAGES)
DELTA = (CONTACTS, EVENTS, TASKS, MESSAGES)
LISTED = (CALENDARS, FOLDERS, TASK_LISTS)

TITLES = {"contacts": "nickName", "calendars": "name", "folders": "name", "task_lists": "title", "tasks": "title"}


def fields(feed: Feed, title: str, **more: Any) -> dict[str, Any]:
    """The least that a record of a kind has."""
    written = {TITLES.get(feed.kind, "subject"): title}
    if feed.kind == "events":
        written |= {"start": {"dateTime": "2026-01-10T09:00:00Z"}, "end": {"dateTime": "2026-01-10T10:00:00Z"}}  # type: ignore[dict-item]  # nested
    if feed.kind == "messages":
        written |= {"receivedAt": "2026-01-04T10:00:00.000Z"}
    return {**written, **more}


class Upstream(Protocol):
    """A provider's side of one mailbox. EVENTS' calendar and TASKS' list are there from the start."""

    clock: VirtualClock
    source: Source

    def put(self, feed: Feed, remote_id: str, title: str = "", **more: Any) -> None: ...
    def drop(self, feed: Feed, remote_id: str) -> None: ...
    def expire(self, feed: Feed) -> None: ...
    def attach(self, feed: Feed, remote_id: str, attachment_id: str, content: bytes) -> None: ...
    def live(self, feed: Feed) -> dict[str, dict[str, Any]]: ...


class MemoryUpstream:
    def __init__(self, *, page_size: int = 3) -> None:
        self.clock = VirtualClock()
        self.memory = Memory(self.clock, page_size=page_size)
        self.source: Source = self.memory
        self.put(CALENDARS, "home", "Home")
        self.put(TASK_LISTS, "chores", "Chores")

    def put(self, feed: Feed, remote_id: str, title: str = "", **more: Any) -> None:
        self.memory.put(feed, remote_id, fields(feed, title, **more))

    def drop(self, feed: Feed, remote_id: str) -> None:
        self.memory.drop(feed, remote_id)

    def expire(self, feed: Feed) -> None:
        self.memory.expire(feed)

    def attach(self, feed: Feed, remote_id: str, attachment_id: str, content: bytes) -> None:
        self.memory.contents[attachment_id] = content
        self.put(feed, remote_id, attachments=[{"id": attachment_id, "name": "a.bin", "size": len(content)}])

    def live(self, feed: Feed) -> dict[str, dict[str, Any]]:
        return {name: json.loads(record.raw) for name, record in self.memory.live(feed).items()}


class SandboxUpstream:
    def __init__(
        self, options: Options | None = None, *, service_type: str = "Google", settings: Settings | None = None,
        budget_s: float = 300.0,
    ) -> None:  # fmt: skip
        self.clock = VirtualClock()
        self.state = State(clock=self.clock)
        self.account = self.state.add_account(email="ada@example.com", service_type=service_type)
        self.app = create_app(self.state, replace(options) if options else Options(page_size=3))
        self.settings, self.budget_s = settings, budget_s
        self.source: Source = self.new_source()
        self.put(CALENDARS, "home", "Home")
        self.put(TASK_LISTS, "chores", "Chores")

    def new_source(self, token: str | None = None) -> Aurinko:
        assert self.account.token is not None
        return Aurinko(
            "http://sandbox.example",
            {"token": token or self.account.token},
            clock=self.clock,
            settings=self.settings,
            budget_s=self.budget_s,
            # Without the vendor's file, in a clone on its own, the same tests still say what the two do with each other.
            transport=Transport(validated(self.app) if API_FILE.exists() else self.app),
        )

    @property
    def behind(self) -> Sandbox:
        return sandbox_of(self.app)

    @property
    def asked(self) -> list[str]:
        """The requests so far, as `VERB /path`."""
        return [f"{request.method} {request.path.removeprefix('/v1')}" for request in self.behind.faults.requests]

    def put(self, feed: Feed, remote_id: str, title: str = "", **more: Any) -> None:
        options = {name: more.pop(name) for name in ("body", "attachments", "at") if name in more}
        if feed.kind == "messages" and "attachments" not in options:
            options.setdefault("body", f"<p>body of {title}</p>")
        written = fields(feed, title, **more)
        if self.state.read(self.account.id, feed.kind, remote_id, parent=feed.parent) is None:
            self.state.create(self.account.id, feed.kind, written, parent=feed.parent, remote_id=remote_id, **options)
        else:
            self.state.change(self.account.id, feed.kind, remote_id, written, parent=feed.parent, **options)

    def drop(self, feed: Feed, remote_id: str) -> None:
        self.state.delete(self.account.id, feed.kind, remote_id, parent=feed.parent)

    def expire(self, feed: Feed) -> None:
        self.behind.tokens.expire()

    def attach(self, feed: Feed, remote_id: str, attachment_id: str, content: bytes) -> None:
        listed = [{"id": attachment_id, "name": "a.bin", "mimeType": "application/octet-stream", "size": len(content)}]
        self.state.change(
            self.account.id, feed.kind, remote_id, {"attachments": listed}, parent=feed.parent,
            attachments={attachment_id: content},
        )  # fmt: skip

    def live(self, feed: Feed) -> dict[str, dict[str, Any]]:
        records = self.state.records(self.account.id, feed.kind, parent=feed.parent)
        return {record["id"]: record for record in records}


MAKERS: dict[str, Callable[[], Upstream]] = {"memory": MemoryUpstream, "aurinko": SandboxUpstream}


def pages(source: Source, feed: Feed, cursor: Cursor | None = None) -> Iterator[Page]:
    """The pages of one walk. Every cursor goes through JSON, as it does through the file."""
    for _ in range(1000):
        page = source.page(feed, cursor)
        yield page
        if not page.more:
            return
        cursor = json.loads(json.dumps(page.cursor))
    raise AssertionError("the walk does not end")


def walk(source: Source, feed: Feed, cursor: Cursor | None = None) -> tuple[list[Change], Cursor | None]:
    """All changes of one walk, and the cursor after it."""
    walked = list(pages(source, feed, cursor))
    return [change for page in walked for change in page.changes], walked[-1].cursor


def ids(changes: Sequence[Change]) -> list[str | None]:
    return [change.remote_id for change in changes]


def is_listed(feed: Feed) -> bool:
    return KINDS[feed.kind].feed == "listing"
