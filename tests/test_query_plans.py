"""No canned query reads a large table from end to end without a reason, and no index is there without a query that needs it.

The plans are SQLite's own, on a mirror that was really pulled. A scan along an index in whose order the answer is cut off
(`ORDER BY … LIMIT`) stops early; it is in the table of reasons all the same, since nothing in the plan says so.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from worlds import CONTACTS, EVENTS, MESSAGES, MemoryUpstream, World

from mirror.store.connection import open_store
from mirror.web import functions

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = (ROOT / "schema.sql").read_text(encoding="utf-8")
METADATA: dict[str, Any] = json.loads((ROOT / "datasette_metadata.json").read_text(encoding="utf-8"))
QUERIES: dict[str, Any] = METADATA["databases"]["mirror"]["queries"]

LARGE = frozenset({
    "messages", "message_bodies", "message_recipients", "contacts", "contact_emails", "events", "event_attendees", "versions",
    "runs",
})  # fmt: skip

# Why a scan may be. The times are CPU, on 100,000 contacts, 500,000 mails, 20,000 events and a week of runs, all of it in memory.
ENDS_EARLY = "goes along an order and ends at its LIMIT"
LAST_ONE = "the last entry of an order: one row"
COUNTED = "counts all there are, by the narrowest index (4 ms for all kinds)"
EVERY_ONE = "is a question about every one of them, answered from an index alone"
FEW_EVENTS = "events are few beside mails, and an index that helped would be for this question alone (18 ms)"
BIRTHDAYS = "contacts change less than they are asked, but every first sync would pay for an index of birthdays (67 ms)"
RUNS = "adds up all runs, of which those that brought nothing are cleared away after a week (67 ms)"
UNREAD = "goes through the unread ones only, which is all that its index has"
STRANGERS = "in the order of names; a name is looked at until there are a hundred that nobody has written to"

# Each scan of a large table by a canned query, as SQLite tells of it. One that is gone must leave this table.
REASONS: dict[tuple[str, str], str] = {
    ("search", "SCAN contacts USING INDEX contacts_seq"): ENDS_EARLY,
    ("search", "SCAN messages USING INDEX messages_received_at"): ENDS_EARLY,
    ("with-person", "SCAN messages USING INDEX messages_received_at"): ENDS_EARLY,
    ("lost-touch", "SCAN contacts USING COVERING INDEX contacts_name"): STRANGERS,
    ("contacts-without-email", "SCAN contacts USING INDEX contacts_name"): ENDS_EARLY,
    ("duplicate-contacts", "SCAN contact_emails USING COVERING INDEX contact_emails_email"): EVERY_ONE,
    ("birthdays", "SCAN contacts"): BIRTHDAYS,
    ("invitations-not-answered", "SCAN events"): FEW_EVENTS,
    ("moved-or-cancelled", "SCAN events"): FEW_EVENTS,
    ("longest-threads", "SCAN messages USING COVERING INDEX messages_thread_id"): EVERY_ONE,
    ("changed-today", "SCAN contacts USING INDEX contacts_seq"): ENDS_EARLY,
    ("changed-today", "SCAN events USING INDEX events_seq"): ENDS_EARLY,
    ("changed-today", "SCAN messages USING INDEX messages_seq"): ENDS_EARLY,
    ("history-of-a-record", "SCAN versions USING INDEX sqlite_autoindex_versions_1"): ENDS_EARLY,
    ("changed-most", "SCAN versions USING COVERING INDEX versions_record_id"): EVERY_ONE,
    ("as-of", "SCAN contacts USING INDEX contacts_seq"): ENDS_EARLY,
    ("as-of", "SCAN events USING INDEX events_seq"): ENDS_EARLY,
    ("as-of", "SCAN messages USING INDEX messages_seq"): ENDS_EARLY,
    ("accounts-then", "SCAN contacts USING COVERING INDEX sqlite_autoindex_contacts_1"): EVERY_ONE,
    ("accounts-then", "SCAN events"): FEW_EVENTS,
    ("accounts-then", "SCAN messages USING COVERING INDEX messages_account_id"): EVERY_ONE,
    ("traffic-per-day", "SCAN runs"): RUNS,
    ("unread-by-folder", "SCAN messages USING INDEX messages_unread"): UNREAD,
    ("whats-in-it", "SCAN contacts USING COVERING INDEX contacts_seq"): COUNTED,
    ("whats-in-it", "SCAN contacts USING INDEX contacts_seq"): LAST_ONE,
    ("whats-in-it", "SCAN events USING COVERING INDEX events_seq"): COUNTED,
    ("whats-in-it", "SCAN events USING INDEX events_seq"): LAST_ONE,
    ("whats-in-it", "SCAN messages USING COVERING INDEX messages_seq"): COUNTED,
    ("whats-in-it", "SCAN messages USING INDEX messages_seq"): LAST_ONE,
}


@pytest.fixture(scope="module")
def conn(demo_home: Path) -> Iterator[sqlite3.Connection]:
    conn = sqlite3.connect(f"file:{demo_home / 'mirror.db'}?mode=ro", uri=True)
    functions.register(conn)
    conn.create_function("escape_fts", 1, lambda text: text)
    yield conn
    conn.close()


def plan(conn: sqlite3.Connection, sql: str) -> list[str]:
    bare = re.sub(r"'[^']*'", "", sql)
    names, places = re.findall(r":([a-z_]+)", bare), [int(number or 0) for number in re.findall(r"\?(\d*)", bare)]
    values: Any = dict.fromkeys(names, "") if names else [""] * (max(places, default=0) or len(places))
    return [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def table_of(name: str, sql: str) -> str:
    """The table that a name in a plan stands for; the name itself where it is no alias."""
    found = re.search(rf"\b(\w+) AS {re.escape(name)}\b", f"{sql}\n{SCHEMA}")
    return found[1] if found and found[1] in LARGE else name


def scans(conn: sqlite3.Connection, sql: str) -> set[str]:
    """The steps of a plan that read a large table from end to end: openly, or to make an index of it for this once."""
    return {
        step
        for step in plan(conn, sql)
        if (step.startswith("SCAN ") or " AUTOMATIC " in step) and table_of(step.split()[1], sql) in LARGE
    }


def test_no_canned_query_scans_a_large_table_without_a_reason(conn: sqlite3.Connection) -> None:
    found = {(name, step) for name, query in QUERIES.items() for step in scans(conn, query["sql"])}

    assert found - set(REASONS) == set()
    assert set(REASONS) - found == set(), "these are not scanned any more"


@pytest.mark.parametrize("table", sorted(LARGE))
def test_a_scan_is_noticed_also_under_another_name(conn: sqlite3.Connection, table: str) -> None:
    column = conn.execute(f"SELECT name FROM pragma_table_info('{table}') ORDER BY cid DESC").fetchone()[0]

    assert scans(conn, f"SELECT {column} FROM {table} AS one WHERE {column} = 'x' || {column}") == {"SCAN one"}


class Noting(sqlite3.Connection):
    """A connection that remembers what it was asked."""

    asked: set[str] = set()  # noqa: RUF012  (one for all of them is what is wanted)

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self.asked.add(arguments[0])
        return super().execute(*arguments)


def test_a_pass_without_changes_goes_through_no_large_table(tmp_path: Path) -> None:
    """Not even through what one account has of it: that is what a mailbox of half a million mails would wait for."""
    world = World(MemoryUpstream(), tmp_path / "home")
    world.upstream.put(MESSAGES, "m1", attachments=[{"id": "a1", "name": "a.bin", "size": 3}])
    world.upstream.put(CONTACTS, "c1")
    world.upstream.put(EVENTS, "e1")
    world.pull()
    home, clock = world.store.home, world.clock
    world.store.close()
    Noting.asked = set()
    world.store = open_store(home, clock, factory=Noting)
    Noting.asked = set()

    world.pull()

    asked = [sql for sql in Noting.asked if sql.startswith(("SELECT", "UPDATE", "DELETE"))]
    assert len(asked) > 10
    steps = {(step, sql) for sql in asked for step in plan(world.store.conn, sql)}
    gone_through = re.compile(r"SCAN |.*\((account_id|calendar_id)=\?\)$")
    assert [
        found for found in steps if gone_through.match(found[0]) and table_of(found[0].split()[1], found[1]) in LARGE
    ] == []


def test_every_index_names_what_it_serves() -> None:
    lines = [line for line in SCHEMA.splitlines() if re.match("CREATE (UNIQUE )?INDEX ", line)]
    served = [line.partition("--")[2] for line in lines]

    assert len(lines) > 40
    assert [line for line, words in zip(lines, served, strict=True) if len(words) < 10] == []
    assert {name for words in served for name in re.findall(r"\b[a-z]+(?:-[a-z]+)+", words)} - set(QUERIES) == set()
