"""Pages as of a moment: every table means what was known then, and equals the file that was there."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import (
    CALENDARS,
    CONTACTS,
    EVENTS,
    FOLDERS,
    MESSAGES,
    TASK_LISTS,
    TASKS,
    MemoryUpstream,
    World,
    memory,
    sandboxed,
)

from mirror.feed import Feed
from mirror.resources import KINDS
from mirror.store.columns import CHILDREN
from mirror.web import then

NOT_COMPARED = {
    "generation",  # moves without a change
    "kept", "tries", "sha256",  # whether bytes are kept is told as it is today
}  # fmt: skip
VIEWS = ("records", "tombstones", "changes", "all_versions", "versions", "people", "messages_search")
CHILD_TABLES = tuple(table for children in CHILDREN.values() for table in children)
TABLES = (*KINDS, *CHILD_TABLES, "message_bodies", "message_body_versions", "attachments", *VIEWS)
QUICK_DISK = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


@contextmanager
def a_world() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="mirror-then-", dir=QUICK_DISK))
    world = World(MemoryUpstream(), folder / "home")
    yield world
    world.store.close()
    shutil.rmtree(folder)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as made:
        yield made


def path_of(world: World) -> Path:
    return world.store.home / "mirror.db"


def contents(conn: sqlite3.Connection | then.Then, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table, without what is not compared, in an order of their own."""
    names = [row[0] for row in conn.execute(f"SELECT * FROM {table} LIMIT 0").description]
    left_out = NOT_COMPARED | ({"id"} if table in CHILD_TABLES else set())
    shown = ", ".join(name for name in names if name not in left_out)
    return sorted((tuple(row) for row in conn.execute(f"SELECT {shown} FROM {table}")), key=repr)


def everything(conn: sqlite3.Connection | then.Then) -> dict[str, list[tuple[Any, ...]]]:
    return {table: contents(conn, table) for table in TABLES}


def copy_of(world: World) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:")
    world.store.conn.backup(copy)
    return copy


def moment(world: World) -> str:
    """The moment that everything written so far is not later than."""
    return str(world.value("SELECT observed_at FROM change_order"))


def at(world: World, when: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with then.opened(path_of(world), when) as conn:
        return [tuple(row) for row in conn.execute(sql, values)]


def pulled(world: World) -> str:
    """Pull, and let an hour pass. Returns a moment between."""
    world.pull()
    world.clock.sleep(1800)
    now = world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    world.clock.sleep(1800)
    return now


# --- against copies of the file ---------------------------------------------------------------------------------------------

LISTS: dict[str, Any] = {
    "contacts": {
        "emailAddresses": [{"address": "A@x.org", "name": "A", "type": "home"}, {"address": "b@x.org"}],
        "phoneNumbers": [{"number": "1"}], "addresses": [{"city": "Oslo", "street": "S"}],
    },
    "events": {
        "meetingInfo": {"attendees": [{"emailAddress": {"address": "c@x.org", "name": "C"}, "response": "accepted"}]},
        "attachments": [{"id": "a1", "name": "one.txt", "size": 5}],
    },
    "messages": {
        "from": {"address": "b@x.org", "name": "B"}, "to": [{"address": "C@x.org"}, {"address": "d@x.org"}],
        "attachments": [{"id": "a1", "name": "one.txt", "size": 5}, {"id": "a2", "name": "two.txt", "inline": True}],
        "folderId": "f1", "sysLabels": ["sent", "unread"],
    },
}  # fmt: skip
"""Fields with lists in them. A variant of a record takes some of them."""


def variant(feed: Feed, number: int) -> dict[str, Any]:
    """One of the faces that a record of a kind can have; its lists come, go, shrink and change."""
    fields: dict[str, Any] = {}
    for place, (name, value) in enumerate(LISTS.get(feed.kind, {}).items()):
        if (number >> place) & 1:
            fields[name] = value[: 1 + number % 2] if isinstance(value, list) else value
    if "attachments" in fields and number % 3 == 0:
        fields["attachments"] = [{**fields["attachments"][0], "name": f"renamed {number}", "size": number}]
    if feed == MESSAGES:
        fields["body"] = [None, "short", "a longer text", "another"][number % 4]
    return fields


ACTIONS = st.tuples(
    st.sampled_from([CONTACTS, EVENTS, MESSAGES, MESSAGES, TASKS, FOLDERS, CALENDARS, TASK_LISTS]),
    st.sampled_from(["r1", "r2", "f1"]),
    st.one_of(st.none(), st.integers(0, 63)),
)
"""A record gets a face, or (None) is dropped."""


def act(world: World, feed: Feed, remote_id: str, number: int | None) -> None:
    if number is not None:
        world.upstream.put(feed, remote_id, f"face {number}", **variant(feed, number))
    elif remote_id in memory(world).live(feed):
        world.upstream.drop(feed, remote_id)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(ACTIONS, min_size=1, max_size=8), min_size=2, max_size=6))
