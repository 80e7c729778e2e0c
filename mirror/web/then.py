"""The mirror as it was: a connection on which every table of records means what was known at a moment. It never writes.

Names of tables lead to temporary views of the same name, made when a statement first names them. What has not changed since
is read where it is; what has, is taken from `versions` and derived anew, so that going back costs what has happened since, not
what there is. Three things are told as they are known today: a record's fields that upstream had left out, the folder of a
mail that was here before its folder, and whether an attachment's bytes are kept.

A view has two halves where records have changed since. SQLite takes such a view apart, and uses the table's indexes, for
conditions on constants, and in a query that selects what it sorts by and aggregates nothing: a page of a list is best asked for
as `SELECT id FROM (SELECT id, received_at FROM messages WHERE ... ORDER BY received_at DESC, id DESC LIMIT 50) LIMIT -1`. Where
SQLite can't, a second form of the view finds records by their ids, as joins do; `Then` looks at the plan and takes the better.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from mirror.formats import text as texts
from mirror.resources import KINDS, Kind
from mirror.store.columns import CHILDREN, Attachment, Derived, derive, fields_of
from mirror.store.connection import open_reader
from mirror.web import functions
from mirror.web.halving import first_id

VIEWS = ("records", "tombstones", "changes", "all_versions", "agenda", "people", "messages_search")
"""Views of the schema that read what is turned back here. They are made again over it; in main they would read main."""

FIRST_CHILD_ID = 1 << 52
"""Rows of lists that were derived anew have ids from here on: beyond all that are, and in the order of their list."""

MOST_DERIVED = 4096
"""Superseded versions that are remembered as derived; a few kB each."""

MOST_FORMS = 512

_OWNERS = {table: kind for kind, children in CHILDREN.items() for table in children}
_OTHERS: dict[str, tuple[str, ...]] = {
    "versions": (), "runs": (), "message_bodies": ("messages",), "message_body_versions": ("messages",),
    "attachments": ("messages", "events"),
}  # fmt: skip
"""What else is turned back, and the kinds that it takes."""

_ATTACHED = tuple(kind.name for kind in KINDS.values() if kind.attachments)
_WORD = re.compile(r"[a-z_]+")
_WHOLE_SCAN = re.compile(r"SCAN main\.([a-z_]+)")  # of a table itself: with an index, more words follow
_A_TAG = re.compile(r"</?[a-z][a-z0-9]*[\s>/]", re.I)  # mails without HTML come as plain text

_NEW_AT = """
SELECT record.id, coalesce((SELECT observed_at FROM main.versions
        WHERE kind = '{kind}' AND record_id = record.id ORDER BY seq LIMIT 1), observed_at)
