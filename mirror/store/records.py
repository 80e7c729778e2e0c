"""Changes into tables: the one place where records are written; `lists.py` writes what belongs to them.

A page is looked up first, in one query, and only what differs is written; a page of known records costs a read. Each
record that can't be stored goes to `stuck`, the rest of its page is stored all the same. Old versions are kept by the
triggers of `schema.sql`, not here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mirror import clock as clocks
from mirror.feed import Change, Counts, Gone, Page, Record, Unreadable
from mirror.resources import KINDS, Kind
from mirror.store import journal, lists, omitted, order, settling
from mirror.store.columns import COLUMNS, Derived, derive, fields_of
from mirror.store.connection import Store
from mirror.store.journal import FeedRow


@dataclass(slots=True)
class _Known:
    """What is stored of a record."""

    id: int
    etag: str | None
    raw: str
    modified_at: str | None
    observed_at: str
    deleted_at: str | None
    generation: int
    body: str | None


@dataclass(slots=True)
class Batch:
    """A page on its way into the tables."""

    conn: sqlite3.Connection
    feed: FeedRow
    kind: Kind
    now: str
    seq: int
    next_id: int
    counts: Counts
    folders: dict[str, int]
    attachments_up_to_bytes: int | None
    inserted: list[int] = field(default_factory=list)
    rewritten: list[int] = field(default_factory=list)
    children: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)

    def new_seq(self) -> int:
        self.seq += 1
        return self.seq


def apply(store: Store, feed: FeedRow, page: Page, counts: Counts) -> None:
    """Write a page and the cursor that stands after it, in one transaction. Twice is the same as once."""
    with store.transaction() as conn:
        write_changes(store, conn, feed, page.changes, counts)
        if feed.state == "following" and page.more:
            _remember_seen(conn, feed, page.changes)
        elif feed.state == "listing":
            _forget_kept_apart(conn, feed, page.changes)
        journal.save_cursor(conn, feed, page.cursor, page.covers, walking=page.more)
        if feed.state == "following" and not page.more:
            journal.caught_up(conn, feed, clocks.text(store.clock.now()))


def place(kind: Kind, feed: FeedRow) -> tuple[str, int | None]:
    """The column and value that say which records of a kind are a feed's."""
    return ("account_id", feed.account_id) if kind.parent_column is None else (kind.parent_column, feed.parent_id)


def write_changes(
    store: Store, conn: sqlite3.Connection, feed: FeedRow, changes: Sequence[Change], counts: Counts
) -> None:
    """Write changes within a transaction of the caller's."""
    if not changes:
        return
    batch = _open_batch(store, conn, feed, counts)
    first = batch.seq
    for part in _without_repeats(changes):
        _write_part(batch, part)
    if batch.seq != first:
        order.take(conn, batch.seq, batch.now)
        settling.after_pull(conn, feed.account_id, feed.kind, batch.now)


def _open_batch(store: Store, conn: sqlite3.Connection, feed: FeedRow, counts: Counts) -> Batch:
    kind = KINDS[feed.kind]
    seq = order.last_place(conn)
    next_id = conn.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {kind.name}").fetchone()[0]
    folders: dict[str, int] = {}
    limit = None
    if kind.attachments:
        row = conn.execute("SELECT attachments_up_to_bytes FROM accounts WHERE id = ?", [feed.account_id]).fetchone()
        limit = row[0]
    if kind.name == "messages":
        folders = dict(
            conn.execute("SELECT remote_id, id FROM folders WHERE account_id = ?", [feed.account_id]).fetchall()
        )
    now = order.next_moment(conn, store.clock)
    return Batch(conn, feed, kind, now, seq, next_id, counts, folders, limit)


def _without_repeats(changes: Sequence[Change]) -> Iterable[list[Change]]:
    """The changes in order, cut where an id appears again: every state that was delivered is written."""
    part: list[Change] = []
    ids: set[str] = set()
    for change in changes:
        if change.remote_id is not None:
            if change.remote_id in ids:
                yield part
                part, ids = [], set()
            ids.add(change.remote_id)
        part.append(change)
    yield part


def _write_part(batch: Batch, changes: list[Change]) -> None:
    known = _look_up(batch, [change.remote_id for change in changes if change.remote_id is not None])
    seen_again: list[int] = []
    parked = _parked(batch)
    for change in changes:
        batch.conn.execute("SAVEPOINT record")
        mark = (batch.seq, batch.next_id, len(batch.inserted), len(batch.rewritten))
        sizes = {table: len(rows) for table, rows in batch.children.items()}
        try:
            stored = _write(batch, change, known.get(change.remote_id or ""))
        except (ValueError, OverflowError, RecursionError, sqlite3.DataError, sqlite3.IntegrityError) as error:
            batch.conn.execute("ROLLBACK TO record")
            batch.seq, batch.next_id = mark[0], mark[1]
            del batch.inserted[mark[2] :], batch.rewritten[mark[3] :]
            for table, rows in batch.children.items():
                del rows[sizes.get(table, 0) :]
            _park(batch, Unreadable(_bytes_of(change), f"{type(error).__name__}: {error}"[:500], change.remote_id))
            seen_again += _known_ids(known, change)
        else:
            if stored is not None:
                seen_again.append(stored)
            elif isinstance(change, Unreadable):
                seen_again += _known_ids(known, change)
            if parked and change.remote_id in parked:
                _unpark(batch, change)
        batch.conn.execute("RELEASE record")
    lists.write(batch)
    _stamp(batch, seen_again)