def test_every_table_as_of_a_moment_equals_the_file_of_that_moment(rounds: list[list[Any]]) -> None:
    with a_world() as world:
        world.upstream.put(FOLDERS, "f1", "Inbox")
        copies: list[tuple[str, str, sqlite3.Connection]] = []
        for actions in rounds:
            for action in actions:
                act(world, *action)
            later = pulled(world)
            copies.append((moment(world), later, copy_of(world)))
        for exactly, later, copy in copies:
            known = everything(copy)
            for when in {exactly, later}:
                with then.opened(path_of(world), when) as conn:
                    for table, rows in known.items():
                        assert contents(conn, table) == rows, (table, when)
            copy.close()


def a_life(world: World) -> list[str]:
    """Every kind is created, changed, deleted and restored. Returns a moment after each."""
    feeds = (CONTACTS, EVENTS, TASKS, MESSAGES, FOLDERS, CALENDARS, TASK_LISTS)
    world.upstream.put(FOLDERS, "in", "Inbox")  # a listing without any folder would be held
    moments = [pulled(world)]
    for number in (63, 20, None, 41):
        for feed in feeds:
            act(world, feed, "r", number)
        moments.append(pulled(world))
    return moments


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_any_kind_is_unknown_live_changed_deleted_and_back(world: World, kind: str) -> None:
    moments = a_life(world)
    title = KINDS[kind].title

    told = [at(world, when, f"SELECT {title}, deletion FROM {kind} WHERE remote_id = 'r'") for when in moments]

    gone = "reported" if KINDS[kind].feed == "delta" else "absent"
    assert told == [[], [("face 63", None)], [("face 20", None)], [("face 20", gone)], [("face 41", None)]]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_all_versions_say(world: World, kind: str) -> None:
    for when in a_life(world):
        said = world.rows(
            "SELECT record_id, seq, observed_at, deleted_at, raw FROM all_versions WHERE kind = ?1 AND observed_at <= ?2"
            " AND (superseded_at IS NULL OR superseded_at > ?2) ORDER BY record_id",
            kind,
            when,
        )
        assert at(world, when, f"SELECT id, seq, observed_at, deleted_at, raw FROM {kind} ORDER BY id") == said


def test_before_anything_was_known_there_is_nothing(world: World) -> None:
    a_life(world)
    with then.opened(path_of(world), "2001-01-01T00:00:00.000Z") as conn:
        assert {table: rows for table, rows in everything(conn).items() if rows} == {}


def test_a_moment_after_the_last_change_is_the_file_as_it_is(world: World) -> None:
    a_life(world)
    with then.opened(path_of(world), "2099-01-01T00:00:00.000Z") as conn:
        assert everything(conn) == everything(world.store.conn)


def test_the_millisecond_of_a_change_belongs_to_the_new_version(world: World) -> None:
    a_life(world)
    for observed_at, title in world.rows(
        "SELECT observed_at, json_extract(raw, '$.nickName') FROM all_versions WHERE kind = 'contacts' ORDER BY seq"
    ):
        assert at(world, observed_at, "SELECT nickname FROM contacts WHERE remote_id = 'r'") == [(title,)]


# --- what stands beside records ----------------------------------------------------------------------------------------------


