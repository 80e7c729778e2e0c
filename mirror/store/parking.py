"""Records on their way into `stuck`, and out of it: what could not be stored is kept with its bytes, and tried again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mirror.feed import Change, Gone, Record, Unreadable

if TYPE_CHECKING:
    from mirror.store.records import Batch


def settle(batch: Batch, changes: Sequence[Change], unstorable: Sequence[Unreadable]) -> None:
    """Park what could not be stored; the others among these changes are not stuck any more."""
    parked = _parked(batch)
    if parked:
        still = {one.remote_id for one in unstorable}
        for change in changes:
            if change.remote_id in parked and change.remote_id not in still:
                _unpark(batch, change)
    for one in unstorable:
        _park(batch, one)


def bytes_of(change: Change) -> bytes:
    """What upstream sent of it; of a message, its body too, which has no other place while the message has none."""
    if isinstance(change, Gone):
        return b""
    if isinstance(change, Unreadable) or change.body is None:
        return change.raw
    head = change.raw.rstrip().removesuffix(b"}")
    return head + (b"," if head.strip() != b"{" else b"") + b'"body":' + json.dumps(change.body).encode() + b"}"


def _park(batch: Batch, unreadable: Unreadable) -> None:
    batch.conn.execute(
        "INSERT INTO stuck (account_id, feed_id, kind, remote_id, reason, first_at, last_at, raw)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7) ON CONFLICT (feed_id, ifnull(remote_id, raw))"
        " DO UPDATE SET reason = ?5, last_at = ?6, raw = ?7, tries = tries + 1, gone_at = NULL",
        [
            batch.feed.account_id, batch.feed.id, batch.kind.name, unreadable.remote_id, unreadable.reason, batch.now,
            unreadable.raw,
        ],
    )  # fmt: skip


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
