"""What upstream was asked to tell of by itself, feed by feed, and how it does. It asks upstream nothing."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import unquote

from mirror import clock as clocks
from mirror.feed import Notice, Subscribed
from mirror.store.connection import Store

Place = tuple[str, int | None]
"""A kind, and the calendar or task list."""

BELIEVED = timedelta(days=2)  # a subscription that was not seen upstream for so long is not relied on

_RESOURCES = (
    (re.compile(r"/?contacts/?"), "contacts", None),
    (re.compile(r"/?email/messages/?"), "messages", None),
    (re.compile(r"/?calendars/(.+)/events/?"), "events", "calendars"),
    (re.compile(r"/?tasklists/(.+)/tasks/?"), "tasks", "task_lists"),
)

TOLD = frozenset(kind for _, kind, _ in _RESOURCES)
"""The kinds that upstream can tell of."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A row of `subscriptions`."""

    id: int
    account_id: int
    kind: str
    parent_id: int | None
    remote_id: str
    resource: str
    notification_url: str
    state: str
    error: str | None
    created_at: str
    checked_at: str
    notified_at: str | None

    @property
    def place(self) -> Place:
        return self.kind, self.parent_id


def of_account(store: Store, account_id: int) -> list[Subscription]:
    rows = store.conn.execute("SELECT * FROM subscriptions WHERE account_id = ? ORDER BY id", [account_id])
    return [Subscription(**dict(row)) for row in rows]


def an_address(store: Store) -> str | None:
    """The newest address that upstream was given."""
    row = store.conn.execute("SELECT notification_url FROM subscriptions ORDER BY id DESC LIMIT 1").fetchone()
    return row[0] if row else None


def watched(store: Store, account_id: int, url: str) -> set[Place]:
    """The feeds of whose changes upstream tells at this address."""
    rows = store.conn.execute(
        "SELECT kind, parent_id FROM subscriptions"
        " WHERE account_id = ? AND notification_url = ? AND state = 'active' AND checked_at > ?",
        [account_id, url, clocks.text(store.clock.now() - BELIEVED)],
    )
    return {(row["kind"], row["parent_id"]) for row in rows}


def keep(store: Store, account_id: int, place: Place, theirs: Subscribed) -> str:
    """Write down what upstream says of one of its subscriptions; the state that it had here before, '' when it was not known."""
    now = clocks.text(store.clock.now())
    state = "ended" if not theirs.active or theirs.unpaid else "failing" if theirs.error else "active"
    with store.transaction() as conn:
        known = conn.execute(
            "SELECT state FROM subscriptions WHERE account_id = ? AND remote_id = ?", [account_id, theirs.remote_id]
        ).fetchone()
        conn.execute(
            "INSERT INTO subscriptions (account_id, kind, parent_id, remote_id, resource, notification_url, state, error,"
            " created_at, checked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account_id, remote_id) DO UPDATE SET"
            " kind = excluded.kind, parent_id = excluded.parent_id, resource = excluded.resource, state = excluded.state,"
            " notification_url = excluded.notification_url, error = excluded.error, checked_at = excluded.checked_at",
            [
                account_id,
                *place,
                theirs.remote_id,
                theirs.resource,
                theirs.notification_url,
                state,
                theirs.error,
                now,
                now,
            ],
        )
    return known["state"] if known else ""


def forget(store: Store, account_id: int, remote_ids: Sequence[str]) -> None:
    """Upstream no longer has them."""
    if not remote_ids:
        return
    with store.transaction() as conn:
        conn.executemany(
            "DELETE FROM subscriptions WHERE account_id = ? AND remote_id = ?",
            [(account_id, remote_id) for remote_id in remote_ids],
        )


# --- what upstream tells ------------------------------------------------------------------------------------------------


def mailboxes(conn: sqlite3.Connection, notice: Notice) -> list[int]:
    """The accounts that a notice is about: those that stand for its mailbox, at a base URL whose key it is signed with."""
    rows = conn.execute(
        "SELECT id, base_url FROM accounts WHERE remote_id = ? AND removed_at IS NULL", [notice.mailbox]
    ).fetchall()
    return [row["id"] for row in rows if row["base_url"] in notice.base_urls]


def told(conn: sqlite3.Connection, account_id: int, notice: Notice) -> Place | None:
    """The feed that a notice is about, None where there is no such feed; the subscription's state follows what it says."""
    known = conn.execute(
        "SELECT id, kind, parent_id FROM subscriptions WHERE account_id = ? AND remote_id = ?",
        [account_id, notice.subscription],
    ).fetchone()
    if known is None:  # it is quicker than the answer in which upstream gives it its number
        return place_of(conn, account_id, notice.resource)
    if notice.event == "changed":
        conn.execute("UPDATE subscriptions SET notified_at = ? WHERE id = ?", [notice.received_at, known["id"]])
    else:
        conn.execute(
            "UPDATE subscriptions SET state = ?, error = ? WHERE id = ?", [notice.event, notice.error, known["id"]]
        )
    return known["kind"], known["parent_id"]


def place_of(conn: sqlite3.Connection, account_id: int, resource: str) -> Place | None:
    """The feed that upstream calls by this name."""
    for pattern, kind, parents in _RESOURCES:
        matched = pattern.fullmatch(resource)
        if matched is None:
            continue
        if parents is None:
            return kind, None
        named = [matched[1], unquote(matched[1], errors="replace")]
        row = conn.execute(
            f"SELECT id FROM {parents} WHERE account_id = ? AND remote_id IN (?, ?) AND deleted_at IS NULL",
            [account_id, *named],
        ).fetchone()
        return (kind, row["id"]) if row else None
    return None
