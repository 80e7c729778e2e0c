"""Attachments: which there are, whose bytes are wanted, and `blobs.db`, where each of them is stored once."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirror.resources import KINDS, Kind
from mirror.store.columns import Attachment
from mirror.store.connection import Store, open_reader, translated

MAX_TRIES = 5

BLOBS_SCHEMA = """
CREATE TABLE IF NOT EXISTS blobs (
    sha256     TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    content    BLOB NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An attachment whose bytes the account's policy asks for and that are not here yet."""

    id: int
    remote_id: str
    record_remote_id: str


def write_lists(
    conn: sqlite3.Connection, kind: Kind, lists: Sequence[tuple[int, Sequence[Attachment]]], limit: int | None,
    *, removed_at: str | None = None,
) -> None:  # fmt: skip
    """Bring the rows of records' attachments up to date. Rows of what is no longer attached stay, with `removed_at`.

    `removed_at` None: the records have no rows yet.
    """
    owner = kind.singular + "_id"
    if removed_at is not None:
        conn.executemany(
            f"UPDATE attachments SET removed_at = ? WHERE {owner} = ? AND removed_at IS NULL"
            " AND remote_id NOT IN (SELECT value FROM json_each(?))",
            [(removed_at, record_id, json.dumps([item.remote_id for item in listed])) for record_id, listed in lists],
        )
    rows = [
        (
            record_id, item.remote_id, item.name, item.mime_type, item.size_bytes, item.inline, item.content_id,
            "wanted" if limit is None or (limit > 0 and (item.size_bytes or 0) <= limit) else "policy",  # as in `apply_policy`
        )
        for record_id, listed in lists for item in listed
    ]  # fmt: skip
    if rows:
        conn.executemany(
            f"INSERT INTO attachments ({owner}, remote_id, name, mime_type, size_bytes, inline, content_id, kept)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
            f" ON CONFLICT ({owner}, remote_id) WHERE {owner} IS NOT NULL DO UPDATE SET name = ?3, mime_type = ?4,"
            " size_bytes = coalesce(?5, size_bytes), inline = ?6, content_id = ?7, removed_at = NULL,"
            " tries = CASE kept WHEN 'failed' THEN 0 ELSE tries END,"
            # What could not be fetched is tried again when its record changes; what has another size has other bytes.
            " kept = CASE WHEN kept = 'failed' OR (?5 IS NOT NULL AND ?5 IS NOT size_bytes) THEN ?8 ELSE kept END",
            rows,
        )


def wanted(store: Store, feed_id: int, limit: int, *, without: Sequence[int] = ()) -> list[Wanted]:
    """The newest of a feed's attachments that are still to be fetched."""
    row = store.conn.execute("SELECT account_id, kind, parent_id FROM feeds WHERE id = ?", [feed_id]).fetchone()
    kind = KINDS[row["kind"]]
    place, value = (
        ("account_id", row["account_id"]) if not kind.parent_column else (kind.parent_column, row["parent_id"])
    )
    rows = store.conn.execute(
        f"SELECT attachments.id, attachments.remote_id, record.remote_id FROM attachments"
        f" CROSS JOIN {kind.name} AS record ON record.id = attachments.{kind.singular}_id"  # or all mails are gone through
        f" WHERE kept = 'wanted' AND removed_at IS NULL AND record.deleted_at IS NULL AND record.{place} = ?"
        " AND attachments.id NOT IN (SELECT value FROM json_each(?)) ORDER BY tries, attachments.id DESC LIMIT ?",
        [value, json.dumps(list(without)), limit],
    )
    return [Wanted(*row) for row in rows]


def apply_policy(conn: sqlite3.Connection, account_id: int, limit: int | None) -> None:
    """Want what a changed policy of an account wants, and no longer what it does not. Bytes that are here stay."""
    for kind in KINDS.values():
        if kind.attachments:
            conn.execute(
                "UPDATE attachments SET tries = 0, kept = CASE WHEN ?2 IS NULL OR (?2 > 0 AND coalesce(size_bytes, 0) <= ?2)"
                " THEN 'wanted' ELSE 'policy' END"
                " WHERE kept IN ('wanted', 'policy')"
                f" AND {kind.singular}_id IN (SELECT id FROM {kind.name} WHERE account_id = ?1)",
                [account_id, limit],
            )


def keep(store: Store, attachment_id: int, content: bytes, limit: int | None) -> None:
    """Store an attachment's bytes: first in blobs.db, then its place in mirror.db, so that no place is ever empty.

    Both within mirror.db's lock, so that a purge in another process can't come between and find the bytes unused.
    """
    with store.transaction() as conn:
        if limit is not None and len(content) > limit:
            _mark(conn, attachment_id, "policy", None, len(content))
            return
        digest = hashlib.sha256(content).hexdigest()
        with translated(store.home / "blobs.db"):
            _put(store, digest, content)
        _mark(conn, attachment_id, "yes", digest, len(content))


def _put(store: Store, digest: str, content: bytes) -> None:
    blobs = _open_blobs(store)
    try:
        with blobs:
            blobs.execute(
                "INSERT OR IGNORE INTO blobs (sha256, size_bytes, content) VALUES (?, ?, ?)",
                [digest, len(content), content],
            )
    finally:
        blobs.close()


def give_up(store: Store, attachment_id: int) -> None:
    """One more failed try; after a few the attachment is left alone."""
    with store.transaction() as conn:
        conn.execute(
            "UPDATE attachments SET tries = tries + 1, kept = CASE WHEN tries + 1 >= ? THEN 'failed' ELSE kept END"
            " WHERE id = ?",
            [MAX_TRIES, attachment_id],
        )


def postpone(store: Store, attachment_id: int) -> None:
    """Let the other attachments go first: this one met trouble, which may pass by or be its own."""
    with store.transaction() as conn:
        conn.execute("UPDATE attachments SET tries = min(tries + 1, ?) WHERE id = ?", [MAX_TRIES - 1, attachment_id])


def place_of(store: Store, kind: Kind, record_id: int, remote_id: str) -> tuple[str, str | None] | None:
    """Whether the bytes of what a record has attached are kept, and under which hash; None: it has no such attachment."""
    row = store.conn.execute(
        f"SELECT kept, sha256 FROM attachments WHERE {kind.singular}_id = ? AND remote_id = ? AND removed_at IS NULL",
        [record_id, remote_id],
    ).fetchone()
    return (row["kept"], row["sha256"]) if row is not None else None


def blob(store: Store, sha256: str) -> bytes | None:
    """The bytes with this hash."""
    if not (store.home / "blobs.db").is_file():
        return None
    conn = _open_blobs(store)
    try:
        row = conn.execute("SELECT content FROM blobs WHERE sha256 = ?", [sha256]).fetchone()
    finally:
        conn.close()
    return row[0] if row else None


def stored(home: Path, sha256: str) -> bytes | None:
    """The same for those who only read: the bytes with this hash in a home folder."""
    path = home / "blobs.db"
    if not path.is_file():
        return None
    with translated(path):
        conn = open_reader(path)
        try:
            row = conn.execute("SELECT content FROM blobs WHERE sha256 = ?", [sha256]).fetchone()
        finally:
            conn.close()
    return row[0] if row else None


def _mark(conn: sqlite3.Connection, attachment_id: int, kept: str, sha256: str | None, size_bytes: int) -> None:
    conn.execute(
        "UPDATE attachments SET kept = ?, sha256 = coalesce(?, sha256), size_bytes = coalesce(size_bytes, ?) WHERE id = ?",
        [kept, sha256, size_bytes, attachment_id],
    )


def _open_blobs(store: Store) -> sqlite3.Connection:
    path = store.home / "blobs.db"
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    conn = sqlite3.connect(path, timeout=30.0)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute(BLOBS_SCHEMA)
    return conn
