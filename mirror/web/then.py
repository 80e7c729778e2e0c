"""The mirror as it was: a connection on which every table of records means what was known at a moment. It never writes.

Names of tables lead to temporary views of the same name. What has not changed since is read where it is; what has, is
taken from `versions` and derived anew, so that going back costs what has happened since, not what there is. Three things
are told as they are known today: a record's fields that upstream had left out, the folder of a mail that was here before
its folder, and whether an attachment's bytes are kept.

A view that is two halves is as quick as its table where SQLite can take it apart. It can when a query selects what it sorts
by, when it aggregates joins in an outer query (`SELECT count(*) FROM (SELECT ... JOIN ...)`), and when what stands right of
a LEFT JOIN is small or has not changed; else it reads the whole table.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from mirror.formats import text as texts
from mirror.resources import KINDS, Kind
from mirror.store.columns import CHILDREN, Attachment, Derived, derive, fields_of
from mirror.store.connection import open_reader
from mirror.web import functions

VIEWS = ("records", "tombstones", "changes", "all_versions", "agenda", "people", "messages_search")
"""Views of the schema that read what is turned back here. They are made again over it; in main they would read main."""

FIRST_CHILD_ID = 1 << 52
"""Rows of lists that were derived anew have ids from here on: beyond all that are, and in the order of their list."""

MOST_DERIVED = 4096
"""Superseded versions that are remembered as derived; a few kB each."""

_A_TAG = re.compile(r"</?[a-z][a-z0-9]*[\s>/]", re.I)  # mails without HTML come as plain text

_SUPERSEDED = """
SELECT versions.record_id AS id, versions.account_id, versions.parent_id, record.remote_id, versions.etag, versions.modified_at,
    versions.observed_at, versions.seq, versions.deleted_at, versions.deletion, versions.superseded_seq, versions.raw
