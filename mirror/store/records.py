"""Changes into tables: the one place where records are written; `lists.py` writes what belongs to them.

This is the hot path, and looks as it does for that. A page is looked up in one query, and only what differs is taken apart
and written: a page of known records costs a read. What is to be written is gathered first, then put into each table by one
statement. When SQLite refuses one of these, the page is taken back and written record by record, so that the one that
can't be stored goes to `stuck`, and the rest is stored all the same. Old versions are kept by the triggers of
`schema.sql`, not here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mirror import clock as clocks
from mirror.feed import Change, Counts, Gone, Page, Record, Unreadable
from mirror.resources import KINDS, Kind
from mirror.store import journal, lists, many, omitted, order, parking, settling
from mirror.store.columns import COLUMNS, Derived, Row, derive, fields_of, strict_fields_of
from mirror.store.connection import Store
from mirror.store.journal import FeedRow

UNSTORABLE = (ValueError, OverflowError, RecursionError, sqlite3.DataError, sqlite3.IntegrityError)
"""What Python or SQLite raise of a record that neither of them can hold."""

DEEPEST = 1000  # brackets within brackets that SQLite can read

_NEW = ("remote_id", "etag", "modified_at", "observed_at", "seq", "generation")
_REWRITTEN = ("etag", "modified_at", "observed_at", "seq", "deleted_at", "deletion", "generation")


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
class _Draft:
    """A record taken apart."""

    record: Record
    raw: str
    derived: Derived
    text: str | None


@dataclass(slots=True)
class Batch:
    """Changes on their way into the tables."""

    conn: sqlite3.Connection
    feed: FeedRow
    kind: Kind
    now: str
    seq: int
    next_id: int
    counts: Counts
    folders: dict[str, int]
    attachments_up_to_bytes: int | None
    drafts: dict[str, _Draft]

    def new_seq(self) -> int:
        self.seq += 1
        return self.seq


@dataclass(slots=True)
class _Part:
    """What is to be written of some changes, no two of them of one record."""

    new: list[Row] = field(default_factory=list)
    rewritten: list[Row] = field(default_factory=list)
    buried: list[Row] = field(default_factory=list)
    bodies: list[Row] = field(default_factory=list)
    lists: lists.Lists = field(default_factory=lists.Lists)
    unstorable: list[Unreadable] = field(default_factory=list)
    again: list[int] = field(default_factory=list)  # unchanged, and to be marked as contained in this listing
    unchanged: int = 0


def apply(store: Store, feed: FeedRow, page: Page, counts: Counts) -> None:
    """Write a page and the cursor that stands after it, in one transaction. Twice is the same as once."""
    drafts = _drafts(store.conn, feed, page.changes)
    try:
        _apply(store, feed, page, counts, drafts, one_by_one=False)
    except UNSTORABLE:
        _apply(store, feed, page, counts, drafts, one_by_one=True)


def _apply(
    store: Store, feed: FeedRow, page: Page, counts: Counts, drafts: dict[str, _Draft], *, one_by_one: bool
) -> None:
    with store.transaction() as conn:
        write_changes(store, conn, feed, page.changes, counts, drafts, one_by_one=one_by_one)
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
    store: Store, conn: sqlite3.Connection, feed: FeedRow, changes: Sequence[Change], counts: Counts,
    drafts: dict[str, _Draft] | None = None, *, one_by_one: bool = True,
) -> None:  # fmt: skip
    """Write changes within a transaction of the caller's.

    One by one, what can't be stored goes to `stuck`. Else the first of it that SQLite refuses is raised, as of UNSTORABLE:
    a savepoint for each record makes SQLite copy every page of the file that the record touches.
    """
    if not changes:
        return
    batch = _open_batch(store, conn, feed, drafts or {})
    first = batch.seq
    parts = ([change] for change in changes) if one_by_one else _without_repeats(changes)
    for part in parts:
        _write_part(batch, part, one_by_one=one_by_one)
    if batch.seq != first:
        order.take(conn, batch.seq, batch.now)
        settling.after_pull(conn, feed.account_id, feed.kind, batch.now)
    counts.add(batch.counts)


def _drafts(conn: sqlite3.Connection, feed: FeedRow, changes: Sequence[Change]) -> dict[str, _Draft]:
    """Those records that are new, taken apart before the transaction: meanwhile another account can write."""
    records = {change.remote_id: change for change in changes if isinstance(change, Record)}
    column, value = place(KINDS[feed.kind], feed)
    known = conn.execute(
        f"SELECT remote_id FROM {feed.kind} WHERE {column} = ? AND remote_id IN (SELECT value FROM json_each(?))",
        [value, json.dumps(list(records))],
    )
    for (remote_id,) in known:
        del records[remote_id]
    drafts = {}
    for remote_id, record in records.items():
        try:
            drafts[remote_id] = _draft(conn, feed.kind, record, record.raw.decode("utf-8"))
        except UNSTORABLE:  # to be met again when its turn to be written comes
            continue
    return drafts


def _draft(conn: sqlite3.Connection, kind: str, record: Record, raw: str) -> _Draft:
    """Raises: ValueError, also for JSON that SQLite's functions could not read, as triggers and pages must."""
    shallow = len(raw) < 2 * DEEPEST or raw.count("[") + raw.count("{") < DEEPEST
    fields = strict_fields_of(raw) if shallow else None
    if fields is None:  # what the strict reader takes, and does not nest too deep, SQLite can read
        fields = fields_of(raw)
        if not conn.execute("SELECT json_valid(?)", [raw]).fetchone()[0]:
            raise ValueError("SQLite can't read it as JSON")
    return _Draft(record, raw, derive(kind, fields), record.readable())


