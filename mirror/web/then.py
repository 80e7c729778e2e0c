"""The mirror as it was: a connection on which every table of records means what was known at a moment.

Names of tables lead to temporary views of the same name. What has not changed since is read where it is; what has, is
taken from `versions` and derived anew, so that going back costs what has happened since, not what there is.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mirror.formats import text as texts
from mirror.resources import KINDS
from mirror.store.columns import CHILDREN, COLUMNS, derive, fields_of
from mirror.store.connection import open_reader
from mirror.web import functions

VIEWS = ("records", "tombstones", "agenda", "people")
"""Views of the schema that are about records, to be read over what was."""

_SUPERSEDED = """
SELECT versions.record_id AS id, versions.account_id, versions.parent_id, {kind}.remote_id, versions.etag, versions.modified_at,
    versions.observed_at, versions.seq, versions.deleted_at, versions.deletion, 0 AS generation, versions.raw
FROM main.versions JOIN main.{kind} ON {kind}.id = versions.record_id
WHERE versions.kind = '{kind}' AND versions.superseded_at > :at AND versions.observed_at <= :at
"""


@contextlib.contextmanager
def opened(path: Path, at: str) -> Iterator[sqlite3.Connection]:
    """A connection that reads the mirror as it was at a moment, written as the mirror writes moments."""
    conn = open_reader(path)
    try:
        functions.register(conn)
        conn.execute("BEGIN")  # one state of the file for all that follows
        for kind in KINDS:
            _go_back(conn, kind, at)
        _bodies(conn)
        _attachments(conn, at)
        for name in VIEWS:
            (sql,) = conn.execute(
                "SELECT sql FROM main.sqlite_master WHERE type = 'view' AND name = ?", [name]
            ).fetchone()
            conn.execute(sql.replace("CREATE VIEW", "CREATE TEMP VIEW", 1))
        yield conn
    finally:
        conn.close()


def _go_back(conn: sqlite3.Connection, kind: str, at: str) -> None:
    conn.execute(f"CREATE TEMP TABLE then_{kind} AS SELECT * FROM main.{kind} WHERE 0")
    conn.execute(f"CREATE UNIQUE INDEX temp.then_{kind}_id ON then_{kind}(id)")
    conn.execute("CREATE TEMP TABLE IF NOT EXISTS then_attachments (kind TEXT, owner_id INTEGER, remote_id TEXT)")
    for table in CHILDREN.get(kind, {}):
        conn.execute(f"CREATE TEMP TABLE then_{table} AS SELECT * FROM main.{table} WHERE 0")
    for row in conn.execute(_SUPERSEDED.format(kind=kind), {"at": at}).fetchall():
        _derive_anew(conn, kind, row)
    conn.execute(
        f"CREATE TEMP VIEW {kind} AS SELECT * FROM main.{kind} WHERE observed_at <= {_quoted(at)}"
        f" UNION ALL SELECT * FROM then_{kind}"
    )
    for table, columns in CHILDREN.get(kind, {}).items():
        conn.execute(
            f"CREATE TEMP VIEW {table} AS SELECT * FROM main.{table} WHERE NOT EXISTS (SELECT 1 FROM main.{kind} AS owner"
            f" WHERE owner.id = {columns[0]} AND owner.observed_at > {_quoted(at)}) UNION ALL SELECT * FROM then_{table}"
        )


def _derive_anew(conn: sqlite3.Connection, kind: str, row: sqlite3.Row) -> None:
    derived = derive(kind, fields_of(row["raw"]))
    envelope = {name: row[name] for name in row.keys() if name not in ("parent_id", "raw")}  # noqa: SIM118  # a Row iterates over values
    if (parent := KINDS[kind].parent_column) is not None:
        envelope[parent] = row["parent_id"]
    columns = dict(zip(COLUMNS[kind], derived.columns, strict=True))
    if kind == "messages":
        found = conn.execute(
            "SELECT id FROM main.folders WHERE account_id = ? AND remote_id = ?",
            [row["account_id"], derived.folder_remote_id],
        ).fetchone()
        columns["folder_id"] = found[0] if found else None
    values = {**envelope, **columns, "raw": row["raw"]}
    _insert(conn, f"then_{kind}", values)
    for table, rows in derived.children.items():
        for child in rows:
            _insert(conn, f"then_{table}", dict(zip(CHILDREN[kind][table], (row["id"], *child), strict=True)))
    for item in derived.attachments:
        _insert(conn, "then_attachments", {"kind": kind, "owner_id": row["id"], "remote_id": item.remote_id})


def _bodies(conn: sqlite3.Connection) -> None:
    conn.create_function("text_of", 1, lambda html: texts.from_html(html or ""), deterministic=True)
    conn.execute(
        "CREATE TEMP TABLE then_bodies AS SELECT message_id, older.seq, older.html, text_of(older.html) AS text"
        " FROM main.message_body_versions AS older JOIN then_messages ON then_messages.id = message_id"
        " WHERE older.seq <= then_messages.seq AND older.superseded_seq > then_messages.seq"
    )
    conn.execute(
        "CREATE TEMP VIEW message_bodies AS SELECT * FROM main.message_bodies"
        " WHERE message_id NOT IN (SELECT message_id FROM then_bodies) UNION ALL SELECT * FROM then_bodies"
    )


def _attachments(conn: sqlite3.Connection, at: str) -> None:
    """Rows of attachments are never removed: those of then are the ones that the version of then listed."""
    names = [row[1] for row in conn.execute("PRAGMA main.table_info(attachments)")]
    shown = ", ".join("NULL AS removed_at" if name == "removed_at" else f"row.{name}" for name in names)
    conn.execute(
        f"CREATE TEMP VIEW attachments AS SELECT {shown} FROM main.attachments AS row"
        f" WHERE CASE WHEN message_id IS NOT NULL"
        f" THEN (SELECT observed_at > {_quoted(at)} FROM main.messages WHERE id = message_id)"
        f" ELSE (SELECT observed_at > {_quoted(at)} FROM main.events WHERE id = event_id) END = 0 AND removed_at IS NULL"
        " OR EXISTS (SELECT 1 FROM then_attachments AS listed WHERE listed.remote_id = row.remote_id"
        " AND listed.owner_id = coalesce(row.message_id, row.event_id)"
        " AND listed.kind = iif(row.message_id IS NULL, 'events', 'messages'))"
    )


def _insert(conn: sqlite3.Connection, table: str, values: dict[str, object]) -> None:
    conn.execute(
        f"INSERT INTO temp.{table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", list(values.values())
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
