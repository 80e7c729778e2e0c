"""The SQL functions that the pages' queries may use, beside SQLite's own. They compute from their arguments, and only that."""

from __future__ import annotations

import re
import sqlite3

from mirror.web.series import series_starts

NOTHING = '""'
"""A search expression that finds nothing. FTS5 takes an empty one for an error."""

_TERM = re.compile(r'"([^"]*)"|([^\s"]+)')


def search_words(typed: str | None) -> str:
    """What a person typed as an FTS5 expression: all words, quoted parts as phrases, the last word as a beginning.

    Whatever is typed is valid, since every term is quoted.
    """
    text = str(typed or "").replace("\x00", " ")
    terms = [(phrase or word, not phrase) for phrase, word in _TERM.findall(text)]
    quoted = [(f'"{term}"', is_word) for term, is_word in terms if any(c.isalnum() for c in term)]
    if not quoted:
        return NOTHING
    last, is_word = quoted[-1]
    unfinished = is_word and not text[-1:].isspace()
    return " ".join([*(term for term, _ in quoted[:-1]), f"{last}*" if unfinished else last])


def register(conn: sqlite3.Connection) -> None:
    """Make the functions known on a connection."""
    conn.create_function("series_starts", 6, series_starts, deterministic=True)
    conn.create_function("search_words", 1, search_words, deterministic=True)