def test_lists_inside_a_record_keep_their_order_and_have_ids(world: World) -> None:
    world.upstream.put(CONTACTS, "a", "Ada", emailAddresses=[{"address": f"{name}@x.org"} for name in "zma"])
    before = pulled(world)
    world.upstream.put(CONTACTS, "a", "Ada", emailAddresses=[{"address": "new@x.org"}])
    world.upstream.put(CONTACTS, "b", "Bo", emailAddresses=[{"address": "bo@x.org"}])
    after = pulled(world)

    sql = "SELECT email FROM contact_emails ORDER BY id"
    assert at(world, before, sql) == [("z@x.org",), ("m@x.org",), ("a@x.org",)]
    assert at(world, after, sql) == [("new@x.org",), ("bo@x.org",)]
    assert at(world, before, "SELECT count(DISTINCT id) FROM contact_emails WHERE id IS NOT NULL") == [(3,)]


def test_a_body_of_then_comes_with_its_text(world: World) -> None:
    world.upstream.put(MESSAGES, "m", "Draft")
    bare = pulled(world)
    world.upstream.put(MESSAGES, "m", "Draft", body="<p>Dear Ada,</p><p>noon?</p>")
    first = pulled(world)
    world.upstream.put(MESSAGES, "m", "Draft", body="<p>Dear Ada,</p><p>one?</p>")
    second = pulled(world)
    world.upstream.put(MESSAGES, "m", "Sent", body="<p>Dear Ada,</p><p>one?</p>")
    third = pulled(world)

    sql = "SELECT subject, html FROM messages LEFT JOIN message_bodies ON message_id = messages.id"
    assert [at(world, when, sql) for when in (bare, first, second, third)] == [
        [("Draft", None)],
        [("Draft", "<p>Dear Ada,</p><p>noon?</p>")],
        [("Draft", "<p>Dear Ada,</p><p>one?</p>")],
        [("Sent", "<p>Dear Ada,</p><p>one?</p>")],
    ]
    ((text,),) = at(world, first, "SELECT text FROM message_bodies")
    assert text.split() == ["Dear", "Ada,", "noon?"]
    assert at(world, first, "SELECT count(*) FROM message_body_versions") == [(0,)]
    assert at(world, third, "SELECT count(*) FROM message_body_versions") == [(1,)]


def test_attachments_are_those_that_the_version_listed(world: World) -> None:
    one, two = {"id": "1", "name": "one.txt", "size": 5}, {"id": "2", "name": "two.txt"}
    world.upstream.put(MESSAGES, "m", "M", attachments=[one])
    moments = [pulled(world)]
    for listed in ([one, two], [{**two, "name": "2.txt"}], [one]):
        world.upstream.put(MESSAGES, "m", "M", attachments=listed)
        moments.append(pulled(world))

    names = [
        at(world, when, "SELECT name FROM attachments WHERE removed_at IS NULL ORDER BY remote_id") for when in moments
    ]
    assert names == [[("one.txt",)], [("one.txt",), ("two.txt",)], [("2.txt",)], [("one.txt",)]]
    removed = at(world, moments[2], "SELECT name, removed_at FROM attachments WHERE removed_at IS NOT NULL")
    assert removed == [("one.txt", world.value("SELECT superseded_at FROM versions ORDER BY seq LIMIT 1 OFFSET 1"))]


def test_what_was_left_out_at_first_is_told_as_soon_as_it_is_known(world: World) -> None:
    memory(world).omit = {"contacts": ("notes",)}
    world.upstream.put(CONTACTS, "a", "Ada", notes="plays chess")
    known = pulled(world)
    world.upstream.put(CONTACTS, "a", "Augusta", notes="plays chess")
    pulled(world)

    assert at(world, known, "SELECT nickname, notes FROM contacts") == [("Ada", "plays chess")]


def test_the_agenda_of_then_looks_ahead_from_then(world: World) -> None:
    world.upstream.put(EVENTS, "e", "Lunch")  # on 10 January 2026
    known = pulled(world)
    world.upstream.put(EVENTS, "e", "Long lunch")
    pulled(world)

    assert at(world, known, "SELECT subject FROM agenda") == [("Lunch",)]


def test_the_folder_of_a_mail_is_the_one_it_lay_in(world: World) -> None:
    world.upstream.put(FOLDERS, "in", "Inbox")
    world.upstream.put(FOLDERS, "old", "Archive")
    world.upstream.put(MESSAGES, "m", "M", folderId="in")
    before = pulled(world)
    world.upstream.put(MESSAGES, "m", "M", folderId="old")
    after = pulled(world)

    sql = "SELECT folders.name FROM messages JOIN folders ON folders.id = folder_id"
    assert (at(world, before, sql), at(world, after, sql)) == ([("Inbox",)], [("Archive",)])


