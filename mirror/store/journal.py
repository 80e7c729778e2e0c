"""Accounts, feeds and runs: what is mirrored, how far each feed has come, and what every pass did."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from mirror import clock as clocks
from mirror.errors import Usage
from mirror.feed import Counts, Coverage, Cursor, Feed, Mailbox, Traffic
from mirror.resources import KINDS
from mirror.store import attachments
from mirror.store.connection import Store

FAILED = frozenset({"failed", "needs_auth"})
"""Outcomes of runs that came to nothing."""


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `accounts`."""

    id: int
    name: str
    source: str
    base_url: str
    remote_id: str | None
    email: str | None
    service: str | None
    status: str
    status_detail: str | None
    since: str | None
    attachments_up_to_bytes: int | None
    writable: int
    interval_factor: float
    created_at: str
    removed_at: str | None


@dataclass(slots=True)
class FeedRow:
    """A row of `feeds`, with the parent's remote_id beside it."""

    id: int
    account_id: int
    kind: str
    parent_id: int | None
    state: str
    cursor: Cursor | None
    walking: int
    generation: int
    covers_from: str | None
    covers_until: str | None
    caught_up_at: str | None
    failures: int
    retry_at: str | None
    error: str | None
    changed_at: str | None
    parent: str | None = None

    @property
    def feed(self) -> Feed:
        return Feed(self.kind, self.parent)

    @property
    def coverage(self) -> Coverage:
        return Coverage(self.covers_from, self.covers_until)


# --- accounts -----------------------------------------------------------------------------------------------------------


def add_account(store: Store, name: str, source: str, base_url: str, *, since: str | None = None,
                attachments_up_to_bytes: int | None = None, interval_factor: float = 1.0) -> Account:  # fmt: skip
    """The new account; a removed one of that name comes back with its records. Raises: Usage when the name is taken."""
    now = clocks.text(store.clock.now())
    with store.transaction() as conn:
        known = conn.execute(
            "SELECT * FROM accounts WHERE name = ? ORDER BY removed_at IS NULL DESC", [name]
        ).fetchone()
        if known is not None and known["removed_at"] is None:
            raise Usage(f"there is an account “{name}” already; for a new token: mirror account login {name}")
        settings = (source, base_url, since, attachments_up_to_bytes, interval_factor)
        if known is None:
            conn.execute(
                "INSERT INTO accounts (source, base_url, since, attachments_up_to_bytes, interval_factor, name, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [*settings, name, now],
            )
        else:
            conn.execute(
                "UPDATE accounts SET source = ?, base_url = ?, since = ?, attachments_up_to_bytes = ?, interval_factor = ?,"
                " status = 'active', status_detail = NULL, removed_at = NULL WHERE id = ?",
                [*settings, known["id"]],
            )
            attachments.apply_policy(conn, known["id"], attachments_up_to_bytes)
            if since != known["since"]:  # the cursors go by what was asked for when they were begun
                conn.execute(
                    "UPDATE feeds SET state = 'new', cursor = NULL WHERE account_id = ? AND state <> 'stopped' AND kind IN"
                    " (SELECT value FROM json_each(?))",
                    [known["id"], json.dumps([kind.name for kind in KINDS.values() if kind.covers != "whole"])],
                )
    return account_named(store, name)


def accounts(store: Store) -> list[Account]:
    """All that are not removed, by name."""
    rows = store.conn.execute("SELECT * FROM accounts WHERE removed_at IS NULL ORDER BY name")
    return [Account(**dict(row)) for row in rows]


def account_named(store: Store, name: str) -> Account:
    """Raises: Usage."""
    found = [account for account in accounts(store) if account.name == name]
    if not found:
        names = ", ".join(account.name for account in accounts(store))
        raise Usage(
            f"there is no account “{name}”"
            + (f"; there are: {names}" if names else "; add one with: mirror account add")
        )
    return found[0]


def removed_account_named(store: Store, name: str) -> Account | None:
    """One that was removed and whose records are still there."""
    row = store.conn.execute("SELECT * FROM accounts WHERE name = ? AND removed_at IS NOT NULL", [name]).fetchone()
    return Account(**dict(row)) if row is not None else None


def account(store: Store, account_id: int) -> Account:
    return Account(**dict(store.conn.execute("SELECT * FROM accounts WHERE id = ?", [account_id]).fetchone()))


def account_if_present(store: Store, account_id: int) -> Account | None:
    """None: it was removed, or purged."""
    row = store.conn.execute("SELECT * FROM accounts WHERE id = ? AND removed_at IS NULL", [account_id]).fetchone()
    return Account(**dict(row)) if row is not None else None


def set_status(store: Store, account_id: int, status: str, detail: str | None = None) -> None:
    known = store.conn.execute("SELECT status, status_detail FROM accounts WHERE id = ?", [account_id]).fetchone()
    if known is not None and tuple(known) != (status, detail):
        with store.transaction() as conn:
            conn.execute("UPDATE accounts SET status = ?, status_detail = ? WHERE id = ?", [status, detail, account_id])


