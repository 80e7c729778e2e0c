"""What the file itself guarantees, whoever writes to it: no version is lost, seq grows, search says what the tables say."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import CALENDARS, CONTACTS, EVENTS, FEEDS, MESSAGES, TASK_LISTS, TASKS, MemoryUpstream, World

from mirror.feed import Counts, Feed, Gone, Record
from mirror.resources import KINDS, SEARCHABLE
from mirror.store import journal, purge, sweep
from mirror.store.connection import shipped

every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A mirror with three records of each kind, the first of which was changed once, and the last deleted."""
    made = World(MemoryUpstream(page_size=50), tmp_path / "home")
    for feed in FEEDS:
        for name in "abc":
            made.upstream.put(feed, name, f"{name} of {feed.kind}", body="<p>words</p>")
    made.pull()
    for feed in FEEDS:
        made.upstream.put(feed, "a", f"changed {feed.kind}", body="<p>other words</p>")
        made.upstream.drop(feed, "c")
    made.clock.sleep(60)
    made.pull()
    return made


def version_count(world: World, kind: str) -> int:
    return int(world.value("SELECT count(*) FROM versions WHERE kind = ?", kind))


# --- no path loses a version ------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize(
    "change", ['raw = \'{"id": "by hand"}\'', "etag = 'by hand'", "deleted_at = '2026-01-01', deletion = 'reported'"]
)
def test_a_change_by_hand_keeps_the_old_version(world: World, kind: str, change: str) -> None:
    before = world.rows(
        f"SELECT etag, modified_at, observed_at, seq, deleted_at, deletion, raw FROM {kind} WHERE id = 2"
    )
    count = version_count(world, kind)

    world.rows(f"UPDATE {kind} SET {change}, observed_at = '2030-01-01T00:00:00.000Z', seq = 100000 WHERE id = 2")

    assert version_count(world, kind) == count + 1
    kept = world.rows(
        "SELECT etag, modified_at, observed_at, seq, deleted_at, deletion, raw FROM versions WHERE superseded_seq = 100000"
    )
    assert kept == before
    assert world.rows(
        "SELECT kind, record_id, account_id, superseded_at FROM versions WHERE superseded_seq = 100000"
    ) == [(kind, 2, 1, "2030-01-01T00:00:00.000Z")]


REFUSED = [
    "UPDATE {kind} SET raw = '{{}}'",
    "UPDATE {kind} SET raw = raw || ' '",
    "UPDATE {kind} SET etag = 'x'",
    "UPDATE {kind} SET observed_at = 'x'",
    "UPDATE {kind} SET deleted_at = 'x' WHERE deleted_at IS NULL",
    "UPDATE {kind} SET deletion = 'absent' WHERE deletion IS NULL",
    "UPDATE {kind} SET deletion = 'guessed', seq = 100000 WHERE id = 1",
    "UPDATE {kind} SET seq = seq - 1",
    "UPDATE {kind} SET remote_id = 'x' WHERE id = 1",
    "UPDATE {kind} SET account_id = 2",
    "UPDATE {kind} SET id = 77 WHERE id = 1",
    "UPDATE OR REPLACE {kind} SET remote_id = 'b' WHERE remote_id = 'a'",
    "UPDATE OR REPLACE {kind} SET seq = (SELECT max(seq) FROM {kind}) WHERE remote_id = 'a'",
    "DELETE FROM {kind}",
    "DELETE FROM {kind} WHERE id = 1",
    "REPLACE INTO {kind} SELECT * FROM {kind}",
    "INSERT OR REPLACE INTO {kind} SELECT * FROM {kind} WHERE id = 1",
]


def test_a_statement_that_would_lose_a_version_is_refused(world: World) -> None:
    dump = world.dump()

    for kind in KINDS:
        for sql in REFUSED:
            with pytest.raises(sqlite3.IntegrityError):
                world.rows(sql.format(kind=kind))

    assert world.dump() == dump


REWRITING = [
    "UPDATE events SET calendar_id = 1 WHERE remote_id = 'other'",
    "UPDATE tasks SET task_list_id = 1 WHERE remote_id = 'other'",
    "UPDATE versions SET raw = '{}'",
    "UPDATE versions SET superseded_at = 'x'",
    "DELETE FROM versions",
    "REPLACE INTO versions SELECT * FROM versions",
    "UPDATE message_bodies SET html = 'x'",
    "UPDATE message_bodies SET html = 'x', seq = seq - 1",
    "DELETE FROM message_bodies",
    "REPLACE INTO message_bodies SELECT message_id, seq, 'x', text FROM message_bodies",
    "UPDATE message_body_versions SET html = 'x'",
    "DELETE FROM message_body_versions",
    "INSERT INTO change_order (id, seq) VALUES (2, 0)",
    "DELETE FROM accounts",
]