def _known_ids(known: dict[str, _Known], change: Change) -> list[int]:
    """What is stored of a record that is there upstream but can't be stored as it is now: it is not absent."""
    there = known.get(change.remote_id or "")
    return [there.id] if there is not None and not isinstance(change, Gone) else []


def _look_up(batch: Batch, remote_ids: list[str]) -> dict[str, _Known]:
    kind, feed = batch.kind, batch.feed
    body, join = "NULL", ""
    if kind.name == "messages":
        body, join = "html", " LEFT JOIN message_bodies ON message_id = messages.id"
    column, value = (
        ("account_id", feed.account_id) if kind.parent_column is None else (kind.parent_column, feed.parent_id)
    )
    rows = batch.conn.execute(
        f"SELECT remote_id, id, etag, raw, modified_at, observed_at, deleted_at, generation, {body} FROM {kind.name}{join}"
        f" WHERE {column} = ? AND remote_id IN (SELECT value FROM json_each(?))",
        [value, json.dumps(remote_ids)],
    )
    return {row[0]: _Known(*row[1:]) for row in rows}


# --- one change ---------------------------------------------------------------------------------------------------------


def _write(batch: Batch, change: Change, known: _Known | None) -> int | None:
    """Write one change. Returns the id of a record that is unchanged but must be marked as seen in this listing."""
    if isinstance(change, Unreadable):
        _park(batch, change)
        return None
    if isinstance(change, Gone):
        if known is not None and known.deleted_at is None:
            bury(batch.conn, batch.kind, known.id, batch.new_seq(), batch.now, change.at or batch.now, "reported")
            batch.counts.deleted += 1
        return None
    if "\x00" in change.remote_id:
        raise ValueError("its id holds a NUL, which SQLite's functions end a text at")
    raw = change.raw.decode("utf-8")
    if known is None:
        _insert(batch, change, raw)
        batch.counts.created += 1
        return None
    if change.omitted and known.deleted_at is None:
        raw = omitted.filled(raw, known.raw, change.omitted)
    body_differs = change.body is not None and change.body != known.body
    told_before = known.deleted_at is None and change.etag == known.etag and not body_differs
    if told_before and omitted.same(raw, known.raw, change.omitted):
        batch.counts.unchanged += 1
        return known.id if known.generation != batch.feed.generation else None
    _update(batch, change, raw, known, body_differs)
    return None


def _insert(batch: Batch, record: Record, raw: str) -> None:
    kind, feed = batch.kind, batch.feed
    derived = _derived(batch, raw)
    envelope: dict[str, object] = {"id": batch.next_id, "account_id": feed.account_id}
    if kind.parent_column is not None:
        envelope[kind.parent_column] = feed.parent_id
    seq = batch.new_seq()
    envelope |= {
        "remote_id": record.remote_id, "etag": record.etag, "modified_at": record.modified_at,
        "observed_at": batch.now, "seq": seq, "generation": feed.generation,
    }  # fmt: skip
    names = [*envelope, *COLUMNS[kind.name], "raw"]
    batch.conn.execute(
        f"INSERT INTO {kind.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
        [*envelope.values(), *_columns(batch, derived), raw],
    )
    record_id = batch.next_id
    batch.next_id += 1
    if kind.name == "messages" and record.body is not None:
        batch.conn.execute(
            "INSERT INTO message_bodies (message_id, seq, html, text) VALUES (?, ?, ?, ?)",
            [record_id, seq, record.body, record.text],
        )
    if kind.name == "folders":
        _take_in_messages(batch, record_id, record.remote_id)
    batch.inserted.append(record_id)
    lists.add(batch, record_id, record, derived)


def _take_in_messages(batch: Batch, folder_id: int, remote_id: str) -> None:
    """A folder can become known after mail that lies in it, as folders are listed before mail is pulled."""
    batch.conn.execute(
        "UPDATE messages SET folder_id = ? WHERE folder_id IS NULL AND account_id = ? AND raw ->> '$.folderId' = ?",
        [folder_id, batch.feed.account_id, remote_id],
    )


