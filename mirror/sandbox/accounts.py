"""The sandbox's SQLite file: schema, transactions, the order of changes, and the accounts. It reads no records."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from mirror import clock as clocks
from mirror.clock import Clock
from mirror.errors import RecordGone

TokenStatus = Literal["active", "invalid", "dead"]
Record = dict[str, Any]

_ACCOUNT = (
    "id, email, name, service_type, token, status, created_at,"
    " coalesce((SELECT mailbox_id FROM grants WHERE account_id = accounts.id), id)"
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT,
    service_type TEXT NOT NULL,
    token TEXT UNIQUE,          -- NULL once it was revoked
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    settings TEXT NOT NULL      -- JSON: the well-known folders a person chose
);
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT NOT NULL,       -- '' where the kind has none
    remote_id TEXT NOT NULL,
    seq INTEGER NOT NULL,       -- of the last change: the feeds' order
    created_seq INTEGER NOT NULL,
    sort_at TEXT,               -- mail: what "newest first" goes by
    thread_id TEXT,
    master_id TEXT,             -- the series that an occurrence belongs to
    starts_at TEXT,             -- events: the span in which it can occur
    ends_at TEXT,
    ever_starts_at TEXT,        -- over all its versions, so that a feed tells of what left its window
    ever_ends_at TEXT,
    record TEXT NOT NULL,
    body TEXT,
    html INTEGER,
    mime BLOB,
    UNIQUE (account_id, kind, parent, remote_id)
);
CREATE INDEX IF NOT EXISTS records_by_change ON records (account_id, kind, parent, seq);
CREATE INDEX IF NOT EXISTS records_by_age ON records (account_id, kind, parent, created_seq);
CREATE INDEX IF NOT EXISTS messages_by_date ON records (account_id, sort_at, created_seq) WHERE kind = 'messages';
CREATE INDEX IF NOT EXISTS messages_by_thread ON records (account_id, thread_id) WHERE kind = 'messages';
CREATE INDEX IF NOT EXISTS events_by_series ON records (account_id, parent, master_id) WHERE master_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS tombstones (
    account_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    record TEXT NOT NULL,       -- as the deleted feed tells it
    UNIQUE (account_id, kind, parent, remote_id)
);
CREATE INDEX IF NOT EXISTS tombstones_by_change ON tombstones (account_id, kind, parent, seq);
CREATE TABLE IF NOT EXISTS attachments (
    account_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    attachment_id TEXT NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (account_id, kind, parent, remote_id, attachment_id)
);
CREATE TABLE IF NOT EXISTS grants (
    account_id INTEGER PRIMARY KEY,
    mailbox_id INTEGER NOT NULL,    -- the account whose records it opens: itself, or the first of several
    details TEXT NOT NULL           -- JSON: the scopes, and what the application said of the account
);
CREATE TABLE IF NOT EXISTS sign_ins (
    ticket TEXT PRIMARY KEY,
    expires_at TEXT NOT NULL,
    request TEXT NOT NULL           -- JSON: what the application asked for
);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    resource TEXT NOT NULL,
    url TEXT NOT NULL,
    filters TEXT NOT NULL,          -- JSON
    detail_level TEXT,
    created_at TEXT NOT NULL,
    seen_seq INTEGER NOT NULL,      -- changes up to this place were told of, or came before it
    active INTEGER NOT NULL DEFAULT 1,
    failing TEXT,                   -- 'delivery': nobody answers; 'account': its token is not accepted
    fail_since TEXT,
    fail_description TEXT
);
CREATE INDEX IF NOT EXISTS subscriptions_of ON subscriptions (account_id);
CREATE TABLE IF NOT EXISTS notifications (
    id INTEGER PRIMARY KEY,
    subscription_id INTEGER NOT NULL,
    body BLOB NOT NULL,
    signed_at INTEGER NOT NULL,     -- Unix seconds: each attempt is signed as of the first
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL            -- Unix seconds
);
CREATE INDEX IF NOT EXISTS notifications_due ON notifications (due_at);
"""


@dataclass(frozen=True, slots=True)
class Account:
    """One way into a mailbox, and the token that opens it. `mailbox_id` is what its records are kept under."""

    id: int
    email: str
    name: str | None
    service_type: str
    token: str | None
    status: TokenStatus
    created_at: str
    mailbox_id: int

    @property
    def asker_id(self) -> int:
        return self.id