def answered(store: Store, account_id: int) -> None:
    """The mailbox has answered for itself: whatever kept it from that is over. What a person paused stays paused."""
    known = store.conn.execute("SELECT status, status_detail FROM accounts WHERE id = ?", [account_id]).fetchone()
    if known is not None and (known[0] == "needs_auth" or known[1] is not None):
        with store.transaction() as conn:
            conn.execute(
                "UPDATE accounts SET status = replace(status, 'needs_auth', 'active'), status_detail = NULL WHERE id = ?",
                [account_id],
            )


def did_not_answer(store: Store, account_id: int, detail: str) -> None:
    """Why the mailbox could not be asked; for its status, which stays what it was."""
    with store.transaction() as conn:
        conn.execute("UPDATE accounts SET status_detail = ? WHERE id = ? AND status = 'active'", [detail, account_id])


def set_writable(store: Store, account_id: int, writable: bool) -> None:
    """Whether edits are taken in and sent."""
    with store.transaction() as conn:
        conn.execute("UPDATE accounts SET writable = ? WHERE id = ?", [int(writable), account_id])


def pin(store: Store, account_id: int, mailbox: Mailbox) -> None:
    """Remember which mailbox an account is, the first time that it answers."""
    with store.transaction() as conn:
        conn.execute(
            "UPDATE accounts SET remote_id = ?, email = coalesce(?, email), service = coalesce(?, service) WHERE id = ?",
            [mailbox.remote_id, mailbox.email, mailbox.service, account_id],
        )


def remove_account(store: Store, account_id: int) -> None:
    """No longer pulled; its records stay."""
    with store.transaction() as conn:
        conn.execute("UPDATE accounts SET removed_at = ? WHERE id = ?", [clocks.text(store.clock.now()), account_id])
        conn.execute("DELETE FROM health WHERE account_id = ?", [account_id])


# --- feeds ---------------------------------------------------------------------------------------------------------------

_FEED_COLUMNS = ", ".join(f"feeds.{column.name}" for column in fields(FeedRow) if column.name != "parent")


def feeds(store: Store, account_id: int) -> list[FeedRow]:
    """An account's feeds in the order in which a pass walks them; missing ones are made first.

    A feed whose parent has become a tombstone is stopped; it starts anew when the parent comes back.
    """
    with store.transaction() as conn:
        for kind in KINDS.values():
            if kind.parent is None:
                conn.execute(
                    "INSERT INTO feeds (account_id, kind) SELECT ?1, ?2 WHERE NOT EXISTS"
                    " (SELECT 1 FROM feeds WHERE account_id = ?1 AND kind = ?2)",
                    [account_id, kind.name],
                )
                continue
            conn.execute(
                f"INSERT INTO feeds (account_id, kind, parent_id) SELECT ?1, ?2, parent.id FROM {kind.parent} AS parent"
                " WHERE parent.account_id = ?1 AND parent.deleted_at IS NULL AND NOT EXISTS"
                " (SELECT 1 FROM feeds WHERE account_id = ?1 AND kind = ?2 AND parent_id = parent.id)",
                [account_id, kind.name],
            )
            conn.execute(
                "UPDATE feeds SET state = 'stopped', cursor = NULL, error = NULL, retry_at = NULL, failures = 0"
                f" WHERE account_id = ? AND kind = ? AND state <> 'stopped' AND parent_id IN"
                f" (SELECT id FROM {kind.parent} WHERE account_id = ? AND deleted_at IS NOT NULL)",
                [account_id, kind.name, account_id],
            )
            conn.execute(
                f"UPDATE feeds SET state = 'new' WHERE account_id = ? AND kind = ? AND state = 'stopped' AND parent_id IN"
                f" (SELECT id FROM {kind.parent} WHERE account_id = ? AND deleted_at IS NULL)",
                [account_id, kind.name, account_id],
            )
    return known_feeds(store, account_id)


def known_feeds(store: Store, account_id: int) -> list[FeedRow]:
    """The same, without writing: an account that was never pulled has none."""
    found = [_feed_row(row) for row in store.conn.execute(
        f"SELECT {_FEED_COLUMNS}, coalesce(calendars.remote_id, task_lists.remote_id) AS parent FROM feeds"
        " LEFT JOIN calendars ON feeds.kind = 'events' AND calendars.id = feeds.parent_id"
        " LEFT JOIN task_lists ON feeds.kind = 'tasks' AND task_lists.id = feeds.parent_id"
        " WHERE feeds.account_id = ? ORDER BY feeds.id", [account_id])]  # fmt: skip
    order = {name: place for place, name in enumerate(KINDS)}
    return sorted(found, key=lambda feed: (order[feed.kind], feed.id))