def _open_batch(store: Store, conn: sqlite3.Connection, feed: FeedRow, drafts: dict[str, _Draft]) -> Batch:
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
    return Batch(conn, feed, kind, now, seq, next_id, Counts(), folders, limit, drafts)


def _without_repeats(changes: Sequence[Change]) -> Iterable[Sequence[Change]]:
    """The changes in order, cut where an id appears again: every state that was delivered is written."""
    start = 0
    ids: set[str] = set()
    for at, change in enumerate(changes):
        if change.remote_id is None:
            continue
        if change.remote_id in ids:
            yield changes[start:at]
            start = at
            ids.clear()
        ids.add(change.remote_id)
    yield changes[start:]


def _write_part(batch: Batch, changes: Sequence[Change], *, one_by_one: bool) -> None:
    known = _look_up(batch, [change.remote_id for change in changes if change.remote_id is not None])
    part = _taken_apart(batch, changes, known)
    if not one_by_one:
        _put_into_tables(batch, part)
    elif error := _refused(batch, part):
        part = _Part(unstorable=[_unstorable(changes[0], error)])
        if not isinstance(changes[0], Gone):
            part.again += [there.id for there in known.values()]
    parking.settle(batch, changes, part.unstorable)
    _stamp(batch, part.again)
    _count(batch.counts, part)


def _refused(batch: Batch, part: _Part) -> Exception | None:
    """Put a single change into the tables; why that can't be done, when it can't."""
    refusal = None
    batch.conn.execute("SAVEPOINT record")
    try:
        _put_into_tables(batch, part)
    except UNSTORABLE as error:
        batch.conn.execute("ROLLBACK TO record")
        refusal = error
    batch.conn.execute("RELEASE record")
    return refusal


def _look_up(batch: Batch, remote_ids: list[str]) -> dict[str, _Known]:
    kind = batch.kind
    body, join = "NULL", ""
    if kind.name == "messages":
        body, join = "html", " LEFT JOIN message_bodies ON message_id = messages.id"
    column, value = place(kind, batch.feed)
    rows = batch.conn.execute(
        f"SELECT remote_id, id, etag, raw, modified_at, observed_at, deleted_at, generation, {body} FROM {kind.name}{join}"
        f" WHERE {column} = ? AND remote_id IN (SELECT value FROM json_each(?))",
        [value, json.dumps(remote_ids)],
    )
    return {row[0]: _Known(*row[1:]) for row in rows}


# --- taken apart --------------------------------------------------------------------------------------------------------


def _taken_apart(batch: Batch, changes: Sequence[Change], known: dict[str, _Known]) -> _Part:
    """What these changes write, and which of them can't be stored."""
    part = _Part()
    for change in changes:
        there = known.get(change.remote_id or "")
        if isinstance(change, Gone):
            if there is not None and there.deleted_at is None:
                part.buried.append((change.at or batch.now, "reported", batch.now, batch.new_seq(), there.id))
            continue
        try:
            if isinstance(change, Unreadable):
                part.unstorable.append(change)
            elif _take_apart(batch, part, change, there):
                continue
        except UNSTORABLE as error:
            part.unstorable.append(_unstorable(change, error))
        if there is not None and there.generation != batch.feed.generation:
            part.again.append(there.id)
    return part


def _take_apart(batch: Batch, part: _Part, record: Record, known: _Known | None) -> bool:
    """Take note of what a record writes, once nothing of it can fail any more. False: nothing, it is as it was."""
    if "\x00" in record.remote_id:
        raise ValueError("its id holds a NUL, which SQLite's functions end a text at")
    if known is None:
        draft = batch.drafts.get(record.remote_id)
        if draft is None or draft.record is not record:
            draft = _draft(batch.conn, batch.kind.name, record, record.raw.decode("utf-8"))
        _take_new(batch, part, draft)
        return True
    raw = record.raw.decode("utf-8")
    if record.omitted and known.deleted_at is None:
        raw = omitted.filled(raw, known.raw, record.omitted)
    body_differs = record.body is not None and record.body != known.body
    told_before = known.deleted_at is None and record.etag == known.etag and not body_differs
    if told_before and omitted.same(raw, known.raw, record.omitted):
        part.unchanged += 1
        return False
    better_known = known.deleted_at is None and record.etag == known.etag and omitted.completes(raw, known.raw)
    draft = _draft(batch.conn, batch.kind.name, record, raw)
    _take_rewritten(batch, part, draft, known, known.observed_at if better_known else batch.now, body_differs)
    return True