def _update(batch: Batch, record: Record, raw: str, known: _Known, body_differs: bool) -> None:
    kind = batch.kind
    derived = _derived(batch, raw)
    lists.remove(batch.conn, kind, known.id)
    better_known = known.deleted_at is None and record.etag == known.etag and omitted.completes(raw, known.raw)
    names = (
        "etag",
        "modified_at",
        "observed_at",
        "seq",
        "deleted_at",
        "deletion",
        "generation",
        *COLUMNS[kind.name],
        "raw",
    )
    seq = batch.new_seq()
    batch.conn.execute(
        f"UPDATE {kind.name} SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?",
        [
            record.etag, record.modified_at, known.observed_at if better_known else batch.now, seq, None, None,
            batch.feed.generation, *_columns(batch, derived), raw, known.id,
        ],
    )  # fmt: skip
    if body_differs:
        batch.conn.execute(
            "INSERT INTO message_bodies (message_id, seq, html, text) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (message_id) DO UPDATE SET seq = ?2, html = ?3, text = ?4",
            [known.id, seq, record.body, record.text],
        )
    batch.counts.changed += 1
    batch.rewritten.append(known.id)
    lists.add(batch, known.id, record, derived)


def bury(conn: sqlite3.Connection, kind: Kind, record_id: int, seq: int, now: str, at: str, evidence: str) -> None:
    """Make a record a tombstone. The trigger keeps its live version."""
    conn.execute(
        f"UPDATE {kind.name} SET deleted_at = ?, deletion = ?, observed_at = ?, seq = ? WHERE id = ?",
        [at, evidence, now, seq, record_id],
    )


# --- lists and search ---------------------------------------------------------------------------------------------------


def _derived(batch: Batch, raw: str) -> Derived:
    """Raises: ValueError, also for JSON that SQLite's functions could not read, as triggers and pages must."""
    fields = fields_of(raw)
    if not batch.conn.execute("SELECT json_valid(?)", [raw]).fetchone()[0]:
        raise ValueError("SQLite can't read it as JSON")
    return derive(batch.kind.name, fields)


def _columns(batch: Batch, derived: Derived) -> tuple[object, ...]:
    if batch.kind.name != "messages":
        return derived.columns
    return (batch.folders.get(derived.folder_remote_id or ""), *derived.columns[1:])


def _stamp(batch: Batch, ids: list[int]) -> None:
    if ids and batch.feed.state != "following":
        batch.conn.execute(
            f"UPDATE {batch.kind.name} SET generation = ? WHERE id IN (SELECT value FROM json_each(?))",
            [batch.feed.generation, json.dumps(ids)],
        )


def _remember_seen(conn: sqlite3.Connection, feed: FeedRow, changes: Sequence[Change]) -> None:
    conn.executemany(
        "INSERT OR IGNORE INTO walk_seen (feed_id, remote_id) VALUES (?, ?)",
        [(feed.id, change.remote_id) for change in changes if isinstance(change, Record)],
    )


def _forget_kept_apart(conn: sqlite3.Connection, feed: FeedRow, changes: Sequence[Change]) -> None:
    """What push has read by itself, the listing has shown as well."""
    conn.execute(
        "DELETE FROM walk_seen WHERE feed_id = ? AND remote_id IN (SELECT value FROM json_each(?))",
        [feed.id, json.dumps([change.remote_id for change in changes if isinstance(change, Record)])],
    )


# --- what could not be stored -------------------------------------------------------------------------------------------


def _park(batch: Batch, unreadable: Unreadable) -> None:
    batch.counts.stuck += 1
    batch.conn.execute(
        "INSERT INTO stuck (account_id, feed_id, kind, remote_id, reason, first_at, last_at, raw)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7) ON CONFLICT (feed_id, ifnull(remote_id, raw))"
        " DO UPDATE SET reason = ?5, last_at = ?6, raw = ?7, tries = tries + 1, gone_at = NULL",
        [
            batch.feed.account_id, batch.feed.id, batch.kind.name, unreadable.remote_id, unreadable.reason, batch.now,
            unreadable.raw,
        ],
    )  # fmt: skip


def _bytes_of(change: Change) -> bytes:
    """What upstream sent of it; of a message, its body too, which has no other place while the message has none."""
    if isinstance(change, Gone):
        return b""
    if isinstance(change, Unreadable) or change.body is None:
        return change.raw
    head = change.raw.rstrip().removesuffix(b"}")
    return head + (b"," if head.strip() != b"{" else b"") + b'"body":' + json.dumps(change.body).encode() + b"}"


def _parked(batch: Batch) -> set[str]:
    rows = batch.conn.execute(
        "SELECT remote_id FROM stuck WHERE feed_id = ? AND remote_id IS NOT NULL", [batch.feed.id]
    )
    return {row[0] for row in rows}


def _unpark(batch: Batch, change: Change) -> None:
    place = [batch.feed.id, change.remote_id]
    if isinstance(change, Record):
        batch.conn.execute("DELETE FROM stuck WHERE feed_id = ? AND remote_id = ?", place)
    elif isinstance(change, Gone):
        where = "feed_id = ? AND remote_id = ? AND gone_at IS NULL"
        batch.conn.execute(f"UPDATE stuck SET gone_at = ? WHERE {where}", [batch.now, *place])
