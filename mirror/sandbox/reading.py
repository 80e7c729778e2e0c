"""How the sandbox's state is read in order: by change for the feeds, by age for lists, by date for mail. It never writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mirror.contract.backend import AccountLike, Bounds, Change
from mirror.sandbox.accounts import Account, Accounts, Record, decode

_CHUNK = 200
_OF = "account_id = ? AND kind = ? AND parent = ?"


class Reading(Accounts):
    """The queries behind the feeds and lists."""

    def find_account(self, account_id: int) -> Account | None:
        return self._account("id", account_id)

    def account_for_email(self, email: str) -> Account | None:
        """The account that a mailbox was first opened by, found by its address."""
        sql = (
            "SELECT id FROM accounts WHERE lower(email) = ? AND NOT EXISTS (SELECT 1 FROM grants WHERE account_id = id"
            " AND (mailbox_id <> id OR json_extract(details, '$.type') = 'daemon'))"
        )
        found = self.rows(sql, (email.lower(),))
        return self._account("id", found[0][0]) if found else None

    def born(self, mailbox_id: int) -> str:
        """When the account came that the mailbox began with."""
        found = self._account("id", mailbox_id)
        return found.created_at if found else ""

    def calendar_of(self, asker: AccountLike, email: str) -> tuple[int, str] | None:  # noqa: ARG002  (all may know)
        """The primary calendar of the account with this address."""
        account = self.account_for_email(email)
        if account is None:
            return None
        sql = f"SELECT remote_id FROM records WHERE {_OF} AND json_extract(record, '$.primary') ORDER BY created_seq"
        primary = self.rows(sql, (account.mailbox_id, "calendars", ""))
        return (account.mailbox_id, primary[0][0]) if primary else None

    def changed(
        self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int, bounds: Bounds
    ) -> list[Change]:
        """Live records in the order of their last change."""
        within, values = _within(kind, bounds)
        sql = f"SELECT seq, record FROM records WHERE {_OF} AND seq > ? AND {within} ORDER BY seq LIMIT ?"
        return self._changes(sql, (account_id, kind, parent or "", after, *values, limit))

    def buried(self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int) -> list[Change]:
        """Tombstones in the order of deletion."""
        sql = f"SELECT seq, record FROM tombstones WHERE {_OF} AND seq > ? ORDER BY seq LIMIT ?"
        return self._changes(sql, (account_id, kind, parent or "", after, limit))

    def listed(self, account_id: int, kind: str, *, parent: str | None, after: int, limit: int) -> list[Change]:
        """Live records in the order of their creation, and its number."""
        sql = f"SELECT created_seq, record FROM records WHERE {_OF} AND created_seq > ? ORDER BY created_seq LIMIT ?"
        return self._changes(sql, (account_id, kind, parent or "", after, limit))

    def newest(
        self,
        account_id: int,
        *,
        after: list[Any] | None,
        thread_id: str | None,
        words: Sequence[str] = (),  # noqa: ARG002
    ) -> Iterator[tuple[list[Any], Record]]:
        """Mail, newest first, after the message at this place, each with its own place."""
        thread = "" if thread_id is None else "thread_id = ? AND "
        sql = (
            "SELECT sort_at, remote_id, record FROM records WHERE account_id = ? AND kind = 'messages' AND "
            f"{thread}(sort_at, remote_id) < (?, ?) ORDER BY sort_at DESC, remote_id DESC LIMIT ?"
        )
        fixed = (account_id,) if thread_id is None else (account_id, thread_id)
        at, remote_id = after or ["~", ""]
        while True:
            rows = self.rows(sql, (*fixed, at, remote_id, _CHUNK))
            yield from (([row[0], row[1]], decode(row[2])) for row in rows)
            if len(rows) < _CHUNK:
                return
            at, remote_id = rows[-1][:2]

    def in_window(self, account_id: int, calendar_id: str, starts_before: str, ends_after: str) -> list[Record]:
        """Singles, series and exceptions of a calendar that can take place in the window."""
        sql = f"SELECT record FROM records WHERE {_OF} AND starts_at < ? AND ends_at > ? ORDER BY starts_at, remote_id"
        return [
            decode(row[0]) for row in self.rows(sql, (account_id, "events", calendar_id, starts_before, ends_after))
        ]

    def exceptions(self, account_id: int, calendar_id: str, master_id: str) -> list[Record]:
        """The stored occurrences of a series: those that were moved, changed or cancelled."""
        sql = f"SELECT record FROM records WHERE {_OF} AND master_id = ? ORDER BY created_seq"
        return [decode(row[0]) for row in self.rows(sql, (account_id, "events", calendar_id, master_id))]

    def _changes(self, sql: str, values: tuple[object, ...]) -> list[Change]:
        return [Change(row[0], decode(row[1])) for row in self.rows(sql, values)]


def _within(kind: str, bounds: Bounds) -> tuple[str, tuple[object, ...]]:
    """The condition that keeps a feed to the bounds of its start."""
    later = "0" if bounds.strict else f"seq > {bounds.since:d}"
    if kind == "events" and bounds.starts_before is not None:
        window = (bounds.starts_before, bounds.ends_after)
        # What was in the window once is told about when it changes, so that a client learns that it has left.
        left = f"({later} AND ever_starts_at < ? AND ever_ends_at > ?)"
        return f"((starts_at < ? AND ends_at > ?) OR {left})", (*window, *window)
    if kind == "messages" and bounds.not_before is not None:
        return f"(sort_at >= ? OR {later})", (bounds.not_before,)
    if kind == "tasks" and bounds.not_before is not None:
        completed = "julianday(json_extract(record, '$.completed'))"
        return f"({completed} IS NULL OR {completed} >= julianday(?) OR {later})", (bounds.not_before,)
    return "1", ()
