"""What `mirror.health` judges by, and what the person has been told of it. It judges nothing, and tells nobody."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mirror import clock as clocks
from mirror.resources import KINDS, interval_s
from mirror.store.connection import Store

ACCOUNTS = """
SELECT id, name, status, status_detail, created_at, interval_factor,
    EXISTS (SELECT 1 FROM subscriptions WHERE account_id = accounts.id AND state = 'active') AS watched
FROM accounts WHERE removed_at IS NULL AND (:account = '' OR id = :account) ORDER BY name
"""

FEEDS = """
SELECT id, account_id, kind, state, walking, caught_up_at, changed_at, error,
    CASE WHEN caught_up_at IS NULL THEN (SELECT min(started_at) FROM runs WHERE feed_id = feeds.id) END AS first_run_at,
    (SELECT count(*) FROM stuck WHERE feed_id = feeds.id AND gone_at IS NULL) AS stuck,
    (SELECT min(first_at) FROM stuck WHERE feed_id = feeds.id AND gone_at IS NULL) AS stuck_at
FROM feeds WHERE :account = '' OR account_id = :account
"""

EDITS = """
SELECT account_id, kind, state, count(*) AS edits FROM edits
WHERE state IN ('conflict', 'rejected') AND (:account = '' OR account_id = :account) GROUP BY account_id, kind, state
"""


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """One feed, as far as health goes. `first_run_at`: of one that never caught up; `interval_s`: between two passes, now."""

    kind: str
    state: str
    walking: int
    caught_up_at: str | None
    first_run_at: str | None
    error: str | None
    stuck: int
    stuck_at: str | None
    interval_s: float


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """One account. `conflicts` and `rejected`: edits that wait for a decision, by kind."""

    id: int
    name: str
    status: str
    status_detail: str | None
    created_at: str
    feeds: tuple[FeedFacts, ...]
    conflicts: dict[str, int]
    rejected: dict[str, int]


@dataclass(frozen=True, slots=True)
class Told:
    """A row of `health`. `untold`: by name of each hook that is still to be told of `told`, what it was last told of."""

    account_id: int
    state: str
    since: str
    told: str | None = None
    told_at: str | None = None
    untold: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)


def facts(conn: sqlite3.Connection, now: datetime, account_id: int | None = None) -> list[AccountFacts]:
    """Of all accounts that are not removed, by name, or of one. The connection need not be able to write."""
    asked = {"account": "" if account_id is None else account_id}
    feeds: dict[int, list[FeedFacts]] = {}
    accounts = [dict(row) for row in conn.execute(ACCOUNTS, asked)]
    known = {account["id"]: account for account in accounts}
    for row in map(dict, conn.execute(FEEDS, asked)):
        if row["account_id"] in known:
            feeds.setdefault(row["account_id"], []).append(_feed(row, known[row["account_id"]], now))
    edits: dict[tuple[int, str], dict[str, int]] = {}
    for row in map(dict, conn.execute(EDITS, asked)):
        edits.setdefault((row["account_id"], row["state"]), {})[row["kind"]] = row["edits"]
    return [
        AccountFacts(
            account["id"], account["name"], account["status"], account["status_detail"], account["created_at"],
            tuple(feeds.get(account["id"], ())), edits.get((account["id"], "conflict"), {}),
            edits.get((account["id"], "rejected"), {}),
        )
        for account in accounts
    ]  # fmt: skip


def _feed(row: dict[str, Any], account: dict[str, Any], now: datetime) -> FeedFacts:
    quiet_s = (now - clocks.moment(row["changed_at"])).total_seconds() if row["changed_at"] else None
    between_s = interval_s(KINDS[row["kind"]], quiet_s, watched=bool(account["watched"])) * account["interval_factor"]
    return FeedFacts(
        row["kind"], row["state"], int(row["walking"]), row["caught_up_at"], row["first_run_at"], row["error"],
        int(row["stuck"]), row["stuck_at"], between_s,
    )  # fmt: skip


def told(conn: sqlite3.Connection, account_id: int) -> Told | None:
    """What is kept of an account; None when nobody ever looked."""
    row = conn.execute("SELECT * FROM health WHERE account_id = ?", [account_id]).fetchone()
    return _told(row) if row is not None else None


def all_told(conn: sqlite3.Connection) -> dict[int, Told]:
    """The same of every account that is not removed, by its id."""
    rows = conn.execute(
        "SELECT health.* FROM health JOIN accounts ON accounts.id = account_id WHERE removed_at IS NULL"
    )
    return {row["account_id"]: _told(row) for row in rows}


def _told(row: sqlite3.Row) -> Told:
    untold: dict[str, str] = json.loads(row["untold"]) if row["untold"] else {}
    return Told(
        row["account_id"], row["state"], row["since"], row["told"], row["told_at"], untold, json.loads(row["seen"])
    )


def keep(conn: sqlite3.Connection, row: Told) -> None:
    """In the transaction in which the row before it was read."""
    untold = json.dumps(row.untold, sort_keys=True) if row.untold else None
    seen = json.dumps(row.seen, sort_keys=True)
    conn.execute(
        "INSERT OR REPLACE INTO health (account_id, state, since, told, told_at, untold, seen)"
        " SELECT id, ?, ?, ?, ?, ?, ? FROM accounts WHERE id = ? AND removed_at IS NULL",
        [row.state, row.since, row.told, row.told_at, untold, seen, row.account_id],
    )


def was_told(store: Store, row: Told, hook: str) -> None:
    """A hook has been told of what the row says; nothing, if something else was decided meanwhile."""
    with store.transaction() as conn:
        now = told(conn, row.account_id)
        if now is not None and now.told_at == row.told_at:
            keep(conn, replace(now, untold={name: state for name, state in now.untold.items() if name != hook}))
