"""Records that upstream delivered without some of their fields, and the readings one by one that complete them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from mirror.feed import Counts, Gone, Record
from mirror.resources import KINDS
from mirror.store import records, sweep
from mirror.store.connection import Store
from mirror.store.journal import FeedRow

MOST_READS = 3  # of one record that upstream refuses to give by itself, until it changes again


def complete(
    store: Store, feed: FeedRow, changes: Sequence[Record | Gone], counts: Counts, *, refused: Sequence[str] = ()
) -> None:
    """Write records that were read one by one. What a reading of the whole record omits, upstream does not have.

    `refused` could not be read: they are asked for a few times more.
    """
    with store.transaction() as conn:
        records.write_changes(store, conn, feed, changes, counts)
        kind = KINDS[feed.kind]
        column, value = records.place(kind, feed)
        ids = f"SELECT id FROM {kind.name} WHERE {column} = ? AND remote_id IN (SELECT value FROM json_each(?))"
        answered = json.dumps([change.remote_id for change in changes])
        conn.execute(f"DELETE FROM incomplete WHERE feed_id = ? AND record_id IN ({ids})", [feed.id, value, answered])
        conn.execute(
            f"UPDATE incomplete SET tries = tries + 1 WHERE feed_id = ? AND record_id IN ({ids})",
            [feed.id, value, json.dumps(list(refused))],
        )


def take_in(store: Store, feed: FeedRow, found: Record | Gone) -> None:
    """Write what a reading of one record, apart from a pull, has shown.

    A listing that has not begun yet knows nothing of it: it may be gone by then, and no feed tells what was gone before.
    One that has begun must not sweep it; but that it was there says nothing of what the listing itself has shown.
    """
    if feed.state == "listing" and feed.cursor is None:
        feed = replace(feed, generation=feed.generation - 1)
    elif feed.state == "listing":
        sweep.keep_apart(store, feed, found.remote_id)
    complete(store, feed, [found], Counts())


def newest(store: Store, feed: FeedRow, limit: int, *, without: Sequence[str] = ()) -> list[str]:
    """The remote ids of the records whose fields are still to be read one by one, newest first."""
    rows = store.conn.execute(
        f"SELECT remote_id FROM incomplete JOIN {feed.kind} AS record ON record.id = record_id"
        " WHERE feed_id = ? AND deleted_at IS NULL AND tries < ? AND remote_id NOT IN (SELECT value FROM json_each(?))"
        " ORDER BY tries, newest_first DESC, record_id DESC LIMIT ?",
        [feed.id, MOST_READS, json.dumps(list(without)), limit],
    )
    return [row[0] for row in rows]


def postpone(store: Store, feed: FeedRow, remote_id: str) -> None:
    """Let the other incomplete records go first: this one met trouble, which may pass by or be its own."""
    kind = KINDS[feed.kind]
    column, value = records.place(kind, feed)
    with store.transaction() as conn:
        conn.execute(
            f"UPDATE incomplete SET tries = min(tries + 1, ?) WHERE feed_id = ?"
            f" AND record_id = (SELECT id FROM {kind.name} WHERE {column} = ? AND remote_id = ?)",
            [MOST_READS - 1, feed.id, value, remote_id],
        )