def reload(store: Store, feed: FeedRow) -> FeedRow:
    """The feed as it stands now."""
    row = store.conn.execute(f"SELECT {_FEED_COLUMNS}, ? AS parent FROM feeds WHERE id = ?", [feed.parent, feed.id])
    return _feed_row(row.fetchone())


def _feed_row(row: sqlite3.Row) -> FeedRow:
    values: dict[str, Any] = dict(row)
    values["cursor"] = json.loads(values["cursor"]) if values["cursor"] else None
    return FeedRow(**values)


def begin_listing(conn: sqlite3.Connection, feed: FeedRow) -> None:
    """A new generation: the next pages are a complete listing."""
    feed.generation += 1
    feed.state = "listing"
    feed.cursor = None
    feed.walking = 0
    conn.execute(
        "UPDATE feeds SET state = 'listing', generation = ?, cursor = NULL, walking = 0 WHERE id = ?",
        [feed.generation, feed.id],
    )
    conn.execute("DELETE FROM walk_seen WHERE feed_id = ?", [feed.id])


def save_cursor(
    conn: sqlite3.Connection, feed: FeedRow, cursor: Cursor | None, covers: Coverage | None = None, *, walking: bool
) -> None:
    """The place that the feed has come to; always in the transaction of the page that led there."""
    feed.cursor = cursor
    feed.walking = int(walking)
    if covers is not None:
        feed.covers_from, feed.covers_until = covers.since, covers.until
    conn.execute(
        "UPDATE feeds SET cursor = ?, walking = ?, covers_from = ?, covers_until = ? WHERE id = ?",
        [
            json.dumps(cursor) if cursor is not None else None, feed.walking, feed.covers_from, feed.covers_until,
            feed.id,
        ],
    )  # fmt: skip


def caught_up(conn: sqlite3.Connection, feed: FeedRow, at: str, state: str = "following") -> None:
    feed.state, feed.caught_up_at, feed.failures, feed.retry_at, feed.error = state, at, 0, None, None
    conn.execute(
        "UPDATE feeds SET state = ?, caught_up_at = ?, failures = 0, retry_at = NULL, error = NULL WHERE id = ?",
        [state, at, feed.id],
    )
    conn.execute("DELETE FROM walk_seen WHERE feed_id = ?", [feed.id])


def not_ahead(store: Store, account_id: int, kind: str) -> None:
    """No feed of a kind was caught up later than now: what says so was written by a clock that has been set back since."""
    with store.transaction() as conn:
        conn.execute(
            "UPDATE feeds SET caught_up_at = ?1 WHERE account_id = ?2 AND kind = ?3 AND caught_up_at > ?1",
            [clocks.text(store.clock.now()), account_id, kind],
        )


def failed(store: Store, feed: FeedRow, error: str | None, *, after_s: float) -> None:
    """The schedule leaves the feed alone for a while; its cursor stands. Without an error, upstream was not ready yet."""
    feed.failures += int(error is not None)
    feed.error = error
    feed.retry_at = clocks.text(store.clock.now() + timedelta(seconds=after_s))
    with store.transaction() as conn:
        conn.execute(
            "UPDATE feeds SET failures = ?, error = ?, retry_at = ? WHERE id = ?",
            [feed.failures, feed.error, feed.retry_at, feed.id],
        )


# --- runs ----------------------------------------------------------------------------------------------------------------


def record_run(store: Store, account_id: int, feed: FeedRow | None, started_at: str, outcome: str, counts: Counts,
               traffic: Traffic, pages: int, error: str | None) -> None:  # fmt: skip
    """One finished pass."""
    now = clocks.text(store.clock.now())
    with store.transaction() as conn:
        conn.execute(
            "INSERT INTO runs (account_id, feed_id, kind, started_at, ended_at, outcome, pages, requests, retries, bytes,"
            " created, changed, deleted, unchanged, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                account_id, feed.id if feed else None, feed.kind if feed else None, started_at,
                now, outcome, pages, traffic.requests, traffic.retries, traffic.bytes,
                counts.created, counts.changed, counts.deleted, counts.unchanged, error,
            ],
        )  # fmt: skip
        if feed is not None:
            conn.execute(
                "UPDATE feeds SET total_runs = total_runs + 1, total_failed = total_failed + ?,"
                " total_requests = total_requests + ?, total_bytes = total_bytes + ? WHERE id = ?",
                [outcome in FAILED, traffic.requests, traffic.bytes, feed.id],
            )
        if feed is not None and counts.written:
            feed.changed_at = now
            conn.execute("UPDATE feeds SET changed_at = ? WHERE id = ?", [now, feed.id])


def clear_idle_runs(store: Store, *, older_than: timedelta = timedelta(days=7)) -> None:
    """Forget old passes that changed nothing, so that the file of an idle mirror does not grow."""
    with store.transaction() as conn:
        conn.execute(
            "DELETE FROM runs WHERE started_at < ? AND outcome = 'ok' AND created + changed + deleted = 0",
            [clocks.text(store.clock.now() - older_than)],
        )