def _take_new(batch: Batch, part: _Part, draft: _Draft) -> None:
    feed, record, record_id, seq = batch.feed, draft.record, batch.next_id, batch.new_seq()
    batch.next_id += 1
    parent = () if batch.kind.parent_column is None else (feed.parent_id,)
    part.new.append((
        record_id, feed.account_id, *parent, record.remote_id, record.etag, record.modified_at, batch.now, seq,
        feed.generation, *_columns(batch, draft.derived), draft.raw,
    ))  # fmt: skip
    if record.body is not None:
        part.bodies.append((record_id, seq, record.body, draft.text))
    part.lists.add(batch, record_id, record, draft.derived, new=True)


def _take_rewritten(
    batch: Batch, part: _Part, draft: _Draft, known: _Known, observed_at: str, body_differs: bool
) -> None:
    record, seq = draft.record, batch.new_seq()
    part.rewritten.append((
        record.etag, record.modified_at, observed_at, seq, None, None, batch.feed.generation,
        *_columns(batch, draft.derived), draft.raw, known.id,
    ))  # fmt: skip
    if body_differs:
        part.bodies.append((known.id, seq, record.body, draft.text))
    part.lists.add(batch, known.id, record, draft.derived, new=False)


def _columns(batch: Batch, derived: Derived) -> Row:
    if batch.kind.name != "messages":
        return derived.columns
    return (batch.folders.get(derived.folder_remote_id or ""), *derived.columns[1:])


def _unstorable(change: Change, error: Exception) -> Unreadable:
    return Unreadable(parking.bytes_of(change), f"{type(error).__name__}: {error}"[:500], change.remote_id)


# --- into the tables ------------------------------------------------------------------------------------------------------


def _put_into_tables(batch: Batch, part: _Part) -> None:
    conn, kind = batch.conn, batch.kind
    if part.rewritten:
        lists.remove(conn, kind, [row[-1] for row in part.rewritten])
        names = (*_REWRITTEN, *COLUMNS[kind.name], "raw")
        sql = f"UPDATE {kind.name} SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?"
        conn.executemany(sql, part.rewritten)
    if part.new:
        parent = [kind.parent_column] if kind.parent_column else []
        names = ("id", "account_id", *parent, *_NEW, *COLUMNS[kind.name], "raw")
        many.insert(conn, kind.name, names, part.new)
    if part.buried:
        conn.executemany(_bury(kind), part.buried)
    if part.bodies:
        conn.executemany(
            "INSERT INTO message_bodies (message_id, seq, html, text) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (message_id) DO UPDATE SET seq = ?2, html = ?3, text = ?4",
            part.bodies,
        )
    if kind.name == "folders" and part.new:
        _take_in_messages(batch, [row[0] for row in part.new])
    lists.write(batch, part.lists)


def bury(conn: sqlite3.Connection, kind: Kind, record_id: int, seq: int, now: str, at: str, evidence: str) -> None:
    """Make a record a tombstone. The trigger keeps its live version."""
    conn.execute(_bury(kind), [at, evidence, now, seq, record_id])


def _bury(kind: Kind) -> str:
    return f"UPDATE {kind.name} SET deleted_at = ?, deletion = ?, observed_at = ?, seq = ? WHERE id = ?"


def _take_in_messages(batch: Batch, folder_ids: list[object]) -> None:
    """A folder can become known after mail that lies in it, as folders are listed before mail is pulled."""
    batch.conn.execute(
        "UPDATE messages SET folder_id = folders.id FROM folders WHERE folders.id IN (SELECT value FROM json_each(?))"
        " AND messages.account_id = ? AND folder_id IS NULL AND messages.raw ->> '$.folderId' = folders.remote_id",
        [json.dumps(folder_ids), batch.feed.account_id],
    )


def _stamp(batch: Batch, ids: list[int]) -> None:
    if ids and batch.feed.state != "following":
        batch.conn.execute(
            f"UPDATE {batch.kind.name} SET generation = ? WHERE id IN (SELECT value FROM json_each(?))",
            [batch.feed.generation, json.dumps(ids)],
        )


def _count(counts: Counts, part: _Part) -> None:
    counts.created += len(part.new)
    counts.changed += len(part.rewritten)
    counts.deleted += len(part.buried)
    counts.unchanged += part.unchanged
    counts.stuck += len(part.unstorable)


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