def test_history_and_bodies_are_not_rewritten(world: World) -> None:
    world.upstream.put(CALENDARS, "d", "fourth")
    world.upstream.put(TASK_LISTS, "d", "fourth")
    world.pull()
    for feed in (Feed("events", "d"), Feed("tasks", "d")):
        world.upstream.put(feed, "other", "elsewhere")
    world.pull()
    assert world.value("SELECT count(*) FROM message_body_versions") == 1
    dump = world.dump()

    for sql in REWRITING:
        with pytest.raises(sqlite3.IntegrityError):
            world.rows(sql)

    assert world.dump() == dump


@every_kind
def test_readable_columns_may_be_derived_anew_without_a_version(world: World, kind: str) -> None:
    count = version_count(world, kind)

    world.rows(f"UPDATE {kind} SET generation = generation + 1, {KINDS[kind].title} = 'derived anew'")

    assert version_count(world, kind) == count


@every_kind
def test_seq_is_one_order_for_the_whole_file(world: World, kind: str) -> None:
    taken = world.value(f"SELECT max(seq) FROM {kind}")

    with pytest.raises(sqlite3.IntegrityError):
        world.rows(f"UPDATE {kind} SET raw = '{{}}', seq = {taken} WHERE id = 1")

    seqs = [seq for (seq,) in world.rows("SELECT seq FROM all_versions ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert world.value("SELECT seq FROM change_order") == len(seqs)


def test_the_changes_of_everything_are_in_one_order_each_once(world: World) -> None:
    changes = world.rows("SELECT seq, change FROM changes ORDER BY seq")

    assert [seq for seq, _ in changes] == list(range(1, len(changes) + 1))
    counted = {change: [one for _, one in changes].count(change) for _, change in changes}
    assert counted == {"created": 3 * len(KINDS) + 2, "changed": len(KINDS), "deleted": len(KINDS)}


def test_the_triggers_of_all_kinds_are_the_same(world: World) -> None:
    triggers = dict(world.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))

    for kind in KINDS.values():
        parent = f"OLD.{kind.parent_column}" if kind.parent_column else "NULL"
        for name in ("need_a_new_seq", "keep_the_old_version", "stay_who_they_are", "are_never_deleted"):
            written = triggers[f"{kind.name}_{name}"]
            if name == "keep_the_old_version":
                assert f"OLD.id, {parent}," in written
            if kind.parent_column and name == "stay_who_they_are":
                assert f"NEW.{kind.parent_column} <> OLD.{kind.parent_column}" in written
            general = written.replace(kind.name, "KIND").replace(parent, "PARENT")
            if kind.name not in ("events", "tasks"):
                assert general == triggers[f"contacts_{name}"].replace("contacts", "KIND").replace("NULL", "PARENT")


# --- what is written down is right -----------------------------------------------------------------------------------------


def test_the_schema_names_every_kind_and_index_that_the_code_relies_on(world: World) -> None:
    tables = {name for (name,) in world.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}

    assert set(KINDS) <= tables
    for kind in KINDS.values():
        columns = [name for _, name, *_ in world.rows(f"PRAGMA table_info({kind.name})")]
        assert columns[-1] == "raw"
        named = {kind.title, kind.starts, kind.ends, kind.newest_by, kind.parent_column, *kind.search} - {None, "body"}
        assert named <= set(columns)
        if kind.search:
            assert tuple(name for _, name, *_ in world.rows(f"PRAGMA table_info({kind.name}_fts)")) == kind.search
    for view in [name for (name,) in world.rows("SELECT name FROM sqlite_master WHERE type = 'view'")]:
        world.rows(f"SELECT * FROM {view} LIMIT 5")


def test_every_table_and_column_is_in_the_words_of_the_design() -> None:
    schema = shipped("schema.sql").read_text()

    for state in (
        "new",
        "listing",
        "following",
        "held",
        "stopped",
        "active",
        "needs_auth",
        "paused",
        "reported",
        "absent",
    ):
        assert f"'{state}'" in schema


def test_a_passes_of_rows_is_quick_by_index(world: World) -> None:
    """The questions that every page and every poll asks must not read whole tables."""
    questions = [
        "SELECT * FROM contacts WHERE account_id = 1 AND remote_id IN (SELECT value FROM json_each('[]'))",
        "SELECT * FROM events WHERE calendar_id = 1 AND remote_id = 'x'",
        "SELECT * FROM versions WHERE kind = 'contacts' AND record_id = 1",
        "SELECT count(*) FROM contacts WHERE account_id = 1 AND deleted_at IS NOT NULL",
        "SELECT * FROM incomplete WHERE feed_id = 1",
        "SELECT * FROM attachments WHERE kept = 'wanted' AND removed_at IS NULL",
        "SELECT * FROM runs WHERE feed_id = 1 ORDER BY started_at DESC LIMIT 1",
    ]
    for question in questions:
        plan = " ".join(str(row[3]) for row in world.rows(f"EXPLAIN QUERY PLAN {question}"))
        assert "SCAN contacts" not in plan, (question, plan)
        assert "USING" in plan, (question, plan)


# --- purge -------------------------------------------------------------------------------------------------------------------


def two_accounts(tmp_path: Path) -> tuple[World, World]:
    first = World(MemoryUpstream(), tmp_path / "home")
    second = World.__new__(World)
    second.upstream, second.clock, second.store = MemoryUpstream(), first.clock, first.store
    second.account = journal.add_account(second.store, "play", "test", "http://other.example")
    for world in (first, second):
        for feed in FEEDS:
            for name in "abc":
                world.upstream.put(feed, name, f"common words {feed.kind} {name}")
        world.pull()
        for feed in FEEDS:
            world.upstream.put(feed, "a", "changed words")
            world.upstream.drop(feed, "c")
        world.pull()
        feed_id = world.feed("contacts").id
        for table, columns in (("walk_seen", "(feed_id, remote_id)"), ("incomplete", "(feed_id, record_id, omitted)")):
            values = "(?, 'x')" if table == "walk_seen" else "(?, 1, '[]')"
            world.store.conn.execute(f"INSERT INTO {table} {columns} VALUES {values}", [feed_id])
        account = world.account.id
        world.store.conn.execute(
            "INSERT INTO plans (sql, items, created_at) VALUES ('', json_array(json_object('account_id', ?)), '')",
            [account],
        )
        world.store.conn.execute(
            "INSERT INTO edits (account_id, kind, verb, patch, marker, plan_id, created_at)"
            " VALUES (?, 'contacts', 'change', '{}', '', (SELECT max(id) FROM plans), '')",
            [account],
        )
        world.store.conn.execute(
            "INSERT INTO overlays (kind, record_id, account_id, seq, state, columns, children, raw)"
            " VALUES ('contacts', -?1, ?1, 0, 'pending', '{}', '{}', '{}')",
            [account],
        )
        world.store.conn.execute(
            "INSERT INTO hints (account_id, kind, received_at) VALUES (?, 'contacts', '')", [account]
        )
        world.store.conn.execute(
            "INSERT INTO stuck (account_id, feed_id, kind, reason, first_at, last_at, raw)"
            " VALUES (?, ?, 'contacts', '', '', '', x'00')",
            [account, feed_id],
        )
    return first, second


def test_a_purge_removes_everything_of_one_account_and_nothing_of_another(tmp_path: Path) -> None:
    first, second = two_accounts(tmp_path)
    tables = [
        name for (name,) in first.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%_fts%'")
    ]
    with_account = [t for t in tables if any(c[1] == "account_id" for c in first.rows(f"PRAGMA table_info({t})"))]
    before = {table: first.rows(f"SELECT * FROM {table} WHERE account_id = 2") for table in with_account}
    counts = {table: first.value(f"SELECT count(*) FROM {table}") for table in tables}
    seq = first.value("SELECT seq FROM change_order")

    purge.purge_account(first.store, first.account.id)

    for table in with_account:
        assert first.rows(f"SELECT * FROM {table} WHERE account_id = 2") == before[table], table
        assert first.value(f"SELECT count(*) FROM {table} WHERE account_id = 1") == 0, table
    halved = {table for table in tables if first.value(f"SELECT count(*) FROM {table}") * 2 == counts[table] > 0}
    assert set(tables) - halved <= {"change_order", "purges", *(table for table in tables if not counts[table])}
    assert first.value("SELECT seq FROM change_order") == seq
    first.is_sound()
    for kind in SEARCHABLE:
        assert len(first.rows(f"SELECT rowid FROM {kind}_fts WHERE {kind}_fts MATCH 'words'")) == 3
    assert second.pull()
    second.equals_upstream(*FEEDS)


def test_a_purge_that_dies_leaves_everything(tmp_path: Path) -> None:
    first, _ = two_accounts(tmp_path)
    dump = first.dump()
    first.store.conn.execute(
        "CREATE TEMP TRIGGER dies BEFORE DELETE ON main.feeds BEGIN SELECT RAISE(ABORT, 'power cut'); END"
    )

    with pytest.raises(sqlite3.IntegrityError):
        purge.purge_account(first.store, first.account.id)

    first.reopened()
    assert first.dump() == dump
    first.is_sound()
    with pytest.raises(sqlite3.IntegrityError):
        first.rows("DELETE FROM contacts")


# --- random lives -------------------------------------------------------------------------------------------------------------

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "drop", "vanish", "pull", "expire", "wait"]),
        st.sampled_from([CONTACTS, EVENTS, TASKS, MESSAGES, CALENDARS]),
        st.sampled_from("abcd"),
        st.sampled_from(["one two", "two three", "", "ünï ☃", "one\x00", '"quoted" AND (OR'])),
    min_size=4,
    max_size=30,
)  # fmt: skip


