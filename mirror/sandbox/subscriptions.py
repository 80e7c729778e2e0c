"""Who wants to be told of which changes, and the notifications that wait to be delivered. It sends nothing.

Changes are found by their place in the order of all changes, so none is missed over a restart, and whoever makes one need
not know that it is watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote

import msgspec

from mirror.contract.backend import AccountLike
from mirror.contract.watching import ALIASES, Change, Subscription, Waiting, watched
from mirror.sandbox.state import PARENTS, State

_COLUMNS = (
    "id, account_id, resource, url, filters, detail_level, seen_seq, active, failing, fail_since, fail_description"
)
_OF = "account_id = ? AND kind = ? AND parent = ? AND seq > ?"
_DRAFT = "EXISTS (SELECT 1 FROM json_each(record, '$.sysLabels') WHERE value = 'draft')"


class Subscriptions:
    """The subscriptions of one State, kept in its file."""

    def __init__(self, state: State) -> None:
        self.state = state

    def add(
        self, account: AccountLike, resource: str, url: str, filters: Sequence[str], detail_level: str | None
    ) -> Subscription:
        """A new one, of what changes from now on. One like it may be there already; both are told.

        Raises: RecordGone, when the account is gone meanwhile.
        """
        with self.state.batch():
            row = (
                self.state.account(account.id).id,
                resource,
                url,
                msgspec.json.encode(filters).decode(),
                detail_level,
            )
            self.state.write(
                "INSERT INTO subscriptions (account_id, resource, url, filters, detail_level, created_at, seen_seq)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, self.state.now(), self.state.seq),
            )
            return self._found("id = last_insert_rowid()")[0]

    def every(self) -> list[Subscription]:
        return self._found("1")

    def of(self, account: AccountLike) -> list[Subscription]:
        return self._found("account_id = ?", account.id)

    @property
    def seq(self) -> int:
        return self.state.seq

    def batch(self) -> AbstractContextManager[None]:
        return self.state.batch()

    def snapshot(self) -> AbstractContextManager[None]:
        return self.state.snapshot()

    def signed_in(self) -> frozenset[int]:
        """The accounts whose tokens are accepted."""
        return frozenset(account.id for account in self.state.accounts() if account.status == "active")

    def told_as(self, asker_id: int) -> int:
        return asker_id

    def get(self, subscription_id: int) -> Subscription | None:
        return next(iter(self._found("id = ?", subscription_id)), None)

    def remove(self, subscription_id: int) -> None:
        with self.state.batch():
            self.drop_waiting(subscription_id)
            self.state.write("DELETE FROM subscriptions WHERE id = ?", (subscription_id,))

    def note(self, subscription_id: int, **columns: object) -> None:
        """Write down how it fares, in these columns."""
        names = ", ".join(f"{name} = ?" for name in columns)
        self.state.write(f"UPDATE subscriptions SET {names} WHERE id = ?", (*columns.values(), subscription_id))

    def is_there(self, account: AccountLike, resource: str) -> bool:
        """Whether the account has what a resource is in."""
        return self.parent(account.id, resource) is not None

    def parent(self, account_id: int, resource: str) -> str | None:
        """The id of the calendar or task list that a resource names, aliases too; None where there is none."""
        found = watched(resource)
        if found is None or found[1] is None:
            return None
        kind, written = found
        mailbox_id = self.state.account(account_id).mailbox_id
        records = self.state.records(mailbox_id, PARENTS[kind])
        alias, mark = ALIASES[kind]
        if written == alias:
            return next((str(one["id"]) for one in records if one.get(mark)), None)
        names = (written, unquote(written or ""))
        return next((str(one["id"]) for one in records if one["id"] in names), None)

    # --- what happened --------------------------------------------------------------------------------------------

    def changes(self, subscription: Subscription, limit: int) -> list[Change]:
        """The next changes that it was not told of, oldest first; each record once, as it is now."""
        kind, parent = watched(subscription.resource) or ("tracking", None)
        if kind == "tracking":
            return []
        if parent is not None:
            parent = self.parent(subscription.asker_id, subscription.resource)
            if parent is None:
                return []
        key = (self.state.account(subscription.asker_id).mailbox_id, kind, parent or "", subscription.seen_seq)
        wanted = f"NOT {_DRAFT}" if kind == "messages" and "withoutDrafts" in subscription.filters else "1"
        live = self.state.rows(
            f"SELECT seq, remote_id, created_seq, thread_id FROM records WHERE {_OF} AND {wanted} ORDER BY seq LIMIT ?",
            (*key, limit),
        )
        buried = self.state.rows(
            f"SELECT seq, remote_id FROM tombstones WHERE {_OF} ORDER BY seq LIMIT ?", (*key, limit)
        )
        seen = subscription.seen_seq
        found = [
            *(Change(row[0], row[1], "created" if row[2] > seen else "updated", row[3]) for row in live),
            *(Change(row[0], row[1], "deleted", None) for row in buried),
        ]
        return sorted(found, key=lambda change: change.seq)[:limit]

    # --- what waits -----------------------------------------------------------------------------------------------

    def wait(self, subscription_id: int, body: bytes, signed_at: int) -> None:
        """Queue a notification, due at once."""
        row = (subscription_id, body, signed_at, signed_at)
        self.state.write(
            "INSERT INTO notifications (subscription_id, body, signed_at, due_at) VALUES (?, ?, ?, ?)", row
        )

    def due(self, now: float) -> list[Waiting]:
        sql = "SELECT id, subscription_id, body, signed_at, attempts FROM notifications WHERE due_at <= ? ORDER BY due_at, id"
        return [Waiting(*row) for row in self.state.rows(sql, (now,))]

    def next_due_at(self) -> float | None:
        """When the next notification is to be tried, in Unix seconds."""
        found: float | None = self.state.rows("SELECT min(due_at) FROM notifications")[0][0]
        return found

    def put_off(self, notification_id: int, attempts: int, due_at: float) -> None:
        self.state.write(
            "UPDATE notifications SET attempts = ?, due_at = ? WHERE id = ?", (attempts, due_at, notification_id)
        )

    def accepted(self, notification_id: int) -> None:
        self.state.write("DELETE FROM notifications WHERE id = ?", (notification_id,))

    def drop_waiting(self, subscription_id: int) -> None:
        self.state.write("DELETE FROM notifications WHERE subscription_id = ?", (subscription_id,))

    def _found(self, condition: str, *values: object) -> list[Subscription]:
        rows = self.state.rows(f"SELECT {_COLUMNS} FROM subscriptions WHERE {condition} ORDER BY id", values)
        return [_subscription(*row) for row in rows]


def _subscription(*row: Any) -> Subscription:
    """The subscription in a row of `_COLUMNS`."""
    columns = dict(zip(_COLUMNS.split(", "), row, strict=True))
    columns["asker_id"] = columns.pop("account_id")
    columns["filters"] = tuple(msgspec.json.decode(columns["filters"]))
    return Subscription(**{**columns, "active": bool(columns["active"])})