FROM main.{kind} AS record WHERE record.id >= ? ORDER BY record.id LIMIT 1
"""

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
def opened(path: Path, at: str) -> Iterator[Then]:
    """The mirror as it was at a moment, written as the mirror writes moments."""
    conn = open_reader(path)
    try:
        conn.execute("PRAGMA temp_store = MEMORY")
        functions.register(conn)
        conn.create_function("text_of", 1, _text_of, deterministic=True)
        conn.execute("BEGIN")  # one state of the file for all that follows
        yield Then(conn, at)
    finally:
        conn.close()


class Then:
    """A connection that is asked by `execute`, as sqlite3's: it turns back what a statement names, then runs it."""

    def __init__(self, conn: sqlite3.Connection, at: str) -> None:
        self.conn = conn
        self._at = at
        self._moment = "'" + at.replace("'", "''") + "'"  # views take no parameters
        self._turned: set[str] = set()
        self._superseded: dict[str, list[tuple[sqlite3.Row, Derived]]] = {}
        self._newer: dict[
            str, int | None
        ] = {}  # of each kind the first id that was not there yet, None: all were there
        self._by_id: frozenset[str] = frozenset()  # kinds whose views have the second form just now
        self._child_ids = count(FIRST_CHILD_ID)

    def execute(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> sqlite3.Cursor:
        """As sqlite3.Connection's."""
        self._make_ready(sql, parameters)
        return self.conn.execute(sql, parameters)

    def plan(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[str]:
        """How SQLite would go about a statement, in the form that `execute` would give it, line by line."""
        self._make_ready(sql, parameters)
        return [row["detail"] for row in self.conn.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]

    def _make_ready(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any]) -> None:
        self._turn_back(sql)
        halved = frozenset(kind for kind, rows in self._superseded.items() if rows)
        if halved:
            key = (sql, halved)
            if key not in _forms:
                if len(_forms) >= MOST_FORMS:
                    _forms.clear()
                _forms[key] = self._better_form(sql, parameters)
            self._take_form(_forms[key])

    def _turn_back(self, sql: str) -> None:
        for name in _WORD.findall(sql):
            if name in self._turned:
                continue
            if name in KINDS:
                self._turned |= {name, *CHILDREN.get(name, {})}
                self._turn_kind(KINDS[name])
            elif name in _OWNERS:
                self._turn_back(_OWNERS[name])
            elif name in _OTHERS:
                self._turned.add(name)
                self._turn_back(" ".join(_OTHERS[name]))
                getattr(self, f"_turn_{name}")()
            elif name in VIEWS:
                self._turned.add(name)
                self._turn_view(name)

    def _turn_view(self, name: str) -> None:
        found = self.conn.execute(
            "SELECT sql FROM main.sqlite_master WHERE type = 'view' AND name = ?", [name]
        ).fetchone()
        if found is not None:
            self._turn_back(found["sql"])
            sql = found["sql"].replace("CREATE VIEW", "CREATE TEMP VIEW", 1)
            self.conn.execute(sql.replace("'now'", self._moment))

    def _turn_versions(self) -> None:
        self._view("versions", f"SELECT * FROM main.versions WHERE superseded_at <= {self._moment}")

    def _turn_runs(self) -> None:
        self._view("runs", f"SELECT * FROM main.runs WHERE ended_at <= {self._moment}")

    # --- records and their lists ----------------------------------------------------------------------------------------

    def _turn_kind(self, kind: Kind) -> None:
        rows = self.conn.execute(_SUPERSEDED.format(kind=kind.name), {"at": self._at}).fetchall()
        superseded = [(row, _derived(kind.name, row["raw"])) for row in rows]
        self._superseded[kind.name] = superseded
        self._newer[kind.name] = self._first_newer(kind.name)
        folders: dict[tuple[int, str | None], int] = {}
        if superseded and kind.name == "messages":
            found = self.conn.execute("SELECT account_id, remote_id, id FROM main.folders")
            folders = {(row[0], row[1]): row[2] for row in found}
        records: list[tuple[Any, ...]] = []
        lists: dict[str, list[tuple[Any, ...]]] = {table: [] for table in CHILDREN.get(kind.name, {})}
        for row, derived in superseded:
            columns = derived.columns
            if kind.name == "messages":
                columns = (folders.get((row["account_id"], derived.folder_remote_id)), *columns[1:])
            parent = () if kind.parent_column is None else (row["parent_id"],)
            records.append((*row[:2], *parent, *row[3:10], 0, *columns, row["raw"]))
            for table, children in derived.children.items():
                lists[table].extend((next(self._child_ids), row["id"], *child) for child in children)
        self._fill(kind.name, records)
        self._view(kind.name, self._in_halves(kind.name))
        for table, children in lists.items():
            self._fill(table, children)
            newest = f"SELECT * FROM main.{table} WHERE {self._is_newest(kind.name, CHILDREN[kind.name][table][0])}"
            self._view(table, newest + (f" UNION ALL SELECT * FROM then_{table}" if superseded else ""))

    def _first_newer(self, kind: str) -> int | None:
        last = self.conn.execute(f"SELECT id FROM main.{kind} ORDER BY id DESC LIMIT 1").fetchone()
        high = 1 + (last[0] if last else 0)
        sql = _NEW_AT.format(kind=kind)
        after = self._at + "~"  # what is new at the moment itself was there
        found = first_id(lambda id_: self.conn.execute(sql, [id_]).fetchone(), after, 1, high)
        return found if found < high else None

    def _is_newest(self, kind: str, column: str) -> str:
        """The condition that a row belongs to a record whose version of then is the one of now. Told by its id alone, which
        every index has too: `+` keeps SQLite from reading the table by it."""
        newer = self._newer[kind]
        conditions = [f"+{column} < {newer}"] if newer is not None else []
        if self._superseded[kind]:
            conditions.append(f"+{column} NOT IN (SELECT id FROM then_{kind})")
        return " AND ".join(conditions) or "1"

    def _in_halves(self, kind: str) -> str:
        older = f" UNION ALL SELECT * FROM then_{kind}" if self._superseded[kind] else ""
        return f"SELECT * FROM main.{kind} WHERE {self._is_newest(kind, 'id')}{older}"

    def _whole_by_id(self, kind: str) -> str:
        """The other form of a kind's view: of one piece, quick where records are found by what they keep for ever."""
        kept = {"id", "account_id", "remote_id", KINDS[kind].parent_column}
        shown = [
            name if name in kept
            else f"iif(id IN (SELECT id FROM then_{kind}), (SELECT {name} FROM then_{kind} AS older WHERE older.id = {kind}.id),"
            f" {name}) AS {name}"
            for name in self._columns(kind)
        ]  # fmt: skip
        newer = self._newer[kind]
        return f"SELECT {', '.join(shown)} FROM main.{kind}" + (f" WHERE +id < {newer}" if newer is not None else "")

    # --- the bodies of mails --------------------------------------------------------------------------------------------

    def _turn_message_bodies(self) -> None:
        """Without UNION: bodies stand right of LEFT JOINs, where SQLite would read all of them."""
        rows = list(self._older_bodies())
        self.conn.execute("CREATE TEMP TABLE then_bodies (message_id INTEGER PRIMARY KEY, seq INTEGER)")
        self.conn.executemany("INSERT INTO then_bodies VALUES (?, ?)", rows)
        newer = self._newer["messages"]
        known = f"+message_id < {newer}" if newer is not None else "1"
        if not rows:
            self._view("message_bodies", f"SELECT * FROM main.message_bodies WHERE {known}")
            return
        older = "(SELECT seq FROM then_bodies AS older WHERE older.message_id = body.message_id)"
        is_newest = "body.message_id NOT IN (SELECT message_id FROM then_bodies)"
        html = (
            "(SELECT html FROM main.message_body_versions AS old WHERE old.message_id = body.message_id"
            f" AND old.seq = {older})"
        )
        self._view(
            "message_bodies",
            f"SELECT message_id, iif({is_newest}, seq, {older}) AS seq, iif({is_newest}, html, {html}) AS html,"
            f" iif({is_newest}, text, text_of({html})) AS text FROM main.message_bodies AS body"
            f" WHERE ({is_newest} OR {older} IS NOT NULL) AND {known}",
        )

    def _older_bodies(self) -> Iterator[tuple[int, int | None]]:
        """Of each message the newest body that came before its version was superseded, where that is not the one of now."""
        superseded = self._superseded["messages"]
        bodies: dict[int, list[int]] = {}
        for message_id, seq in self.conn.execute(_BODIES, {"ids": json.dumps([row["id"] for row, _ in superseded])}):
            bodies.setdefault(message_id, []).append(seq)
        for row, _ in superseded:
            known = bodies.get(row["id"], [])
            then = [seq for seq in known if seq < row["superseded_seq"]]
            if then != known:
                yield row["id"], then[-1] if then else None

    def _turn_message_body_versions(self) -> None:
        self._view(
            "message_body_versions",
            "SELECT * FROM main.message_body_versions AS body WHERE superseded_seq <="
            " (SELECT messages.seq FROM messages WHERE messages.id = body.message_id)",
        )

    # --- attachments ----------------------------------------------------------------------------------------------------

    def _turn_attachments(self) -> None:
        """Rows of attachments are never removed: those of then are among those of now, as the version of then listed them."""
        rows = [row for kind in _ATTACHED for row in self._older_attachments(KINDS[kind])]
        self._fill("attachments", rows)
        message, event = self._is_newest("messages", "message_id"), self._is_newest("events", "event_id")
        newest = (
            f"SELECT * FROM main.attachments WHERE CASE WHEN message_id IS NOT NULL THEN {message} ELSE {event} END"
        )
        self._view("attachments", newest + (" UNION ALL SELECT * FROM then_attachments" if rows else ""))

    def _older_attachments(self, kind: Kind) -> Iterator[tuple[Any, ...]]:
        owner = kind.singular + "_id"
        by_id = {row["id"]: (row, derived) for row, derived in self._superseded[kind.name]}
        known = self.conn.execute(
            f"SELECT * FROM main.attachments WHERE {owner} IN (SELECT value FROM json_each(?))", [json.dumps([*by_id])]
        )
        for now in known.fetchall():
            row, derived = by_id[now[owner]]
            item = next((item for item in derived.attachments if item.remote_id == now["remote_id"]), None)
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
                yield tuple({**dict(now), **said, **size, "removed_at": removed_at}.values())

    def _removed(self, kind: Kind, row: sqlite3.Row, remote_id: str) -> tuple[Attachment | None, str | None]:
        """What was attached before the version, and since when no more; (None, None) for what came after it only."""
        since = row["observed_at"]
        for earlier in self.conn.execute(_EARLIER, {"kind": kind.name, "id": row["id"], "seq": row["seq"]}):
            for item in _derived(kind.name, earlier["raw"]).attachments:
                if item.remote_id == remote_id:
                    return item, since
            since = earlier["observed_at"]
        return None, None

    # --- the form of the views ------------------------------------------------------------------------------------------

    def _better_form(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any]) -> frozenset[str]:
        """The kinds that a statement had better read by id, since it would read the whole table in halves."""
        self._take_form(frozenset())
        whole = self._read_whole(sql, parameters)
        if not whole:
            return frozenset()
        self._take_form(whole)
        return whole - self._read_whole(sql, parameters)

    def _read_whole(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any]) -> frozenset[str]:
        plan = self.conn.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        scanned = {found[1] for row in plan if (found := _WHOLE_SCAN.fullmatch(row["detail"]))}
        return frozenset(kind for kind in scanned if self._superseded.get(kind))

    def _take_form(self, by_id: frozenset[str]) -> None:
        for kind in by_id ^ self._by_id:
            self.conn.execute(f"DROP VIEW temp.{kind}")
            self._view(kind, self._whole_by_id(kind) if kind in by_id else self._in_halves(kind))
        self._by_id = by_id

    def _fill(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        columns = self._columns(table)
        keyed = ", ".join(f"{name} {kind}{' PRIMARY KEY' if name == 'id' else ''}" for name, kind in columns.items())
        self.conn.execute(f"CREATE TEMP TABLE then_{table} ({keyed})")
        self.conn.executemany(f"INSERT INTO then_{table} VALUES ({', '.join('?' * len(columns))})", rows)
        for found_by in sorted({"contact_id", "event_id", "message_id", "email", "from_email"} & columns.keys()):
            self.conn.execute(f"CREATE INDEX temp.then_{table}_{found_by} ON then_{table}({found_by})")

    def _columns(self, table: str) -> dict[str, str]:
        return {row["name"]: row["type"] for row in self.conn.execute(f"PRAGMA main.table_info({table})")}

    def _view(self, name: str, sql: str) -> None:
        self.conn.execute(f"CREATE TEMP VIEW {name} AS {sql}")


_forms: dict[tuple[str, frozenset[str]], frozenset[str]] = {}


@lru_cache(maxsize=MOST_DERIVED)
def _derived(kind: str, raw: str) -> Derived:
    """A version never changes: the pages of one moment derive it once. To be read only."""
    return derive(kind, fields_of(raw))


def _text_of(html: str | None) -> str | None:
    return texts.from_html(html) if html and _A_TAG.search(html) else html
