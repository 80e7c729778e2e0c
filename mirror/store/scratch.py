"""SQL that may change anything, on a scratch copy: what it would do to the records comes back, and nothing is done.

The statement runs in a temporary database that holds the tables it names, as they read with open edits, and nothing else of
the file: no other table is there, none can be attached, and the mirror itself is open for reading only while they are copied.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from mirror.errors import Usage
from mirror.resources import KINDS
from mirror.store.columns import CHILDREN
from mirror.store.connection import Store

Row = dict[str, Any]

CHILD_OF = {table: kind for kind, tables in CHILDREN.items() for table in tables}
"""The tables of the lists inside records, and the kind that each belongs to."""
CHANGEABLE = (*KINDS, *CHILD_OF)
LOOKED_UP = {
    "accounts": ("id", "name", "email", "service", "writable"),
    "message_bodies": ("message_id", "text", "html"),
    "attachments": ("id", "message_id", "event_id", "name", "mime_type", "size_bytes", "inline"),
}
"""Tables that a statement can only read."""
FIRST_EDITED_ID = 1 << 40  # of rows in lists of edited records, which have none of their own
MOST_RECORDS = 100_000
MOST_S = 60.0
PULSE = 100_000  # SQLite's own steps between two looks at the clock
OURS = "mirror_"
SIGHT = {
    getattr(sqlite3, name): name
    for name in (
        "SQLITE_SELECT", "SQLITE_READ", "SQLITE_UPDATE", "SQLITE_INSERT", "SQLITE_DELETE", "SQLITE_FUNCTION", "SQLITE_RECURSIVE",
    )
}  # fmt: skip
FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "writefile", "readfile", "edit"})


@dataclass(frozen=True, slots=True)
class Touched:
    """A row before and after; None where it was not there. Columns that the statement does not name are null in both."""

    table: str
    before: Row | None
    after: Row | None
    place: int | None = None  # of a row of a list that was there: which of its record's rows it was ...
    rows: int = 0  # ... of so many


@dataclass(slots=True)
class Named:
    """What a statement names, as SQLite understands it."""

    read: dict[str, set[str]] = field(default_factory=dict)
    written: dict[str, set[str]] = field(default_factory=dict)  # columns; of DELETE and INSERT none
    verbs: set[str] = field(default_factory=set)
    refused: str | None = None

    def authorize(self, action: int, one: str | None, two: str | None, _: str | None, within: str | None) -> int:
        if within is not None and within.startswith(OURS):
            return sqlite3.SQLITE_OK
        name, table = SIGHT.get(action), one or ""
        hidden = table.startswith((OURS, "sqlite_")) and name != "SQLITE_FUNCTION"
        if name is None or hidden or (name == "SQLITE_FUNCTION" and two in FORBIDDEN_FUNCTIONS):
            self.refused = self.refused or (table if hidden else two or table or "that")
            return sqlite3.SQLITE_DENY
        if name == "SQLITE_READ":
            self.read.setdefault(table, set()).add(two or "")
        elif name in ("SQLITE_UPDATE", "SQLITE_INSERT", "SQLITE_DELETE"):
            self.verbs.add(name.removeprefix("SQLITE_").lower())
            self.written.setdefault(table, set()).update({two} if name == "SQLITE_UPDATE" and two else ())
        return sqlite3.SQLITE_OK


def understood(store: Store, sql: str) -> Named:
    """What a statement names, without running it. Raises: Usage, for what is no change of records."""
    with closing(_empty(store)) as scratch:
        named = Named()
        scratch.set_authorizer(named.authorize)
        try:
            scratch.execute(f"EXPLAIN {sql}")
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise Usage(_why(str(error), named)) from error
    if not named.written:
        raise Usage(
            "a plan is an UPDATE, a DELETE or an INSERT; to look at something: sqlite3 mirror.db, or mirror search"
        )
    for table in named.written:
        if table not in CHANGEABLE:
            raise Usage(f"{table} can only be read; these can be changed: {', '.join(CHANGEABLE)}")
    return named


def run(store: Store, sql: str, named: Named) -> list[Touched]:
    """What a statement would do, row by row. Raises: Usage."""
    with closing(_empty(store)) as scratch:
        _fill(store, scratch, named)
        _watch(scratch, named.written)
        scratch.set_authorizer(Named().authorize)
        until_s = store.clock.monotonic() + MOST_S
        scratch.set_progress_handler(lambda: int(store.clock.monotonic() > until_s), PULSE)
        try:
            scratch.execute(sql).fetchall()
        except (sqlite3.Error, sqlite3.Warning) as error:
            if "interrupted" in str(error) and store.clock.monotonic() <= until_s:
                raise KeyboardInterrupt from error  # as it was, before SQLite's module took it for its own
            raise Usage(_why(str(error), named)) from error
        scratch.set_progress_handler(None, 0)
        scratch.set_authorizer(None)
        return [touched for table in named.written for touched in _touched(scratch, table)]


# --- making the copy ----------------------------------------------------------------------------------------------------


def _empty(store: Store) -> sqlite3.Connection:
    """A temporary database with the tables, without their rows."""
    scratch = sqlite3.connect("", isolation_level=None, uri=True)
    scratch.row_factory = sqlite3.Row
    scratch.execute("PRAGMA recursive_triggers = ON")  # so that REPLACE shows what it takes out
    scratch.execute("PRAGMA journal_mode = MEMORY")
    for table in (*CHANGEABLE, *LOOKED_UP):
        names = LOOKED_UP.get(table)
        columns = [
            f"{row['name']} {row['type']}{' PRIMARY KEY' if row['pk'] else ''}"
            for row in store.conn.execute(f"PRAGMA table_info({table})")
            if names is None or row["name"] in names
        ]
        scratch.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    return scratch


def _fill(store: Store, scratch: sqlite3.Connection, named: Named) -> None:
    """Copy the rows of the tables that are named, of the wide ones the named columns only."""
    scratch.execute("ATTACH ? AS mirror_file", [f"{store.path.resolve().as_uri()}?mode=ro"])
    scratch.execute("BEGIN")  # one state of the file for all that is copied
    for table in {*named.read, *named.written}:
        if table in KINDS:
            wanted = named.read.get(table, set()) | named.written.get(table, set())
            columns = [name for name in _columns(scratch, table) if name in wanted or name in _envelope(table)]
            listed = ", ".join(columns)
            scratch.execute(
                f"INSERT INTO main.{table} ({listed}) SELECT {listed} FROM mirror_file.{table}_now"
                " WHERE deleted_at IS NULL AND id > 0"
            )
        elif table in CHILD_OF:
            _fill_list(scratch, table)
        elif table in LOOKED_UP:
            listed = ", ".join(LOOKED_UP[table])
            scratch.execute(f"INSERT INTO main.{table} ({listed}) SELECT {listed} FROM mirror_file.{table}")
    scratch.execute("COMMIT")
    scratch.execute("DETACH mirror_file")


def _fill_list(scratch: sqlite3.Connection, table: str) -> None:
    kind = CHILD_OF[table]
    owner, *columns = CHILDREN[kind][table]
    listed = ", ".join((owner, *columns))
    scratch.execute(
        f"INSERT INTO main.{table} (id, {listed}) SELECT id, {listed} FROM mirror_file.{table} WHERE {owner} IN"
        f" (SELECT id FROM mirror_file.{kind} WHERE deleted_at IS NULL)"
        f" AND {owner} NOT IN (SELECT record_id FROM mirror_file.overlays WHERE kind = '{kind}')"
    )
    values = ", ".join(f"one.value ->> {place}" for place in range(len(columns)))
    scratch.execute(
        f"INSERT INTO main.{table} (id, {listed}) SELECT {FIRST_EDITED_ID} + (record_id << 20) + one.key, record_id, {values}"
        f" FROM mirror_file.overlays, json_each(children, '$.{table}') AS one"
        f" WHERE kind = '{kind}' AND record_id > 0 AND overlays.deleted_at IS NULL ORDER BY record_id, one.key"
    )
    scratch.execute(f"CREATE INDEX {OURS}{table}_{owner} ON {table}({owner})")


def _columns(scratch: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in scratch.execute(f"PRAGMA main.table_info({table})")]


def _envelope(table: str) -> tuple[str, ...]:
    """What is known of every record that is touched."""
    parent = KINDS[table].parent_column
    return ("id", "account_id", "seq", *([parent] if parent else []))


# --- watching the statement ---------------------------------------------------------------------------------------------


def _watch(scratch: sqlite3.Connection, tables: dict[str, set[str]]) -> None:
    """Remember every row as it was, by triggers, however the statement comes by it."""
    for table in tables:
        names = _columns(scratch, table)
        old = ", ".join(f"OLD.{name}" for name in names)
        scratch.execute(f"CREATE TABLE {OURS}old_{table} AS SELECT * FROM {table} LIMIT 0")
        scratch.execute(f"CREATE UNIQUE INDEX {OURS}old_{table}_id ON {OURS}old_{table}(id)")
        scratch.execute(f"CREATE TABLE {OURS}new_{table} (id INTEGER PRIMARY KEY)")
        if table in CHILD_OF:
            owner = CHILDREN[CHILD_OF[table]][table][0]
            scratch.execute(f"CREATE INDEX {OURS}old_{table}_{owner} ON {OURS}old_{table}({owner})")
        for event in ("UPDATE", "DELETE"):
            scratch.execute(
                f"CREATE TRIGGER {OURS}{event.lower()}_{table} BEFORE {event} ON {table} BEGIN"
                f" INSERT OR IGNORE INTO {OURS}old_{table} SELECT {old}"
                f" WHERE OLD.id NOT IN (SELECT id FROM {OURS}new_{table}); END"
            )
        scratch.execute(
            f"CREATE TRIGGER {OURS}insert_{table} AFTER INSERT ON {table} BEGIN"
            f" INSERT OR IGNORE INTO {OURS}new_{table} VALUES (NEW.id); END"
        )


def _touched(scratch: sqlite3.Connection, table: str) -> Iterator[Touched]:
    known = scratch.execute(f"SELECT count(*) FROM {OURS}old_{table}").fetchone()[0]
    known += scratch.execute(f"SELECT count(*) FROM {OURS}new_{table}").fetchone()[0]
    if known > MOST_RECORDS:
        raise Usage(f"that is {known:,} rows of {table}; a plan holds {MOST_RECORDS:,}: choose fewer with WHERE")
    old = {row["id"]: dict(row) for row in scratch.execute(f"SELECT * FROM {OURS}old_{table} ORDER BY id")}
    new = [row["id"] for row in scratch.execute(f"SELECT id FROM {OURS}new_{table} ORDER BY id")]
    if both := set(old) & set(new):
        raise Usage(f"it puts {len(both):,} rows of {table} in the place of others (REPLACE); use UPDATE for that")
    for record_id in [*old, *new]:
        after = scratch.execute(f"SELECT * FROM {table} WHERE id = ?", [record_id]).fetchone()
        if record_id in old or after is not None:
            place, rows = _place(scratch, table, old.get(record_id))
            yield Touched(table, old.get(record_id), dict(after) if after is not None else None, place, rows)


def _place(scratch: sqlite3.Connection, table: str, before: Row | None) -> tuple[int | None, int]:
    """Which of its record's rows one was, and of how many."""
    if table not in CHILD_OF or before is None:
        return None, 0
    owner = CHILDREN[CHILD_OF[table]][table][0]
    ids = [
        row[0]
        for row in scratch.execute(
            f"SELECT id FROM {OURS}old_{table} WHERE {owner} = ?1 UNION SELECT id FROM {table} WHERE {owner} = ?1"
            f" AND id NOT IN (SELECT id FROM {OURS}new_{table}) ORDER BY 1",
            [before[owner]],
        )
    ]
    return ids.index(before["id"]), len(ids)


def _why(message: str, named: Named) -> str:
    """SQLite's complaint, with what helps."""
    if named.refused is not None or "not authorized" in message or "prohibited" in message:
        return f"a plan may read and change records, and nothing else ({named.refused or message})"
    if "no such table" in message:
        return f"{message}; there are: {', '.join((*CHANGEABLE, *LOOKED_UP))}"
    if "interrupted" in message:
        return f"it took longer than {MOST_S:.0f} seconds and was stopped; nothing is planned"
    if "one statement" in message:
        return "a plan is one statement"
    return f"SQL: {message}"
