"""What SQL that comes in through a browser may touch: SQLite asks here before it runs a statement.

The connection can't write in any case. This keeps upstream's tokens, those of programs (their hashes), the webhooks'
addresses and the tables of the machinery out of sight.
"""

from __future__ import annotations

import re
import sqlite3

UNREADABLE_TABLES = frozenset({"purges", "walk_seen", "sqlite_dbpage", "dbstat"})
UNREADABLE_COLUMNS = frozenset(
    {
        ("feeds", "cursor"), ("subscriptions", "notification_url"), ("api_subscriptions", "notification_url"),
        ("api_tokens", "sha256"),
    }
)  # fmt: skip
UNUSABLE_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})  # the latter tells where in memory things are

_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})
_JOINS_BY_NAME = re.compile(r"\b(?:natural|using)\b", re.IGNORECASE)
_PRAGMAS = frozenset(
    {
        "database_list", "foreign_key_list", "function_list", "index_info", "index_list", "index_xinfo", "page_count",
        "max_page_count", "page_size", "schema_version", "table_info", "table_list", "table_xinfo", "compile_options",
        "data_version",
    }
)  # fmt: skip


LONGEST_VALUE = 100_000_000
"""Bytes. Twice the longest mail that providers take; a question for a value of gigabytes ends with an error instead."""


def guard(conn: sqlite3.Connection) -> None:
    """Put a connection under guard: whatever SQL reaches it."""
    conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    conn.set_authorizer(authorize)


def check(sql: str) -> None:
    """SQLite doesn't ask about columns that are joined by their name alone; so what holds any that are hidden is not joined so.

    Raises: sqlite3.OperationalError.
    """
    written = sql.lower()
    if any(table in written for table, _ in UNREADABLE_COLUMNS) and _JOINS_BY_NAME.search(sql):
        named = ", ".join(sorted(table for table, _ in UNREADABLE_COLUMNS))
        raise sqlite3.OperationalError(f"{named} can't be joined by NATURAL or USING here; say ON")


def authorize(action: int, first: str | None, second: str | None, _database: str | None, _inner: str | None) -> int:
    """SQLite's question whether a statement may do a thing. What must not be seen reads as NULL: no error, no value."""
    if action == sqlite3.SQLITE_READ:
        hidden = first in UNREADABLE_TABLES or (first, second) in UNREADABLE_COLUMNS
        return sqlite3.SQLITE_IGNORE if hidden else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() in UNUSABLE_FUNCTIONS else sqlite3.SQLITE_OK
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
        return sqlite3.SQLITE_OK  # asked while a virtual table (search, json_each) is opened; the file can't be written
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if (first or "").lower() in _PRAGMAS else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY
