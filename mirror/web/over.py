"""The mirror as it will be: a connection on which the edits that are on their way lie over what was observed. It never writes.

As in `then.py`, names of tables lead to temporary views of the same name, so that every page shows edits without knowing of
them. Only the tables that an open edit is about are replaced; without one, nothing is.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mirror.formats import text as texts
from mirror.store.columns import CHILDREN
from mirror.store.connection import open_reader
from mirror.web import functions
from mirror.web.then import FIRST_CHILD_ID

VIEWS = ("records", "agenda", "people", "messages_search")
"""Views of the schema that read what is replaced here."""


def pending(conn: sqlite3.Connection) -> dict[tuple[str, int], str]:
    """The records that open edits are about, and how far these are. An id below zero stands for what is to be created."""
    return {(row[0], row[1]): row[2] for row in conn.execute("SELECT kind, record_id, state FROM overlays")}


def writable(conn: sqlite3.Connection) -> set[int]:
    """The accounts that take edits."""
    return {row[0] for row in conn.execute("SELECT id FROM accounts WHERE writable AND removed_at IS NULL")}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads the mirror with its open edits laid over it."""
    conn = open_reader(path)
    try:
        conn.execute("PRAGMA temp_store = MEMORY")
        functions.register(conn)
        conn.execute("BEGIN")  # one state of the file for all that follows
        for (kind,) in conn.execute("SELECT DISTINCT kind FROM main.overlays").fetchall():
            _lay_over(conn, kind)
        for name in VIEWS:
            found = conn.execute(
                "SELECT sql FROM main.sqlite_master WHERE type = 'view' AND name = ?", [name]
            ).fetchone()
            conn.execute(found["sql"].replace("CREATE VIEW", "CREATE TEMP VIEW", 1))
        yield conn
    finally:
        conn.close()


def _lay_over(conn: sqlite3.Connection, kind: str) -> None:
    names = ", ".join(row["name"] for row in conn.execute(f"PRAGMA main.table_info({kind})"))
    conn.execute(f"CREATE TEMP TABLE over_{kind} AS SELECT {names} FROM main.{kind}_now WHERE edit IS NOT NULL")
    _replace(conn, kind, "id", kind)
    ids = iter(range(FIRST_CHILD_ID, FIRST_CHILD_ID << 1))
    for table, columns in CHILDREN.get(kind, {}).items():
        written = ("id", *columns)
        conn.execute(f"CREATE TEMP TABLE over_{table} AS SELECT * FROM main.{table} WHERE 0")
        for record_id, children in conn.execute(
            "SELECT record_id, children FROM main.overlays WHERE kind = ?", [kind]
        ).fetchall():
            conn.executemany(
                f"INSERT INTO over_{table} ({', '.join(written)}) VALUES ({', '.join('?' * len(written))})",
                [(next(ids), record_id, *child) for child in json.loads(children).get(table, [])],
            )
        _replace(conn, table, columns[0], kind)
    if kind == "messages":
        _bodies(conn)


def _replace(conn: sqlite3.Connection, table: str, owner: str, kind: str) -> None:
    conn.execute(
        f"CREATE TEMP VIEW {table} AS SELECT * FROM main.{table} WHERE {owner} NOT IN"
        f" (SELECT record_id FROM main.overlays WHERE kind = '{kind}') UNION ALL SELECT * FROM over_{table}"
    )


def _bodies(conn: sqlite3.Connection) -> None:
    """What is written in mails that are to be sent."""
    written = conn.execute(
        "SELECT record_id, body FROM main.overlays WHERE kind = 'messages' AND body IS NOT NULL"
    ).fetchall()
    conn.execute("CREATE TEMP TABLE over_bodies AS SELECT * FROM main.message_bodies WHERE 0")
    conn.executemany(
        "INSERT INTO over_bodies (message_id, seq, html, text) VALUES (?, 0, ?, ?)",
        [(row["record_id"], row["body"], texts.from_html(row["body"])) for row in written],
    )
    conn.execute(
        "CREATE TEMP VIEW message_bodies AS SELECT * FROM main.message_bodies WHERE message_id NOT IN"
        " (SELECT message_id FROM over_bodies) UNION ALL SELECT * FROM over_bodies"
    )
