"""A process that dies between any two statements of a pass (DESIGN §4, rule 12)."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from worlds import (
    CALENDARS,
    CONTACTS,
    EVENTS,
    MESSAGES,
    MemoryUpstream,
    World,
    fill,
    memory,
)

from mirror.pull import pull_account
from mirror.store.connection import Store


class Crash(BaseException):
    """The process is gone."""


class Crashing(sqlite3.Connection):
    """A connection that dies for good before its nth statement."""

    left = 1 << 60

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self._tick()
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        self._tick()
        return super().executemany(*arguments)

    def _tick(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Crash


def crashing(world: World, after: int) -> Store:
    conn = sqlite3.connect(world.store.path, isolation_level=None, factory=Crashing)
    conn.row_factory = sqlite3.Row
    for pragma in ("synchronous = OFF", "foreign_keys = ON", "recursive_triggers = ON"):  # dying is not losing power
        conn.execute(f"PRAGMA {pragma}")
    conn.left = after
    return Store(world.store.home, conn, world.clock)


def test_a_crash_before_any_statement_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    world = World(MemoryUpstream(page_size=2), tmp_path / "template")
    memory(world).omit = {"messages": ("body",)}
    for feed in (CONTACTS, EVENTS, MESSAGES):
        fill(world, feed, 3)
    world.pull()
    for feed in (CONTACTS, EVENTS, MESSAGES):
        world.upstream.put(feed, "r0", "changed")
        world.upstream.drop(feed, "r1")
        world.upstream.put(feed, "r9", "created")
    world.upstream.put(MESSAGES, "r2", "changed", attachments=[{"id": "at1", "size": 3}])
    memory(world).contents["at1"] = b"abc"
    world.upstream.drop(CALENDARS, "home")
    world.upstream.put(CALENDARS, "other", "Other")
    world.upstream.expire(MESSAGES)
    world.store.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    world.store.close()

    crashes = 0
    done = False
    stride = 2 if os.environ.get("CI") else 13
    while not done:
        copy = World.__new__(World)
        copy.upstream, copy.clock, copy.account = world.upstream, world.clock, world.account
        home = tmp_path / "copy"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(world.store.home, home)
        copy.store = Store(home, sqlite3.connect(":memory:"), world.clock)
        done = crashes_and_recovers(copy, crashes)
        crashes += stride
    assert crashes > 300, crashes


def crashes_and_recovers(world: World, after: int) -> bool:
    """Let a pass die before a statement, and hold what the next one makes of it against upstream. True: nothing died."""
    dying = crashing(world, after)
    try:
        list(pull_account(dying, world.upstream.source, world.account))
        died = False
    except Crash:
        died = True
    dying.conn.close()
    world.reopened()
    stored, cursors = world.live(CONTACTS), world.feed("contacts").cursor
    assert cursors is not None
    assert all(raw["nickName"] for raw in stored.values())

    world.pull()

    world.is_sound()
    world.equals_upstream(CONTACTS, MESSAGES, CALENDARS)
    assert world.history("contacts", "r0") == ["number 0", "changed"]
    assert world.history("contacts", "r1") == ["number 1", "reported"]
    assert world.tombstones(MESSAGES) == {"r1": "absent"}
    assert world.tombstones(CALENDARS) == {"home": "absent"}
    assert world.value("SELECT kept FROM attachments") == "yes"
    assert world.rows("SELECT * FROM incomplete") == []
    world.store.close()
    return not died