FROM main.versions JOIN main.{kind} AS record ON record.id = versions.record_id
WHERE versions.kind = '{kind}' AND versions.superseded_at > :at AND versions.observed_at <= :at
"""

_BODIES = """
SELECT message_id, seq FROM main.message_bodies WHERE message_id IN (SELECT value FROM json_each(:ids))
UNION ALL SELECT message_id, seq FROM main.message_body_versions WHERE message_id IN (SELECT value FROM json_each(:ids))
ORDER BY seq
"""

_EARLIER = """
SELECT observed_at, raw FROM main.versions WHERE kind = :kind AND record_id = :id AND seq < :seq ORDER BY seq DESC
"""


@contextlib.contextmanager
def opened(path: Path, at: str) -> Iterator[sqlite3.Connection]:
    """A connection that reads the mirror as it was at a moment, written as the mirror writes moments."""
    conn = open_reader(path)
    try:
        conn.execute("PRAGMA temp_store = MEMORY")
        functions.register(conn)
        conn.create_function("text_of", 1, _text_of, deterministic=True)
        conn.execute("BEGIN")  # one state of the file for all that follows
        _Then(conn, at).go_back()
        yield conn
    finally:
        conn.close()


class _Then:
    """The turning back of one connection: a table of what was superseded since beside each table, and views over both."""

    def __init__(self, conn: sqlite3.Connection, at: str) -> None:
        self.conn = conn
        self.at = at
        self.moment = "'" + at.replace("'", "''") + "'"  # views take no parameters
        self.child_ids = count(FIRST_CHILD_ID)
        self.rows: dict[str, list[tuple[Any, ...]]] = {}  # what goes into the tables of then

    def go_back(self) -> None:
        folders = {
            (row[0], row[1]): row[2] for row in self.conn.execute("SELECT account_id, remote_id, id FROM main.folders")
        }
        for kind in KINDS.values():
            superseded = self.conn.execute(_SUPERSEDED.format(kind=kind.name), {"at": self.at}).fetchall()
            derived = [_derived(kind.name, row["raw"]) for row in superseded]
            self._records(kind, superseded, derived, folders)
            if kind.attachments:
                self._attachments(kind, superseded, derived)
            if kind.name == "messages":
                self._bodies(superseded)
        for table in ("attachments", *KINDS, *(table for children in CHILDREN.values() for table in children)):
            self._fill(table)
        self._views()

    # --- what was superseded since --------------------------------------------------------------------------------------

    def _records(
        self, kind: Kind, superseded: list[sqlite3.Row], derived: list[Derived], folders: dict[tuple[int, str | None], int]
    ) -> None:  # fmt: skip
        rows = self.rows.setdefault(kind.name, [])
        for row, found in zip(superseded, derived, strict=True):
            columns = found.columns
            if kind.name == "messages":
                columns = (folders.get((row["account_id"], found.folder_remote_id)), *columns[1:])
            parent = () if kind.parent_column is None else (row["parent_id"],)
            rows.append((*row[:2], *parent, *row[3:10], 0, *columns, row["raw"]))
            for table, children in found.children.items():
                mine = self.rows.setdefault(table, [])
                mine.extend((next(self.child_ids), row["id"], *child) for child in children)

    def _bodies(self, superseded: list[sqlite3.Row]) -> None:
        """Of each message the newest body that came before its version was superseded, where that is not the one of now."""
        bodies: dict[int, list[int]] = {}
        for message_id, seq in self.conn.execute(_BODIES, {"ids": _ids(superseded)}):
            bodies.setdefault(message_id, []).append(seq)
        rows = self.rows.setdefault("bodies", [])
        for row in superseded:
            known = bodies.get(row["id"], [])
            then = [seq for seq in known if seq < row["superseded_seq"]]
            if then != known:
                rows.append((row["id"], then[-1] if then else None))
        self.conn.execute("CREATE TEMP TABLE then_bodies (message_id INTEGER PRIMARY KEY, seq INTEGER)")
        self.conn.executemany("INSERT INTO then_bodies VALUES (?, ?)", rows)

    def _attachments(self, kind: Kind, superseded: list[sqlite3.Row], derived: list[Derived]) -> None:
        """Rows of attachments are never removed: those of then are among those of now, as the version of then listed them."""
        owner = kind.singular + "_id"
        by_id = {row["id"]: (row, found) for row, found in zip(superseded, derived, strict=True)}
        rows = self.rows.setdefault("attachments", [])
        known = self.conn.execute(
            f"SELECT * FROM main.attachments WHERE {owner} IN (SELECT value FROM json_each(?))", [_ids(superseded)]
        )
        for now in known.fetchall():
            row, found = by_id[now[owner]]
            item = next((item for item in found.attachments if item.remote_id == now["remote_id"]), None)
            removed_at = None
            if item is None:
                item, removed_at = self._removed(kind, row, now["remote_id"])
            if item is not None:
                said = {
                    "name": item.name,
                    "mime_type": item.mime_type,
                    "inline": item.inline,
                    "content_id": item.content_id,
                }
                size = {"size_bytes": now["size_bytes"] if item.size_bytes is None else item.size_bytes}
                rows.append(tuple(({**dict(now), **said, **size, "removed_at": removed_at}).values()))

    def _removed(self, kind: Kind, row: sqlite3.Row, remote_id: str) -> tuple[Attachment | None, str | None]:
        """What was attached before the version, and since when no more; (None, None) for what came after it only."""
        since = row["observed_at"]
        for earlier in self.conn.execute(_EARLIER, {"kind": kind.name, "id": row["id"], "seq": row["seq"]}):
            for item in _derived(kind.name, earlier["raw"]).attachments:
                if item.remote_id == remote_id:
                    return item, since
            since = earlier["observed_at"]
        return None, None

    def _fill(self, table: str) -> None:
        columns = [(row["name"], row["type"]) for row in self.conn.execute(f"PRAGMA main.table_info({table})")]
        written = ", ".join(f"{name} {type_}{' PRIMARY KEY' if name == 'id' else ''}" for name, type_ in columns)
        self.conn.execute(f"CREATE TEMP TABLE then_{table} ({written})")
        marks = ", ".join("?" * len(columns))
        self.conn.executemany(f"INSERT INTO then_{table} VALUES ({marks})", self.rows.get(table, ()))
        for owner in sorted({"contact_id", "event_id", "message_id"} & {name for name, _ in columns}):
            self.conn.execute(f"CREATE INDEX temp.then_{table}_{owner} ON then_{table}({owner})")

    # --- views over what was superseded and what was not ----------------------------------------------------------------

    def _views(self) -> None:
        for kind in KINDS:
            self._both(kind, f"observed_at <= {self.moment}")
            for table, columns in CHILDREN.get(kind, {}).items():
                self._both(table, self._newest(kind, columns[0]))
        message, event = self._newest("messages", "message_id"), self._newest("events", "event_id")
        self._both("attachments", f"CASE WHEN message_id IS NOT NULL THEN {message} ELSE {event} END")
        self._view_bodies()
        self._view("versions", f"SELECT * FROM main.versions WHERE superseded_at <= {self.moment}")
        self._view("runs", f"SELECT * FROM main.runs WHERE ended_at <= {self.moment}")
        for name in VIEWS:
            found = self.conn.execute(
                "SELECT sql FROM main.sqlite_master WHERE type = 'view' AND name = ?", [name]
            ).fetchone()
            if found:
                sql = found["sql"].replace("CREATE VIEW", "CREATE TEMP VIEW", 1)
                self.conn.execute(sql.replace("'now'", self.moment))

    def _view_bodies(self) -> None:
        """Without UNION: bodies stand right of LEFT JOINs, where SQLite would read all of them."""
        known = "EXISTS (SELECT 1 FROM messages WHERE messages.id = body.message_id)"
        sql = f"SELECT * FROM main.message_bodies AS body WHERE {known}"
        if self.rows["bodies"]:
            older = "(SELECT seq FROM then_bodies AS older WHERE older.message_id = body.message_id)"
            is_newest = "NOT EXISTS (SELECT 1 FROM then_bodies AS older WHERE older.message_id = body.message_id)"
            html = (
                "(SELECT html FROM main.message_body_versions AS old WHERE old.message_id = body.message_id"
                f" AND old.seq = {older})"
            )
            sql = (
                f"SELECT message_id, iif({is_newest}, seq, {older}) AS seq, iif({is_newest}, html, {html}) AS html,"
                f" iif({is_newest}, text, text_of({html})) AS text FROM main.message_bodies AS body"
                f" WHERE ({is_newest} OR {older} IS NOT NULL) AND {known}"
            )
        self._view("message_bodies", sql)
        self._view(
            "message_body_versions",
            "SELECT * FROM main.message_body_versions AS body WHERE superseded_seq <="
            " (SELECT messages.seq FROM messages WHERE messages.id = body.message_id)",
        )

    def _newest(self, kind: str, column: str) -> str:
        """The condition that a row belongs to a record whose version of then is the one of now."""
        return f"EXISTS (SELECT 1 FROM main.{kind} AS owner WHERE owner.id = {column} AND owner.observed_at <= {self.moment})"

    def _both(self, table: str, newest: str) -> None:
        older = f" UNION ALL SELECT * FROM then_{table}" if self.rows.get(table) else ""
        self._view(table, f"SELECT * FROM main.{table} WHERE {newest}{older}")

    def _view(self, name: str, sql: str) -> None:
        self.conn.execute(f"CREATE TEMP VIEW {name} AS {sql}")


@lru_cache(maxsize=MOST_DERIVED)
def _derived(kind: str, raw: str) -> Derived:
    """A version never changes: the pages of one moment derive it once. To be read only."""
    return derive(kind, fields_of(raw))


def _ids(rows: list[sqlite3.Row]) -> str:
    return json.dumps([row["id"] for row in rows])


def _text_of(html: str | None) -> str | None:
    return texts.from_html(html) if html and _A_TAG.search(html) else html
