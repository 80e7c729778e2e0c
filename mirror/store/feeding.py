"""What changed since a place in the order of change, as programs that follow the mirror are told of it. Never writes.

A record's place is that of its newest version, or the later one at which an edit changed how it reads (`local_changes`). Both are
in one order, so a walk by places misses nothing, whichever of the two a change was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from mirror.store.named import EDITED, Named, edited, place_of

# The `+` before account_id and parents: by the index of seq, a page is read in order; by another, all would be sorted first.
# Of an edited record, or one that was: its edits' place counts, not its version's.
_NOT_LATER = (
    "NOT EXISTS (SELECT 1 FROM local_changes WHERE local_changes.kind = '{kind}' AND local_changes.record_id = {kind}.id"
    " AND local_changes.seq > {kind}.seq)"
)
_LOCAL = (
    " FROM local_changes AS local LEFT JOIN {kind} AS record ON record.id = local.record_id"
    " LEFT JOIN overlays AS over ON over.kind = local.kind AND over.record_id = local.record_id"
    " WHERE local.kind = '{kind}' AND local.account_id = :account AND local.seq > :after"
    " AND (:parent IS NULL OR local.parent_id = :parent) AND local.seq > coalesce(record.seq, 0)"
)


def updated(
    conn: sqlite3.Connection, account_id: int, kind: str, parent_id: int | None, after: int, limit: int,
    within: str = "1", values: Mapping[str, Any] | None = None,
) -> list[tuple[int, Named]]:  # fmt: skip
    """Live records with their places, in order. `within`: a condition on the observed ones; what is edited is told anyway."""
    asked = {**(values or {}), "account": account_id, "parent": parent_id, "after": after, "limit": limit}
    rows = conn.execute(
        f"SELECT seq, id, remote_id, CAST(raw AS BLOB) FROM {kind} WHERE +{place_of(kind)} AND seq > :after"
        f" AND deleted_at IS NULL AND ({within}) AND {_NOT_LATER.format(kind=kind)} ORDER BY seq LIMIT :limit",
        asked,
    )
    observed = [(row[0], Named(row[1], row[2], row[3])) for row in rows]
    over = conn.execute(
        f"SELECT * FROM ({EDITED.format(kind=kind)}) WHERE seq > :after AND deleted_at IS NULL ORDER BY seq LIMIT :limit",
        asked,
    ).fetchall()
    lain_over = [(row["seq"], one) for row in over if (one := edited(conn, kind, row)) is not None]
    back = conn.execute(
        f"SELECT local.seq, record.id, record.remote_id, CAST(record.raw AS BLOB){_LOCAL.format(kind=kind)}"
        " AND over.record_id IS NULL AND record.deleted_at IS NULL AND record.id IS NOT NULL ORDER BY local.seq LIMIT :limit",
        asked,
    )
    as_observed = [(row[0], Named(row[1], row[2], row[3])) for row in back]
    return sorted([*observed, *lain_over, *as_observed], key=lambda row: row[0])[:limit]


def buried(
    conn: sqlite3.Connection, account_id: int, kind: str, parent_id: int | None, after: int, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """Tombstones with their places, in order: what was deleted, is to be, or was to be created and is not there any more."""
    asked = {"account": account_id, "parent": parent_id, "after": after, "limit": limit}
    mail = kind == "messages"
    told = (
        "{0}.raw ->> '$.folderId' AS folder, {0}.internet_message_id AS message"
        if mail
        else "NULL AS folder, NULL AS message"
    )
    rows = conn.execute(
        f"SELECT seq, remote_id AS id, deleted_at AS at, {told.format(kind)} FROM {kind} WHERE +{place_of(kind)} AND seq > :after"
        f" AND deleted_at IS NOT NULL AND {_NOT_LATER.format(kind=kind)} ORDER BY seq LIMIT :limit",
        asked,
    ).fetchall()
    local = conn.execute(
        "SELECT local.seq, coalesce(record.remote_id, 'local-' || edits.marker) AS id,"
        " coalesce(over.deleted_at, record.deleted_at, edits.settled_at, edits.created_at) AS at,"
        f" {told.format('record')}"
        f"{_LOCAL.format(kind=kind).replace(' WHERE ', ' LEFT JOIN edits ON edits.id = -local.record_id WHERE ', 1)}"
        " AND (over.deleted_at IS NOT NULL OR record.deleted_at IS NOT NULL OR (local.record_id < 0 AND over.record_id IS NULL))"
        " ORDER BY local.seq LIMIT :limit",
        asked,
    ).fetchall()
    return sorted(((row["seq"], _tombstone(row)) for row in (*rows, *local)), key=lambda row: row[0])[:limit]


def _tombstone(row: sqlite3.Row) -> dict[str, Any]:
    told = {"id": row["id"], "folderId": row["folder"], "internetMessageId": row["message"], "timestamp": row["at"]}
    return {name: value for name, value in told.items() if value is not None}
