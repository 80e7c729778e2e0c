"""The SQL functions that the pages' queries may use, beside SQLite's own. They compute from their arguments, and only that."""

from __future__ import annotations

import sqlite3

from mirror.web.search_terms import search_words
from mirror.web.series import series_starts


def register(conn: sqlite3.Connection) -> None:
    """Make the functions known on a connection."""
    conn.create_function("series_starts", 6, series_starts, deterministic=True)
    conn.create_function("search_words", 1, search_words, deterministic=True)
