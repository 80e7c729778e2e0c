"""The mirror's own time: it never runs backwards, so that the answer for a past moment stays what it was."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from mirror.clock import VirtualClock
from mirror.feed import Feed
from mirror.pull import pull_account
from mirror.sources.memory import Memory
from mirror.store import journal, migrations
from mirror.store.connection import Store, open_store

CONTACTS = Feed("contacts")
AS_OF = (
    "SELECT json_extract(raw, '$.company') FROM all_versions WHERE kind = 'contacts' AND deleted_at IS NULL"
    " AND observed_at <= :at AND (superseded_at IS NULL OR superseded_at > :at)"
)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store(tmp_path: Path, clock: VirtualClock) -> Store:
    store = open_store(tmp_path / "home", clock)
    journal.add_account(store, "work", "memory", "memory:")
    yield store
    store.close()


def pull(store: Store, upstream: Memory) -> None:
    list(pull_account(store, upstream, journal.account_named(store, "work")))


def moments(store: Store) -> list[str]:
    return [row[0] for row in store.conn.execute("SELECT observed_at FROM all_versions ORDER BY seq")]


def test_a_clock_that_jumps_back_does_not_turn_the_order_of_versions_round(store: Store, clock: VirtualClock) -> None:
    upstream = Memory(clock)
    for company in ("first", "second", "third"):
        upstream.put(CONTACTS, "a", {"company": company})
        pull(store, upstream)
        clock.jump(timedelta(days=-2))
    assert moments(store) == sorted(set(moments(store)))
    first, second, third = moments(store)
    assert [store.conn.execute(AS_OF, {"at": at}).fetchone()[0] for at in (first, second, third)] == [
        "first", "second", "third",
    ]  # fmt: skip


def test_two_changes_in_one_millisecond_have_two_moments(store: Store, clock: VirtualClock) -> None:
    upstream = Memory(clock)
    upstream.put(CONTACTS, "a", {"company": "first"})
    pull(store, upstream)
    known = moments(store)
    upstream.put(CONTACTS, "a", {"company": "second"})
    pull(store, upstream)
    assert store.conn.execute(AS_OF, {"at": known[0]}).fetchall()[0][0] == "first"
    assert len(set(moments(store))) == 2


def test_a_deletion_by_absence_is_later_than_what_it_deletes(store: Store, clock: VirtualClock) -> None:
    upstream = Memory(clock)
    for name in "abcdef":
        upstream.put(CONTACTS, name, {"company": name})
    pull(store, upstream)
    upstream.drop(CONTACTS, "b", silently=True)
    upstream.expire(CONTACTS)
    clock.jump(timedelta(hours=-3))
    pull(store, upstream)
    [(observed_at, superseded_at)] = store.conn.execute("SELECT observed_at, superseded_at FROM versions").fetchall()
    assert observed_at < superseded_at


def test_the_answer_for_a_past_moment_never_changes(store: Store, clock: VirtualClock) -> None:
    upstream = Memory(clock)
    answers: dict[str, list[str]] = {}
    for turn in range(12):
        upstream.put(CONTACTS, f"{turn % 4}", {"company": f"{turn}"})
        if turn % 5 == 4:
            upstream.drop(CONTACTS, f"{(turn - 1) % 4}")
        pull(store, upstream)
        at = store.conn.execute("SELECT observed_at FROM change_order").fetchone()[0]
        for moment in {*answers, at}:
            answer = sorted(row[0] for row in store.conn.execute(AS_OF, {"at": moment}))
            assert answers.setdefault(moment, answer) == answer
        clock.jump(timedelta(minutes=[-90, 10, 0][turn % 3]))
    assert len({tuple(answer) for answer in answers.values()}) == 12


def test_a_completed_record_is_known_better_since_it_was_first_seen(store: Store, clock: VirtualClock) -> None:
    upstream = Memory(clock)
    upstream.omit["contacts"] = ("notes",)
    upstream.put(CONTACTS, "a", {"company": "one", "notes": "met in Riga", "nothing": None})
    pull(store, upstream)
    [(seen_at, raw)] = store.conn.execute("SELECT observed_at, raw FROM all_versions").fetchall()
    assert "met in Riga" in raw
    assert seen_at == store.conn.execute("SELECT min(observed_at) FROM all_versions").fetchone()[0]


def test_a_completion_that_finds_more_within_a_known_field_is_a_version_of_its_own(
    store: Store, clock: VirtualClock
) -> None:
    upstream = Memory(clock)
    upstream.omit["contacts"] = ("notes",)
    upstream.put(CONTACTS, "a", {"name": {"givenName": "Ada"}, "notes": "x"}, etag="same")
    upstream.fail("read", _wrong_answer())
    pull(store, upstream)
    upstream.put(CONTACTS, "a", {"name": {"givenName": "Ada", "familyName": "Byron"}, "notes": "x"}, etag="same",
                 modified_at=store.conn.execute("SELECT modified_at FROM contacts").fetchone()[0])  # fmt: skip
    pull(store, upstream)
    names = [
        row[0]
        for row in store.conn.execute("SELECT json_extract(raw, '$.name.familyName') FROM all_versions ORDER BY seq")
    ]
    assert names == [None, "Byron"]


def _wrong_answer() -> Exception:
    from mirror.errors import WrongAnswer

    return WrongAnswer("not now")


def _schema(conn: sqlite3.Connection) -> set[tuple[str, str, str]]:
    rows = conn.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(kind, name, re.sub(r"--[^\n]*|\s", "", sql)) for kind, name, sql in rows}


def test_a_file_of_schema_1_becomes_what_a_new_one_is(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    old = sqlite3.connect(tmp_path / "home" / "mirror.db", isolation_level=None)
    old.executescript((Path(__file__).parent / "schemas" / "1.sql").read_text())
    old.execute("INSERT INTO accounts (name, source, base_url, created_at) VALUES ('a', 'memory', 'memory:', '2026')")
    old.execute(
        "INSERT INTO contacts (account_id, remote_id, observed_at, seq, generation, raw)"
        " VALUES (1, 'x', '2031-01-01T00:00:00.000Z', 1, 1, '{}')"
    )
    old.execute("PRAGMA user_version = 1")
    old.close()
    store, new = open_store(tmp_path / "home"), open_store(tmp_path / "new")
    try:
        assert _schema(store.conn) == _schema(new.conn)
        assert store.conn.execute("PRAGMA user_version").fetchone()[0] == migrations.VERSION
        assert moments(store) == [store.conn.execute("SELECT observed_at FROM change_order").fetchone()[0]]
    finally:
        store.close()
        new.close()
