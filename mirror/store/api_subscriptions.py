"""Which programs are to be told of which changes of the mirror, and what waits to be told. It sends nothing.

What writes here does so within a transaction under way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from mirror.store.named import Named

COLUMNS = (
    "id, token_id, resource, notification_url, filters, detail_level, seen_seq, active, failing, fail_since,"
    " fail_description"
)


def found(conn: sqlite3.Connection, condition: str = "1", *values: object) -> list[sqlite3.Row]:
    """Rows of `COLUMNS`, oldest first."""
    return conn.execute(f"SELECT {COLUMNS} FROM api_subscriptions WHERE {condition} ORDER BY id", values).fetchall()


def add(
    conn: sqlite3.Connection, token_id: int, resource: str, url: str, filters: str, detail_level: str | None, seq: int,
    now: str,
) -> sqlite3.Row:  # fmt: skip
    """A new one, of what changes after the place `seq`."""
    made = conn.execute(
        "INSERT INTO api_subscriptions (token_id, resource, notification_url, filters, detail_level, seen_seq, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [token_id, resource, url, filters, detail_level, seq, now],
    ).fetchone()
    return found(conn, "id = ?", made["id"])[0]


def note(conn: sqlite3.Connection, subscription_id: int, columns: Mapping[str, object]) -> None:
    """Write down how it fares, in these columns."""
    names = ", ".join(f"{name} = ?" for name in columns)
    conn.execute(f"UPDATE api_subscriptions SET {names} WHERE id = ?", [*columns.values(), subscription_id])


def remove(conn: sqlite3.Connection, subscription_id: int) -> None:
    """It, and what waits to be told by it."""
    drop_waiting(conn, subscription_id)
    conn.execute("DELETE FROM api_subscriptions WHERE id = ?", [subscription_id])


def remove_all(conn: sqlite3.Connection, token_id: int) -> None:
    """Those of a token, which has ended."""
    for row in found(conn, "token_id = ?", token_id):
        remove(conn, row["id"])


def how_many(conn: sqlite3.Connection) -> dict[int, int]:
    """How many each token has, of those that have any."""
    return dict(conn.execute("SELECT token_id, count(*) FROM api_subscriptions GROUP BY token_id").fetchall())


def accounts(conn: sqlite3.Connection) -> dict[int, int]:
    """The accounts that tokens open, by the tokens' numbers."""
    rows = conn.execute(
        "SELECT api_tokens.id, account_id FROM api_tokens JOIN accounts ON accounts.id = account_id"
        " WHERE revoked_at IS NULL AND removed_at IS NULL"
    )
    return {row[0]: row[1] for row in rows}


def account_of(conn: sqlite3.Connection, token_id: int) -> int:
    """The account that a token opens, or has opened."""
    return int(conn.execute("SELECT account_id FROM api_tokens WHERE id = ?", [token_id]).fetchone()[0])


def was_there(conn: sqlite3.Connection, kind: str, one: Named, seq: int) -> bool:
    """Whether a record was known at a place in the order of change: of one that is to be created nobody knows, so no."""
    asked = {"kind": kind, "id": one.id, "seq": seq}
    sql = (
        f"SELECT EXISTS (SELECT 1 FROM {kind} WHERE id = :id AND seq <= :seq)"
        " OR EXISTS (SELECT 1 FROM versions WHERE kind = :kind AND record_id = :id AND seq <= :seq)"
    )
    return bool(conn.execute(sql, asked).fetchone()[0])


# --- what waits -----------------------------------------------------------------------------------------------------------


def wait(conn: sqlite3.Connection, subscription_id: int, body: bytes, signed_at: int) -> None:
    """Queue a notification, due at once."""
    conn.execute(
        "INSERT INTO api_notifications (subscription_id, body, signed_at, due_at) VALUES (?, ?, ?, ?)",
        [subscription_id, body, signed_at, signed_at],
    )


def due(conn: sqlite3.Connection, now: float) -> Sequence[sqlite3.Row]:
    return conn.execute(
        "SELECT id, subscription_id, body, signed_at, attempts FROM api_notifications WHERE due_at <= ? ORDER BY due_at, id",
        [now],
    ).fetchall()


def put_off(conn: sqlite3.Connection, notification_id: int, attempts: int, due_at: float) -> None:
    conn.execute(
        "UPDATE api_notifications SET attempts = ?, due_at = ? WHERE id = ?", [attempts, due_at, notification_id]
    )


def accepted(conn: sqlite3.Connection, notification_id: int) -> None:
    conn.execute("DELETE FROM api_notifications WHERE id = ?", [notification_id])


def drop_waiting(conn: sqlite3.Connection, subscription_id: int) -> None:
    conn.execute("DELETE FROM api_notifications WHERE subscription_id = ?", [subscription_id])
