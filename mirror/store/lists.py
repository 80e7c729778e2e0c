"""What belongs to a record and is written anew with it: its child rows, its search entry, its attachments, what it lacks."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from mirror.feed import Record
from mirror.resources import Kind
from mirror.store.attachments import list_attachments
from mirror.store.columns import CHILDREN, COLUMNS, Derived

if TYPE_CHECKING:
    from mirror.store.records import Batch


def add(batch: Batch, record_id: int, record: Record, derived: Derived) -> None:
    """Take note of a record's lists; `write` puts them, and its search entry, into their tables."""
    for table, rows in derived.children.items():
        batch.children.setdefault(table, []).extend((record_id, *row) for row in rows)
    if batch.kind.attachments:
        list_attachments(batch, record_id, derived.attachments)
    place = [batch.feed.id, record_id]
    if record.omitted:
        newest = derived.columns[COLUMNS[batch.kind.name].index(batch.kind.newest_by)] if batch.kind.newest_by else None
        batch.conn.execute(
            "INSERT OR REPLACE INTO incomplete (feed_id, record_id, newest_first, omitted) VALUES (?, ?, ?, ?)",
            [*place, newest, json.dumps(record.omitted)],
        )
    elif record_id not in batch.inserted[-1:]:
        batch.conn.execute("DELETE FROM incomplete WHERE feed_id = ? AND record_id = ?", place)


def remove(conn: sqlite3.Connection, kind: Kind, record_id: int) -> None:
    """Take a record out of its child tables and its search index, which must happen before its text changes."""
    if kind.search:
        names = ", ".join(kind.search)
        conn.execute(
            f"INSERT INTO {kind.name}_fts ({kind.name}_fts, rowid, {names}) SELECT 'delete', id, {names}"
            f" FROM {_search_content(kind)} WHERE id = ?",
            [record_id],
        )
    for table, columns in CHILDREN.get(kind.name, {}).items():
        conn.execute(f"DELETE FROM {table} WHERE {columns[0]} = ?", [record_id])


def write(batch: Batch) -> None:
    """Write the lists and search entries of all records of the batch, which are in their table by now."""
    for table, rows in batch.children.items():
        columns = CHILDREN[batch.kind.name][table]
        batch.conn.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows
        )
    batch.children.clear()
    if batch.kind.search:
        names = ", ".join(batch.kind.search)
        for ids in (batch.inserted, batch.rewritten):
            if ids:
                batch.conn.execute(
                    f"INSERT INTO {batch.kind.name}_fts (rowid, {names}) SELECT id, {names}"
                    f" FROM {_search_content(batch.kind)} WHERE id IN (SELECT value FROM json_each(?))",
                    [json.dumps(ids)],
                )
    batch.inserted.clear()
    batch.rewritten.clear()


def _search_content(kind: Kind) -> str:
    return "messages_search" if kind.name == "messages" else kind.name
