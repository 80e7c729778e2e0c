"""Upstreams that tests act on from both sides: as the provider, who changes things, and through the source that pull asks.

`MEMORY` and `SANDBOX` make the same world twice: the in-memory source, and Aurinko's source speaking HTTP to the sandbox in
process, where every request and answer is held against the vendor's file when that is at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from openapi import API_FILE
from sandbox_wire import Transport, validated

from mirror.clock import VirtualClock
from mirror.errors import MirrorError, RecordGone
from mirror.feed import Change, Coverage, Cursor, Feed, Gone, Mailbox, Page, Record, Settings, Traffic
from mirror.pull import EVERYTHING, Appetite, Pass, pull_account
from mirror.push import push_account
from mirror.resources import KINDS
from mirror.sandbox.app import Sandbox, create_app, sandbox_of
from mirror.sandbox.options import Options
from mirror.sandbox.state import State
from mirror.sources.aurinko import Aurinko
from mirror.sources.base import Source
from mirror.sources.memory import Memory
from mirror.store import journal, outbox
from mirror.store.columns import CHILDREN
from mirror.store.connection import Store, open_store
from mirror.store.edits import Edit

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
        body = more.pop("body", None)
        self.memory.put(feed, remote_id, fields(feed, title, **more), body=body if feed == MESSAGES else None)

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


@cache
def new_file() -> bytes:
    """A new mirror.db: made once, since making a thousand of them takes longer than what is tested with them."""
    with TemporaryDirectory() as folder:
        open_store(Path(folder)).close()
        return (Path(folder) / "mirror.db").read_bytes()


def unsynced(store: Store) -> Store:
    """A store that does not wait for the disk: no test here cuts the power."""
    store.conn.execute("PRAGMA synchronous = OFF")
    return store


class World:
    """An upstream, and a mirror of it."""

    def __init__(self, upstream: Upstream, home: Path) -> None:
        self.upstream = upstream
        self.clock = upstream.clock
        if not home.exists():
            home.mkdir(mode=0o700)
            (home / "mirror.db").write_bytes(new_file())
        self.store = unsynced(open_store(home, self.clock))
        self.account = journal.add_account(self.store, "work", "test", "http://sandbox.example")

    def pull(
        self, *kinds: str, source: Source | None = None, appetite: Appetite = EVERYTHING, on_progress: Any = None
    ) -> list[Pass]:
        """One pass over the account, over some of its kinds only when they are named."""
        account = journal.account(self.store, self.account.id)
        wanted = (lambda feed: feed.kind in kinds) if kinds else None
        source = source or self.upstream.source
        return list(
            pull_account(self.store, source, account, wanted=wanted, appetite=appetite, on_progress=on_progress)
        )

    def push(self, *, source: Source | None = None) -> list[Edit]:
        """One pass over the outbox: what became of each edit."""
        account = journal.account(self.store, self.account.id)
        return [done.edit for done in push_account(self.store, source or self.upstream.source, account)]

    def edit(
        self, feed: Feed, remote_id: str | None, verb: str, patch: dict[str, Any] | None = None, **more: Any
    ) -> Edit:
        """An edit of a record by upstream's id of it, or one that creates."""
        journal.set_writable(self.store, self.account.id, True)
        account = journal.account(self.store, self.account.id)
        if remote_id is not None:
            more["record_id"] = self.value(f"SELECT id FROM {feed.kind} WHERE remote_id = ?", remote_id)
        elif feed.parent is not None:
            more["parent_id"] = self.value(f"SELECT id FROM {KINDS[feed.kind].parent} WHERE remote_id = ?", feed.parent)
        made = outbox.add(self.store, account, feed.kind, verb, patch, **more)
        assert made is not None
        return made

    def now(self, feed: Feed) -> dict[int, dict[str, Any]]:
        """What a person reads of a kind: observation with edits over it, by the mirror's id."""
        rows = self.rows(f"SELECT id, raw FROM {feed.kind}_now WHERE deleted_at IS NULL")
        return {record_id: json.loads(raw) for record_id, raw in rows}

    def one(self, kind: str, **more: Any) -> Pass:
        """The pass over the one feed of a kind."""
        passes = self.pull(kind, **more)
        assert len(passes) == 1
        return passes[0]

    def reopened(self) -> Store:
        """The file as another process finds it: this one's connection is dropped."""
        self.store.close()
        self.store = unsynced(open_store(self.store.home, self.clock))
        return self.store

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.store.conn.execute(sql, values)]

    def value(self, sql: str, *values: object) -> Any:
        return self.rows(sql, *values)[0][0]

    def feed(self, kind: str, parent: str | None = None) -> journal.FeedRow:
        found = [feed for feed in journal.feeds(self.store, self.account.id) if feed.kind == kind]
        return next(feed for feed in found if parent is None or feed.parent == parent)

    def live(self, feed: Feed) -> dict[str, dict[str, Any]]:
        """What the mirror has of a feed, by remote_id."""
        return {name: json.loads(raw) for name, raw in self._stored(feed, "deleted_at IS NULL")}

    def tombstones(self, feed: Feed) -> dict[str, str]:
        """What is deleted, and how the mirror knows."""
        where, values = self._where(feed)
        return dict(
            self.rows(f"SELECT remote_id, deletion FROM {feed.kind} WHERE {where} AND deleted_at IS NOT NULL", *values)
        )

    def history(self, kind: str, remote_id: str) -> list[Any]:
        """Every state of a record that was ever stored, in order: its title, or how it was deleted."""
        title = TITLES.get(kind, "subject")
        return [
            deletion or json.loads(raw).get(title)
            for raw, deletion in self.rows(
                f"SELECT raw, deletion FROM (SELECT v.seq, v.raw, v.deletion FROM versions v JOIN {kind} r ON r.id = v.record_id"
                f" WHERE v.kind = ? AND r.remote_id = ? UNION ALL SELECT seq, raw, deletion FROM {kind} WHERE remote_id = ?)"
                " ORDER BY seq",
                kind,
                remote_id,
                remote_id,
            )
        ]

    def dump(self, *, generation: bool = True) -> dict[str, list[tuple[Any, ...]]]:
        """All that is stored of records, with every column (but generation, which a listing that is repeated moves)."""
        tables = [*KINDS, "versions", "message_bodies", "message_body_versions", "attachments", "stuck", "incomplete"]
        tables += [table for children in CHILDREN.values() for table in children]
        found = {}
        for table in tables:
            names = [
                name for _, name, *_ in self.rows(f"PRAGMA table_info({table})") if generation or name != "generation"
            ]
            found[table] = self.rows(f"SELECT {', '.join(names)} FROM {table} ORDER BY 1, 2")
        return found

    def equals_upstream(self, *feeds: Feed) -> None:
        for feed in feeds:
            assert self.live(feed) == self.upstream.live(feed), feed.kind

    def is_sound(self) -> None:
        """What must hold of every mirror at every moment."""
        assert self.value("PRAGMA integrity_check") == "ok"
        assert self.rows("PRAGMA foreign_key_check") == []
        for kind in KINDS.values():
            if kind.search:
                self.rows(f"INSERT INTO {kind.name}_fts ({kind.name}_fts, rank) VALUES ('integrity-check', 1)")
        seqs = [seq for (seq,) in self.rows("SELECT seq FROM all_versions")]
        assert len(seqs) == len(set(seqs))
        assert max(seqs, default=0) <= self.value("SELECT seq FROM change_order")

    def _stored(self, feed: Feed, condition: str) -> list[tuple[Any, ...]]:
        where, values = self._where(feed)
        return self.rows(f"SELECT remote_id, raw FROM {feed.kind} WHERE {where} AND {condition}", *values)

    def _where(self, feed: Feed) -> tuple[str, list[object]]:
        kind = KINDS[feed.kind]
        if kind.parent_column is None:
            return "account_id = ?", [self.account.id]
        parents = f"(SELECT id FROM {kind.parent} WHERE account_id = ? AND remote_id = ?)"
        return f"{kind.parent_column} = {parents}", [self.account.id, feed.parent]


