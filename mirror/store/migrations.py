"""The versions of the schema: how a new file is made, and how an older one becomes what a new one would be.

A change of `schema.sql` comes with a numbered step here, in the same commit. `tests/test_migrations.py` proves that an
old file after its steps and a new file have the same schema.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

from mirror.resources import KINDS
from mirror.store.connection import shipped

Step = Callable[[sqlite3.Connection], None]


def _date_the_order_of_change(conn: sqlite3.Connection) -> None:
    """Version 2: the mirror's own time, `all_versions`, triggers that keep a version whose completion changed it, indexes."""
    kinds = [*KINDS, "versions"]
    newest = " UNION ALL ".join(f"SELECT max(observed_at) AS at FROM {name}" for name in kinds)
    conn.execute("ALTER TABLE change_order ADD COLUMN observed_at  TEXT NOT NULL DEFAULT ''")
    conn.execute(f"UPDATE change_order SET observed_at = coalesce((SELECT max(at) FROM ({newest})), '')")


def _index_mail_and_complete_attendees(conn: sqlite3.Connection) -> None:
    """Version 3: indexes that the pages ask for, and attendees that complete an event without making a version."""


def _keep_what_is_gone_and_say_who_is_who(conn: sqlite3.Connection) -> None:
    """Version 4: what upstream deleted before it could be stored keeps its bytes; a person may say who is who; indexes."""
    conn.execute("ALTER TABLE stuck ADD COLUMN gone_at TEXT")
    conn.execute(
        "CREATE TABLE people_overrides (email TEXT PRIMARY KEY, person_email TEXT CHECK (person_email <> email),"
        " apart INTEGER NOT NULL DEFAULT 0, name TEXT) WITHOUT ROWID"
    )


def _make_the_outbox(conn: sqlite3.Connection) -> None:
    """Version 5: edits as they are sent, plans, and what people read over it. Nothing had been written into `edits` before."""
    conn.execute("DROP TABLE edits")
    for name in ("plans", "edits", "overlays"):
        conn.execute(_statement(f"CREATE TABLE {name} "))


def _be_told(conn: sqlite3.Connection) -> None:
    """Version 6: what upstream tells by itself, and what a person is told of."""
    conn.execute("ALTER TABLE feeds ADD COLUMN changed_at TEXT")
    conn.execute(
        "UPDATE feeds SET changed_at = (SELECT max(ended_at) FROM runs WHERE feed_id = feeds.id"
        " AND created + changed + deleted > 0)"
    )
    for column in ("total_runs", "total_failed", "total_requests", "total_bytes"):
        conn.execute(f"ALTER TABLE feeds ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    conn.execute("ALTER TABLE hints ADD COLUMN digest TEXT")
    for table in ("subscriptions", "health"):
        conn.execute(_statement(f"CREATE TABLE {table} "))


def _answer_programs(conn: sqlite3.Connection) -> None:
    """Version 7: the mirror's own API: who may use it, who is told of changes, and when edits changed how a record reads."""
    for table in ("local_changes", "api_tokens", "api_subscriptions", "api_notifications"):
        conn.execute(_statement(f"CREATE TABLE {table} "))
    last = conn.execute("SELECT seq FROM change_order").fetchone()[0]
    conn.execute(
        "INSERT INTO local_changes (kind, record_id, account_id, parent_id, seq)"
        " SELECT kind, record_id, account_id, parent_id, ? + row_number() OVER (ORDER BY kind, record_id) FROM overlays",
        [last],
    )
    conn.execute("UPDATE change_order SET seq = seq + (SELECT count(*) FROM overlays)")


def _statement(beginning: str) -> str:
    return next(
        found for found in statements(shipped("schema.sql").read_text(encoding="utf-8")) if found.startswith(beginning)
    )


def make_anew(conn: sqlite3.Connection, *types: str) -> None:
    """Take views, triggers and indexes, which hold nothing of their own, from the schema as it is now."""
    for name, kind in conn.execute("SELECT name, upper(type) FROM sqlite_master WHERE sql IS NOT NULL").fetchall():
        if kind in types:
            conn.execute(f"DROP {kind} {name}")
    for statement in statements(shipped("schema.sql").read_text(encoding="utf-8")):
        if statement.replace("UNIQUE ", "", 1).startswith(tuple(f"CREATE {kind} " for kind in types)):
            conn.execute(statement)


def statements(schema: str) -> Iterator[str]:
    """The statements of an SQL script, without the comments before each."""
    statement = ""
    for line in schema.splitlines(keepends=True):
        if not statement and (line.startswith("--") or not line.strip()):
            continue
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


STEPS: Sequence[Step] = (
    _date_the_order_of_change,
    _index_mail_and_complete_attendees,
    _keep_what_is_gone_and_say_who_is_who,
    _make_the_outbox,
    _be_told,
    _answer_programs,
)
"""Step number n leads from version n to version n + 1: tables and their rows. Views, triggers and indexes follow."""

VERSION = 1 + len(STEPS)


def create(conn: sqlite3.Connection, schema: str) -> None:
    """Make a new file, whole or not at all."""
    try:
        conn.executescript(f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA user_version = {VERSION};\nCOMMIT;")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise


def migrate(conn: sqlite3.Connection, found: int, steps: Sequence[Step] = STEPS) -> None:
    """Bring a file of version `found` to the newest one; each step is written whole or not at all."""
    for version, step in enumerate(steps[found - 1 :], start=found):
        conn.execute("BEGIN IMMEDIATE")
        try:
            step(conn)
            if version + 1 == 1 + len(steps):
                make_anew(conn, "VIEW", "TRIGGER", "INDEX")
            conn.execute(f"PRAGMA user_version = {version + 1}")
            conn.execute("COMMIT")
        except BaseException:
            conn.execute("ROLLBACK")
            raise