class Life:
    """Random happenings upstream, pulled now and then, with a record of what was ever delivered."""

    def __init__(self, home: Path) -> None:
        self.world = World(MemoryUpstream(page_size=2), home)
        self.memory = self.world.upstream.source
        self.delivered: dict[tuple[Feed, str], list[Any]] = {}
        self.dropped: set[tuple[Feed, str]] = set()
        assert isinstance(self.world.upstream, MemoryUpstream)
        self.world.upstream.memory.rewrite = self._seen

    def _seen(self, feed: Feed, page: Any) -> Any:
        for change in page.changes:
            states = self.delivered.setdefault((feed, change.remote_id), [])
            if isinstance(change, Gone):
                if states and states[-1] is not None:
                    states.append(None)
            elif isinstance(change, Record) and (not states or states[-1] != change.raw):
                states.append(change.raw)
        return page

    def act(self, verb: str, feed: Feed, name: str, title: str) -> None:
        upstream = self.world.upstream
        assert isinstance(upstream, MemoryUpstream)
        live = upstream.memory.live(feed)
        if verb == "put":
            upstream.memory.put(
                feed,
                name,
                {"subject": title, "nickName": title, "title": title, "name": title},
                body=title if feed == MESSAGES else None,
            )
            self.dropped.discard((feed, name))
        elif verb in ("drop", "vanish") and name in live:
            upstream.memory.drop(feed, name, silently=verb == "vanish")
            self.dropped.add((feed, name))
            if verb == "vanish" and feed != CALENDARS:
                upstream.expire(feed)
        elif verb == "pull":
            self.pull()
        elif verb == "expire":
            upstream.expire(feed)
        elif verb == "wait":
            self.world.clock.sleep(600)

    def pull(self) -> None:
        for done in self.world.pull():
            if done.outcome == "held":
                sweep.finish_listing(self.world.store, done.feed, Counts(), accepted=True)

    def is_whole(self) -> None:
        world = self.world
        world.is_sound()
        for feed in (CONTACTS, EVENTS, TASKS, MESSAGES, CALENDARS):
            world.equals_upstream(feed)
            seen = {name for (place, name), states in self.delivered.items() if place == feed and any(states)}
            assert set(world.tombstones(feed)) == {name for place, name in self.dropped if place == feed} & seen
            for (place, name), states in self.delivered.items():
                if place == feed:
                    self._history_is(feed, name, states)

    def _history_is(self, feed: Feed, name: str, states: list[Any]) -> None:
        rows = self.world.rows(
            f"SELECT v.raw, v.deleted_at, v.seq, v.superseded_seq FROM all_versions v JOIN {feed.kind} r ON r.id = v.record_id"
            " WHERE v.kind = ? AND r.remote_id = ? ORDER BY v.seq",
            feed.kind,
            name,
        )
        live = [raw.encode() for raw, deleted_at, *_ in rows if deleted_at is None]
        assert live == [state for state in states if state is not None]
        for (_, _, _, superseded), (_, _, seq, _) in itertools.pairwise(rows):
            assert superseded == seq, "the chain of versions has no gap"
        assert not any(
            first is not None and second is not None for (_, first, *_), (_, second, *_) in itertools.pairwise(rows)
        ), "a deletion is in history once"


