"""Records as the mirror knew them at a past moment, by their names. Edits are no part of what was known. Never writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from mirror.store.named import LATER, Named, place_of

_THEN = (
    " FROM all_versions AS version JOIN {kind} AS record ON record.id = version.record_id"
    " WHERE version.kind = '{kind}' AND version.observed_at <= :at"
    " AND (version.superseded_at IS NULL OR version.superseded_at > :at) AND version.deleted_at IS NULL"
)


def one(conn: sqlite3.Connection, account_id: int, kind: str, record_id: int, at: str) -> Named | None:
    row = conn.execute(
        f"SELECT record.id, record.remote_id, CAST(version.raw AS BLOB){_THEN.format(kind=kind)}"
        " AND version.record_id = :id AND record.account_id = :account",
        {"at": at, "id": record_id, "account": account_id},
    ).fetchone()
    return Named(*row) if row is not None else None


def in_order(
    conn: sqlite3.Connection, account_id: int, kind: str, parent_id: int | None, at: str, after: int = 0
) -> Iterator[Named]:
    """In the order in which they came, behind a place."""
    rows = conn.execute(
        f"SELECT record.id, record.remote_id, CAST(version.raw AS BLOB){_THEN.format(kind=kind)}"
        f" AND record.{place_of(kind)} AND record.id > :after ORDER BY record.id",
        {"at": at, "account": account_id, "parent": parent_id, "after": after},
    )
    return (Named(*row) for row in rows)


def mail(
    conn: sqlite3.Connection, account_id: int, at: str, after: tuple[str, int] | None
) -> Iterator[tuple[str, int, Named]]:
    """Newest first, behind a date and an id."""
    dated = "coalesce(version.raw ->> '$.receivedAt', version.raw ->> '$.sentAt', version.raw ->> '$.createdTime', '')"
    last, number = after or ("~", LATER)
    rows = conn.execute(
        f"SELECT {dated} AS dated, record.id, record.remote_id, CAST(version.raw AS BLOB){_THEN.format(kind='messages')}"
        " AND record.account_id = :account AND (dated, record.id) < (:last, :number) ORDER BY dated DESC, record.id DESC",
        {"at": at, "account": account_id, "last": last, "number": number},
    )
    return ((row[0], row[1], Named(*row[1:])) for row in rows)


def body(conn: sqlite3.Connection, message_id: int, at: str) -> str | None:
    """The body that the version of that moment had."""
    row = conn.execute(
        "SELECT html FROM (SELECT seq, html FROM message_bodies WHERE message_id = :id UNION ALL"
        " SELECT seq, html FROM message_body_versions WHERE message_id = :id) AS bodies"
        f" WHERE bodies.seq <= (SELECT version.seq{_THEN.format(kind='messages')} AND version.record_id = :id)"
        " ORDER BY bodies.seq DESC LIMIT 1",
        {"id": message_id, "at": at},
    ).fetchone()
    return row[0] if row else None
