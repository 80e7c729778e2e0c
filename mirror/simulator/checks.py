"""What must be true of a mirror's file by itself: chains without gaps, lists and search equal to content. Reads only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from mirror.feed import Counts
from mirror.resources import KINDS
from mirror.simulator.ledger import number_of
from mirror.store.columns import CHILDREN, COLUMNS, derive, fields_of

TABLES = (
    *KINDS, *(table for tables in CHILDREN.values() for table in tables), "attachments", "message_bodies", "versions",
    "message_body_versions", "stuck", "change_order",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a record, superseded or not."""

    seq: int
    superseded_seq: int | None
    deleted_at: str | None
    deletion: str | None
    raw: str

    @property
    def number(self) -> int | None:
        """Which state of upstream's it is; None for a tombstone."""
        return None if self.deleted_at else number_of(self.raw)


@dataclass(frozen=True, slots=True)
class History:
    """A record of the mirror with all its versions, oldest first; the last one is the row itself."""

    account: str
    kind: str
    parent: str
    remote_id: str
    record_id: int
    versions: tuple[Version, ...]
    row: sqlite3.Row

    @property
    def name(self) -> str:
        return f"{self.account} {self.kind} {self.remote_id[-12:]}"


def counts() -> Counts:
    return Counts()


def content(conn: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Everything that a pass without news must leave alone."""
    found: list[tuple[object, ...]] = []
    for table in TABLES:
        columns = [row[1] for row in conn.execute(f"PRAGMA table_info({table})") if row[1] != "generation"]
        found += [(table, *row) for row in conn.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1, 2")]
    return found


def rows(conn: sqlite3.Connection) -> set[tuple[str, ...]]:
    """Every record's row, as far as a version goes, after its kind and remote id."""
    return {
        (kind, *row) for kind in KINDS for row in conn.execute(f"SELECT remote_id, seq, deleted_at, raw FROM {kind}")
    }


def count_versions(conn: sqlite3.Connection) -> int:
    return int(conn.execute("SELECT seq FROM change_order").fetchone()[0])


def histories(conn: sqlite3.Connection) -> Iterator[History]:
    """Every record with its versions."""
    for kind in KINDS.values():
        parent = (
            f"(SELECT remote_id FROM {kind.parent} WHERE id = {kind.name}.{kind.parent_column})"
            if kind.parent
            else "''"
        )
        older: dict[int, list[Version]] = {}
        for row in conn.execute(
            "SELECT record_id, seq, superseded_seq, deleted_at, deletion, raw FROM versions WHERE kind = ? ORDER BY seq",
            [kind.name],
        ):
            older.setdefault(row[0], []).append(Version(*row[1:]))
        rows = conn.execute(
            f"SELECT {kind.name}.*, {parent} AS parent, accounts.name AS account FROM {kind.name}"
            f" JOIN accounts ON accounts.id = account_id ORDER BY {kind.name}.id"
        )
        for row in rows.fetchall():
            last = Version(row["seq"], None, row["deleted_at"], row["deletion"], row["raw"])
            versions = (*older.pop(row["id"], []), last)
            yield History(row["account"], kind.name, row["parent"], row["remote_id"], row["id"], versions, row)
        assert not older, "versions of records that there are none of"


def file_faults(conn: sqlite3.Connection, found: list[History]) -> list[str]:
    """What is wrong with the file, in words."""
    faults = [f"SQLite: {row[0]}" for row in conn.execute("PRAGMA quick_check") if row[0] != "ok"]
    faults += [f"a foreign key of {row[0]} leads nowhere" for row in conn.execute("PRAGMA foreign_key_check")]
    folders = dict(conn.execute("SELECT account_id || ' ' || remote_id, id FROM folders").fetchall())
    seen: dict[int, str] = {}
    for history in found:
        faults += _chain(history, seen)
        faults += _columns(conn, history, folders)
    top = count_versions(conn)
    if seen and max(seen) > top:
        faults.append(f"seq {max(seen)} was given out, but the order of change stands at {top}")
    return faults + _search(conn)


def _chain(history: History, seen: dict[int, str]) -> Iterator[str]:
    versions = history.versions
    for version in versions:
        if version.seq in seen:
            yield f"{history.name}: seq {version.seq} is also one of {seen[version.seq]}"
        seen[version.seq] = history.name
        if (version.deleted_at is None) != (version.deletion is None):
            yield f"{history.name}: seq {version.seq} is half a tombstone"
    for earlier, later in pairwise(versions):
        if earlier.superseded_seq != later.seq and not _better_known(earlier, later):
            yield f"{history.name}: seq {earlier.seq} is superseded by {earlier.superseded_seq}, but {later.seq} follows"
        if earlier.deleted_at and later.deleted_at:
            yield f"{history.name}: it is deleted twice, by {earlier.seq} and {later.seq}"
        if earlier.raw == later.raw and not earlier.deleted_at and not later.deleted_at:
            yield f"{history.name}: {earlier.seq} and {later.seq} are the same version twice"


def _better_known(earlier: Version, later: Version) -> bool:
    """Whether the version between them was the later one with fields left out: it is not kept, and its seq is no one's."""
    return earlier.superseded_seq is not None and earlier.superseded_seq < later.seq and later.deleted_at is None


def _columns(conn: sqlite3.Connection, history: History, folders: dict[str, int]) -> Iterator[str]:
    row, kind = history.row, history.kind
    derived = derive(kind, fields_of(row["raw"]))
    expected = list(derived.columns)
    if kind == "messages":
        expected[0] = folders.get(f"{row['account_id']} {derived.folder_remote_id}")
    for name, value in zip(COLUMNS[kind], expected, strict=True):
        if row[name] != value:
            yield f"{history.name}: {name} is {row[name]!r}, but raw says {value!r}"
    for table, columns in CHILDREN.get(kind, {}).items():
        sql = f"SELECT {', '.join(columns[1:])} FROM {table} WHERE {columns[0]} = ? ORDER BY id"
        stored = [tuple(child) for child in conn.execute(sql, [history.record_id])]
        if stored != derived.children.get(table, []):
            yield f"{history.name}: {table} is {stored}, but raw says {derived.children.get(table)}"
    if KINDS[kind].attachments:
        sql = f"SELECT remote_id FROM attachments WHERE {KINDS[kind].singular}_id = ? AND removed_at IS NULL"
        listed = sorted(one[0] for one in conn.execute(sql, [history.record_id]))
        if listed != sorted(one.remote_id for one in derived.attachments):
            yield f"{history.name}: its attachments are {listed}, but raw says otherwise"


def _search(conn: sqlite3.Connection) -> list[str]:
    faults = []
    for kind in KINDS.values():
        if not kind.search:
            continue
        try:
            conn.execute(f"INSERT INTO {kind.name}_fts ({kind.name}_fts, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            faults.append(f"the search index of {kind.name} is not its content: {error}")
    return faults


def omitted_of(raw: str) -> tuple[dict[str, object], bool]:
    """A record's fields without the list of what was left out, and whether there was one."""
    fields: dict[str, object] = json.loads(raw)
    return {name: value for name, value in fields.items() if name != "omitted"}, "omitted" in fields