def encode(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def decode(text: str) -> Record:
    decoded: Record = msgspec.json.decode(text)
    return decoded


class Accounts:
    """The accounts of one file, and the transactions that everything happens in. Safe to use from several threads."""

    def __init__(self, path: str = ":memory:", *, clock: Clock) -> None:
        self.clock = clock
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # Losing the sandbox's last second in a power cut harms nobody; waiting for the disk on every change does.
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA)
        self._depth = 0
        self._seq: int = self.rows(
            "SELECT max(coalesce((SELECT max(seq) FROM records), 0), coalesce((SELECT max(seq) FROM tombstones), 0))"
        )[0][0]

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @property
    def seq(self) -> int:
        """The place of the latest change in the order of all changes."""
        return self._seq

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction, in which no other thread comes between. May be nested; the outermost commits."""
        with self._lock:
            before = self._seq
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._db.execute("ROLLBACK")
                    self._seq = before
                raise
            else:
                if self._depth == 1:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def snapshot(self) -> AbstractContextManager[None]:
        """The same: reading here may write down what was due."""
        return self.batch()

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """What a query gives, read under the lock."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def write(self, sql: str, values: tuple[object, ...]) -> None:
        with self.batch():
            self._db.execute(sql, values)

    def next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def now(self) -> str:
        return clocks.text(self.clock.now())

    def add_account(
        self, *, email: str, name: str | None = None, service_type: str = "Google", token: str | None = None
    ) -> Account:
        """A new, empty account. Without a token of the caller's own it gets an unguessable one."""
        with self.batch():
            account_id = self.clock.random.randrange(10_000, 10**9)
            while self._account("id", account_id) is not None:
                account_id = self.clock.random.randrange(10_000, 10**9)
            row = (account_id, email, name, service_type, token or self.clock.secret(), "active", self.now(), "{}")
            self.write("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return self.account(account_id)

    def account(self, account_id: int) -> Account:
        """Raises: RecordGone, when there is no such account."""
        found = self._account("id", account_id)
        if found is None:
            raise RecordGone(f"no account {account_id}")
        return found

    def account_for_token(self, token: str) -> Account | None:
        return self._account("token", token)

    def accounts(self) -> list[Account]:
        """All accounts, oldest first."""
        every = [Account(*row) for row in self.rows(f"SELECT {_ACCOUNT} FROM accounts ORDER BY created_at, id")]
        # Where several began in one instant, those that brought the mailbox come before those that share it.
        return sorted(every, key=lambda one: (one.created_at, one.id != one.mailbox_id))

    def set_token_status(self, account_id: int, status: TokenStatus) -> None:
        self.write("UPDATE accounts SET status = ? WHERE id = ?", (status, account_id))

    def set_token(self, account_id: int, token: str | None) -> None:
        """Give the account another token, as signing in again does, or with None revoke the one it has."""
        status = "dead" if token is None else "active"
        self.write("UPDATE accounts SET token = ?, status = ? WHERE id = ?", (token, status, account_id))

    def remove_account(self, account_id: int) -> None:
        """Forget the account, and what it holds too unless another account opens the same mailbox."""
        with self.batch():
            sharing = "SELECT min(account_id) FROM grants WHERE mailbox_id = ? AND account_id <> ?"
            heir = self.rows(sharing, (account_id, account_id))[0][0]
            for table in ("records", "tombstones", "attachments"):
                if heir is None:
                    self.write(f"DELETE FROM {table} WHERE account_id = ?", (account_id,))
                else:
                    self.write(f"UPDATE {table} SET account_id = ? WHERE account_id = ?", (heir, account_id))
            if heir is not None:
                self.set_settings(heir, self.settings(account_id))
                self.write("UPDATE grants SET mailbox_id = ? WHERE mailbox_id = ?", (heir, account_id))
            self.write("DELETE FROM accounts WHERE id = ?", (account_id,))
            gone = "SELECT id FROM subscriptions WHERE account_id = ?"
            self.write(f"DELETE FROM notifications WHERE subscription_id IN ({gone})", (account_id,))
            for table in ("grants", "codes", "subscriptions"):
                self.write(f"DELETE FROM {table} WHERE account_id = ?", (account_id,))

    def settings(self, account_id: int) -> Record:
        found = self.rows("SELECT settings FROM accounts WHERE id = ?", (account_id,))
        return decode(found[0][0]) if found else {}

    def set_settings(self, account_id: int, settings: Record) -> None:
        self.write("UPDATE accounts SET settings = ? WHERE id = ?", (encode(settings), account_id))

    def _account(self, column: str, value: object) -> Account | None:
        found = self.rows(f"SELECT {_ACCOUNT} FROM accounts WHERE {column} = ?", (value,))
        return Account(*found[0]) if found else None
