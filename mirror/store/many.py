"""Many rows by few statements. It knows no table.

`executemany` takes a step of SQLite's for each row and has to get Python's lock back after each, which it waits for as long as
another account's thread computes something. A statement of many rows does its work in one step; alone, too, it saves 8 to 10 % of
a first sync's CPU.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mirror.store.columns import Row

VALUES_AT_ONCE = 2_000  # of SQLite's 32,766: eighty contacts, a thousand of their addresses


def insert(conn: sqlite3.Connection, table: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Put the rows into the table, in this order. Raises: what SQLite refuses, as for a single row."""
    into = f"INSERT INTO {table} ({', '.join(names)}) VALUES "
    one = f"({', '.join('?' * len(names))})"
    together = max(1, VALUES_AT_ONCE // len(names))
    whole = len(rows) - len(rows) % together
    if whole:
        sql = into + ", ".join([one] * together)
        for start in range(0, whole, together):
            conn.execute(sql, [value for row in rows[start : start + together] for value in row])
    if whole < len(rows):
        conn.executemany(into + one, rows[whole:])