def test_through_the_sandbox_too_text_and_all(tmp_path: Path) -> None:
    world, upstream = sandboxed(tmp_path)
    upstream.put(MESSAGES, "m", "First", body="<p>one</p><p>two &amp; three</p>")
    upstream.put(CONTACTS, "c", "Ada", emailAddresses=[{"address": "ada@x.org", "type": "home"}])
    when = pulled(world)
    copy = copy_of(world)
    upstream.put(MESSAGES, "m", "Second", body="<p>four</p>")
    upstream.put(CONTACTS, "c", "Bea", emailAddresses=[])
    pulled(world)

    with then.opened(path_of(world), when) as conn:
        assert everything(conn) == everything(copy)
    copy.close()
    world.store.close()


# --- how it is done ------------------------------------------------------------------------------------------------------------


def test_it_can_not_write_and_leaves_the_file_as_it_is(world: World) -> None:
    moments = a_life(world)
    before = world.dump()
    with then.opened(path_of(world), moments[1]) as conn:
        for sql in (
            "UPDATE main.contacts SET name = 'x'",
            "DELETE FROM main.versions",
            "INSERT INTO main.hints (account_id, kind, received_at) VALUES (1, 'x', 'x')",
        ):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                conn.execute(sql)
        with pytest.raises(sqlite3.OperationalError):
            conn.execute("UPDATE contacts SET name = 'x'")
    assert world.dump() == before


def test_a_pull_goes_on_while_a_page_looks_back_and_the_page_does_not_see_it(world: World) -> None:
    moments = a_life(world)
    with then.opened(path_of(world), moments[2]) as conn:
        before = everything(conn)
        act(world, CONTACTS, "r", 7)
        act(world, CONTACTS, "new", 7)
        pulled(world)
        assert everything(conn) == before


def plan(conn: then.Then, sql: str) -> str:
    return "\n".join(conn.plan(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, subject FROM messages WHERE id = 7",
        "SELECT id, received_at FROM messages WHERE folder_id = 1 AND received_at < '2027' ORDER BY received_at DESC LIMIT 50",
        "SELECT count(*) FROM messages WHERE folder_id = 1",
        "SELECT messages.id, html FROM messages LEFT JOIN message_bodies ON message_id = messages.id WHERE messages.id = 7",
        "SELECT messages.id, received_at FROM message_recipients JOIN messages ON messages.id = message_id"
        " WHERE message_recipients.email = 'a@b' ORDER BY received_at DESC LIMIT 50",
        "SELECT * FROM message_recipients WHERE message_id = 7",
        "SELECT * FROM attachments WHERE message_id = 7",
        "SELECT * FROM versions WHERE kind = 'messages' AND record_id = 7 ORDER BY seq",
        "SELECT event_id, starts_at FROM agenda WHERE starts_at < '2027' ORDER BY starts_at LIMIT 20",
    ],
)
def test_views_of_then_use_the_indexes_of_the_tables(world: World, sql: str) -> None:
    moments = a_life(world)
    with then.opened(path_of(world), moments[1]) as conn:
        found = plan(conn, sql)
        assert "SEARCH main." in found
        assert "SCAN main." not in found
        assert "MATERIALIZE" not in found


PAGES_ASK = (
    "SELECT count(*) FROM messages WHERE deleted_at IS NULL",
    "SELECT count(*), max(received_at), max(subject) FROM message_recipients JOIN messages ON messages.id = message_id"
    " WHERE message_recipients.email = 'c@x.org' AND deleted_at IS NULL",
    "SELECT folder_id, count(*), min(subject) FROM messages LEFT JOIN folders ON folders.id = folder_id GROUP BY folder_id",
    "SELECT email, (SELECT name FROM contacts WHERE contacts.id = contact_id) FROM contact_emails ORDER BY email",
    "SELECT DISTINCT subject FROM events JOIN calendars ON calendars.id = calendar_id ORDER BY subject",
    "SELECT title FROM tasks ORDER BY due_at, remote_id",
    "SELECT contacts.id, nickname, company FROM contact_emails LEFT JOIN contacts ON contacts.id = contact_id ORDER BY 1, 2",
    "SELECT sum(length(html)) FROM messages JOIN message_bodies ON message_id = messages.id",
    "SELECT count(*) FROM attachments JOIN messages ON messages.id = message_id WHERE removed_at IS NULL",
    "WITH page AS (SELECT id FROM messages ORDER BY received_at DESC, id DESC LIMIT 2)"
    " SELECT subject, from_name FROM page JOIN messages USING (id) ORDER BY subject",
)


@pytest.mark.parametrize("sql", PAGES_ASK)
def test_whatever_form_the_views_have_the_answer_is_that_of_then(world: World, sql: str) -> None:
    copies = []
    for number in (63, 20, 5, None, 41, 6):
        for feed in (CONTACTS, EVENTS, TASKS, MESSAGES):
            act(world, feed, "r1", number)
            act(world, feed, "r2", 63 - (number or 0))
        copies.append((pulled(world), copy_of(world)))

    for when, copy in copies:
        with then.opened(path_of(world), when) as conn:
            assert [tuple(row) for row in conn.execute(sql)] == copy.execute(sql).fetchall()
            assert [tuple(row) for row in conn.execute(PAGES_ASK[0])] == copy.execute(PAGES_ASK[0]).fetchall()
        copy.close()


def test_a_join_that_would_read_a_whole_table_finds_its_records_by_id(world: World) -> None:
    moments = a_life(world)
    with then.opened(path_of(world), moments[1]) as conn:
        found = plan(conn, PAGES_ASK[1])
    assert "SEARCH main.messages USING INTEGER PRIMARY KEY" in found
    assert "SCAN main." not in found


@pytest.mark.parametrize("where", ["", "WHERE folder_id = 1 "])
def test_a_page_of_a_list_stops_at_its_limit(world: World, where: str) -> None:
    moments = a_life(world)
    inner = f"SELECT id, received_at FROM messages {where}ORDER BY received_at DESC, id DESC LIMIT 50"
    with then.opened(path_of(world), moments[1]) as conn:
        found = plan(conn, f"SELECT subject FROM messages WHERE id IN (SELECT id FROM ({inner}) LIMIT -1)")
    assert "MERGE (UNION ALL)" in found
    assert re.search(r"main\.messages USING (COVERING )?INDEX messages_(received_at|folder_id)", found)


def test_only_what_is_asked_for_is_turned_back(world: World) -> None:
    moments = a_life(world)
    with then.opened(path_of(world), moments[1]) as conn:
        conn.execute("SELECT count(*) FROM tasks")
        made = {row[0] for row in conn.conn.execute("SELECT name FROM temp.sqlite_master WHERE type = 'view'")}
        assert made == {"tasks"}
        conn.execute("SELECT count(*) FROM tombstones")
        made = {row[0] for row in conn.conn.execute("SELECT name FROM temp.sqlite_master WHERE type = 'view'")}
        assert made >= {"tombstones", "records", *KINDS}


def test_a_list_in_order_is_walked_by_its_index(world: World) -> None:
    moments = a_life(world)
    with then.opened(path_of(world), moments[1]) as conn:
        found = plan(conn, "SELECT id, subject, received_at FROM messages ORDER BY received_at DESC LIMIT 50")
    assert "SCAN main.messages USING INDEX messages_received_at" in found


def test_what_has_not_changed_since_is_read_as_it_is(world: World) -> None:
    moments = a_life(world)
    with then.opened(path_of(world), moments[-1]) as conn:
        everything(conn)
        kept = conn.execute("SELECT group_concat(sql) FROM temp.sqlite_master WHERE type = 'view'").fetchone()[0]
        for table in (*KINDS, *CHILD_TABLES, "attachments"):
            assert f"then_{table}" not in kept


def test_hostile_moments_are_no_sql(world: World) -> None:
    a_life(world)
    with then.opened(path_of(world), "2026'; DROP TABLE contacts; --") as conn:
        assert conn.execute("SELECT count(*) FROM contacts").fetchone()[0] >= 0


def test_columns_of_then_are_those_of_the_tables(world: World) -> None:
    moments = a_life(world)
    with then.opened(path_of(world), moments[1]) as conn:
        for table in (*KINDS, *CHILD_TABLES, "attachments", "message_bodies", "versions"):
            now = [row[1] for row in conn.execute(f"PRAGMA main.table_info({table})")]
            assert [one[0] for one in conn.execute(f"SELECT * FROM {table} LIMIT 0").description] == now