@given(actions=ACTIONS)
@settings(
    max_examples=40 if os.environ.get("CI") else 12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_whatever_happens_upstream_is_mirrored_and_remembered_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, Feed, str, str]]
) -> None:
    life = Life(tmp_path_factory.mktemp("life") / "home")
    try:
        for action in actions:
            life.act(*action)
        life.pull()
        life.pull()

        life.is_whole()
        dump = life.world.dump(generation=False)
        life.pull()
        assert life.world.dump(generation=False) == dump
    finally:
        life.world.store.close()


def test_search_finds_what_the_tables_say_and_nothing_of_what_they_said(world: World) -> None:
    for kind in SEARCHABLE:
        assert len(world.rows(f"SELECT rowid FROM {kind}_fts WHERE {kind}_fts MATCH 'changed'")) == 1
        assert len(world.rows(f"SELECT rowid FROM {kind}_fts WHERE {kind}_fts MATCH 'b'")) == 1
        assert len(world.rows(f"SELECT rowid FROM {kind}_fts WHERE {kind}_fts MATCH 'c'")) == 1, (
            "deleted, and searchable"
        )
    assert world.rows("SELECT rowid FROM messages_fts WHERE messages_fts MATCH 'other'") == [(1,)]
    assert json.loads(world.value("SELECT raw FROM messages WHERE id = 1"))["subject"] == "changed messages"
