"""What belongs to records and is written anew with them: child rows, search entries, attachments, what they lack."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mirror.feed import Record
from mirror.resources import KINDS, Kind
from mirror.store import many
from mirror.store.attachments import write_lists
from mirror.store.columns import CHILDREN, COLUMNS, Attachment, Derived, Row

if TYPE_CHECKING:
    from mirror.store.records import Batch

_CONTENT = {kind.name: "messages_search" if kind.name == "messages" else kind.name for kind in KINDS.values()}
"""What a kind's search index is made from."""


@dataclass(slots=True)
class Lists:
    """The lists of some records, gathered to be written together."""

    records: list[int] = field(default_factory=list)
    children: dict[str, list[Row]] = field(default_factory=dict)
    attachments: list[tuple[int, Sequence[Attachment]]] = field(default_factory=list)  # of new records
    attached_now: list[tuple[int, Sequence[Attachment]]] = field(default_factory=list)  # of known ones
    incomplete: list[Row] = field(default_factory=list)
    complete: list[Row] = field(default_factory=list)

    def add(self, batch: Batch, record_id: int, record: Record, derived: Derived, *, new: bool) -> None:
        """Take note of a record's lists."""
        kind, feed_id = batch.kind, batch.feed.id
        self.records.append(record_id)
        for table, rows in derived.children.items():
            if rows:
                self.children.setdefault(table, []).extend([(record_id, *row) for row in rows])
        if not new:
            self.attached_now.append((record_id, derived.attachments))
        elif derived.attachments:
            self.attachments.append((record_id, derived.attachments))
        if record.omitted:
            newest = derived.columns[COLUMNS[kind.name].index(kind.newest_by)] if kind.newest_by else None
            self.incomplete.append((feed_id, record_id, newest, json.dumps(record.omitted)))
        elif not new:
            self.complete.append((feed_id, record_id))


def remove(conn: sqlite3.Connection, kind: Kind, record_ids: Sequence[int]) -> None:
    """Take records out of their child tables and search index, which must happen before their text changes."""
    ids = json.dumps(record_ids)
    if kind.search:
        names = ", ".join(kind.search)
        conn.execute(
            f"INSERT INTO {kind.name}_fts ({kind.name}_fts, rowid, {names}) SELECT 'delete', id, {names}"
            f" FROM {_CONTENT[kind.name]} WHERE id IN (SELECT value FROM json_each(?))",
            [ids],
        )
    for table, columns in CHILDREN.get(kind.name, {}).items():
        conn.execute(f"DELETE FROM {table} WHERE {columns[0]} IN (SELECT value FROM json_each(?))", [ids])


def write(batch: Batch, found: Lists) -> None:
    """Write the lists and search entries of records that are in their table by now."""
    conn, kind = batch.conn, batch.kind
    for table, rows in found.children.items():
        many.insert(conn, table, CHILDREN[kind.name][table], rows)
    if kind.search and found.records:
        names = ", ".join(kind.search)
        conn.execute(
            f"INSERT INTO {kind.name}_fts (rowid, {names}) SELECT id, {names} FROM {_CONTENT[kind.name]}"
            " WHERE id IN (SELECT value FROM json_each(?))",
            [json.dumps(found.records)],
        )
    if kind.attachments:
        limit = batch.attachments_up_to_bytes
        write_lists(conn, kind, found.attachments, limit)
        write_lists(conn, kind, found.attached_now, limit, removed_at=batch.now)
    if found.incomplete:
        conn.executemany(
            "INSERT OR REPLACE INTO incomplete (feed_id, record_id, newest_first, omitted) VALUES (?, ?, ?, ?)",
            found.incomplete,
        )
    if found.complete:
        conn.executemany("DELETE FROM incomplete WHERE feed_id = ? AND record_id = ?", found.complete)
