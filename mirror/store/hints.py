"""What upstream told by itself, until a pass has seen to it. A hint only ever makes a pull happen sooner.

Their order is that of their ids, not of the clock: a pass sees to those that were there when it began, and to no later one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import timedelta

from mirror import clock as clocks
from mirror.feed import Notice
from mirror.store import subscriptions
from mirror.store.connection import Store
from mirror.store.journal import FeedRow
from mirror.store.subscriptions import Place

MOST_PER_FEED = 100
KEPT = timedelta(days=2)
FORGOTTEN = timedelta(days=30)
SAME_SECOND = timedelta(seconds=2)


def take(store: Store, notices: Sequence[Notice]) -> list[set[int] | None]:
    """Record what was told: for each notice the accounts that have something to pull now, or None when it concerns none here.

    Raises: as `Store.transaction`; then nothing of it is recorded.
    """
    with store.transaction() as conn:
        return [_take(conn, notice) for notice in notices]


def _take(conn: sqlite3.Connection, notice: Notice) -> set[int] | None:
    accounts = subscriptions.mailboxes(conn, notice)
    if not accounts:
        return None
    hurry = set()
    for account_id in accounts:
        place = subscriptions.told(conn, account_id, notice)
        if place is not None and notice.event != "failing":
            _add(conn, account_id, place, notice.received_at, notice.digest)
            hurry.add(account_id)
    return hurry


def add(store: Store, account_id: int, places: Iterable[Place]) -> None:
    """Have feeds pulled soon: something may have changed while upstream told nothing."""
    with store.transaction() as conn:
        for place in places:
            _add(conn, account_id, place, clocks.text(store.clock.now()), None)


def _add(conn: sqlite3.Connection, account_id: int, place: Place, received_at: str, digest: str | None) -> None:
    where, values = "account_id = ? AND kind = ? AND parent_id IS ?", [account_id, *place]
    known = conn.execute(
        f"SELECT id, received_at, pulled_at FROM hints WHERE digest = ? AND {where}", [digest, *values]
    ).fetchone()
    if known is not None:
        if known["pulled_at"] is not None and not _may_be_another(known["received_at"], received_at):
            return
        conn.execute(
            "UPDATE hints SET id = (SELECT max(id) + 1 FROM hints), received_at = ?, pulled_at = NULL WHERE id = ?",
            [received_at, known["id"]],
        )
        return
    conn.execute(
        "INSERT INTO hints (account_id, kind, parent_id, received_at, digest) VALUES (?, ?, ?, ?, ?)",
        [*values, received_at, digest],
    )
    # The newest waits for a pass that sees to all before it as well, so that the oldest need not be kept.
    conn.execute(
        f"DELETE FROM hints WHERE {where} AND id <= (SELECT id FROM hints WHERE {where} ORDER BY id DESC LIMIT 1 OFFSET ?)",
        [*values, *values, MOST_PER_FEED],
    )


def _may_be_another(first: str, second: str) -> bool:
    """Upstream counts in whole seconds: within one, two notices of two changes can be the same to the last byte."""
    return abs(clocks.moment(second) - clocks.moment(first)) <= SAME_SECOND


def waiting(store: Store, account_id: int) -> set[Place]:
    """The feeds of an account that no pass has seen to since it was told of them."""
    rows = store.conn.execute(
        "SELECT DISTINCT kind, parent_id FROM hints WHERE account_id = ? AND pulled_at IS NULL", [account_id]
    )
    return {(row["kind"], row["parent_id"]) for row in rows}


def newest(store: Store, feed: FeedRow) -> int | None:
    """Up to where a pass that begins now sees to the hints of a feed; None: none waits."""
    found: int | None = store.conn.execute(
        "SELECT max(id) FROM hints WHERE account_id = ? AND kind = ? AND parent_id IS ? AND pulled_at IS NULL",
        [feed.account_id, feed.kind, feed.parent_id],
    ).fetchone()[0]
    return found


def pulled(store: Store, feed: FeedRow, up_to: int | None) -> None:
    """A pass that began at `up_to` has ended well."""
    if up_to is None:
        return
    with store.transaction() as conn:
        conn.execute(
            "UPDATE hints SET pulled_at = ? WHERE account_id = ? AND kind = ? AND parent_id IS ? AND id <= ?"
            " AND pulled_at IS NULL",
            [clocks.text(store.clock.now()), feed.account_id, feed.kind, feed.parent_id, up_to],
        )


def clear(store: Store) -> None:
    """Forget what was seen to long ago, and what nobody will see to: of a calendar that is gone, of a removed account."""
    now = store.clock.now()
    with store.transaction() as conn:
        conn.execute(
            "DELETE FROM hints WHERE pulled_at < ? OR received_at < ?",
            [clocks.text(now - KEPT), clocks.text(now - FORGOTTEN)],
        )