class Scripted:
    """A source that answers by a script: pages or errors in order for one feed, empty walks for the others."""

    def __init__(
        self, feed: Feed, *steps: Page | MirrorError, now: dict[str, Record | Gone | MirrorError] | None = None
    ) -> None:
        self.traffic = Traffic()
        self.asked: list[Cursor | None] = []
        self.read_one_by_one: list[str] = []
        self._feed = feed
        self._steps = list(steps)
        self._now = now or {}

    def mailbox(self) -> Mailbox:
        return Mailbox("1", "ada@example.org")

    def page(self, feed: Feed, cursor: Cursor | None) -> Page:
        if feed != self._feed:
            return Page((), None if is_listed(feed) else {"end": True}, more=False, covers=Coverage())
        self.asked.append(cursor)
        step = self._steps.pop(0)
        if isinstance(step, MirrorError):
            raise step
        return step

    def read(self, feed: Feed, remote_id: str) -> Record | Gone:
        self.read_one_by_one.append(remote_id)
        found = self._now.get(remote_id, Gone(remote_id))
        if isinstance(found, MirrorError):
            raise found
        return found

    def attachment(self, feed: Feed, record_id: str, attachment_id: str) -> bytes:
        raise RecordGone(attachment_id)

    def coverage(self, feed: Feed) -> Coverage:
        return Coverage()

    def new_patience(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open."""


def record(remote_id: str, title: str = "", *, at: str | None = None, etag: str | None = None, **more: Any) -> Record:
    """A contact as a page brings it."""
    raw = {"id": remote_id, "nickName": title, **({"lastModifiedTime": at} if at else {}), **more}
    return Record(remote_id, json.dumps(raw).encode(), etag, at, tuple(more.get("omitted", ())))


def page(*changes: Change, n: int = 0, more: bool = False, covers: Coverage | None = None) -> Page:
    """A page with the cursor `{"n": n}` after it."""
    return Page(changes, {"n": n}, more, covers)


def sandboxed(tmp_path: Path, options: Options | None = None, **more: Any) -> tuple[World, SandboxUpstream]:
    """A mirror of a sandbox, and the sandbox."""
    upstream = SandboxUpstream(options, **more)
    return World(upstream, tmp_path / "home"), upstream


def fill(world: World, feed: Feed = CONTACTS, count: int = 8) -> list[str]:
    """So many records in a feed; their ids."""
    for number in range(count):
        world.upstream.put(feed, f"r{number}", f"number {number}")
    return [f"r{number}" for number in range(count)]


def memory(world: World) -> Any:
    """The in-memory upstream of a world that has one."""
    assert isinstance(world.upstream, MemoryUpstream)
    return world.upstream.memory
