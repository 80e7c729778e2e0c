"""Search among the records that open edits are about: the indexes of the file hold what was observed. It never writes there.

Such records are few, so their words are indexed anew for each question, in memory, as the file's own indexes are.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

from mirror.resources import Kind
from mirror.store.connection import Store

A_TAG = re.compile(r"<[a-zA-Z/!][^>]*>")
TOKENS = "unicode61 remove_diacritics 2"


def search(
    store: Store, kind: Kind, query: str, when: str, account_id: int | None, *, deleted: bool
) -> list[dict[str, Any]]:
    """Those that hold the words with their edits, best first, in the form of `reading.search`."""
    rows, found = _matching(store.conn, kind, query, when, account_id, deleted=deleted)
    return [
        {"kind": kind.name, **{name: rows[number][name] for name in ("id", "account", "title", "at", "deleted_at")},
         "snippet": snippet, "edit": rows[number]["edit"]}
        for number, snippet in found
    ]  # fmt: skip


def ids(conn: sqlite3.Connection, kind: Kind, query: str, account_id: int) -> list[int]:
    """The live ones of an account that hold the words with their edits."""
    rows, found = _matching(conn, kind, query, "observed_at", account_id, deleted=False)
    return [rows[number]["id"] for number, _ in found]


def _matching(
    conn: sqlite3.Connection, kind: Kind, query: str, when: str, account_id: int | None, *, deleted: bool
) -> tuple[list[sqlite3.Row], list[tuple[int, str]]]:
    """All edited records, and of those that match, best first, where they stand among them and a snippet."""
    words = [name for name in kind.search if name != "body"]
    rows = conn.execute(
        f"SELECT shown.id, accounts.name AS account, shown.{kind.title} AS title, shown.{when} AS at, shown.deleted_at,"
        f" shown.edit, {', '.join(f'shown.{name} AS word_{name}' for name in words)}"
        f" FROM {kind.name}_now AS shown JOIN accounts ON accounts.id = shown.account_id"
        " WHERE shown.edit IS NOT NULL AND (?1 IS NULL OR shown.account_id = ?1) AND (?2 OR shown.deleted_at IS NULL)",
        [account_id, deleted],
    ).fetchall()
    if not rows:
        return [], []
    bodies = _bodies(conn) if "body" in kind.search else {}
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute(f"CREATE VIRTUAL TABLE words USING fts5 ({', '.join(kind.search)}, tokenize = '{TOKENS}')")
        for number, row in enumerate(rows):
            values = [bodies.get(row["id"]) if name == "body" else row[f"word_{name}"] for name in kind.search]
            places = ", ".join("?" for _ in values)
            memory.execute(
                f"INSERT INTO words (rowid, {', '.join(kind.search)}) VALUES (?, {places})", [number, *values]
            )
        found = memory.execute(
            "SELECT rowid, snippet(words, -1, '[', ']', '…', 12) FROM words WHERE words MATCH ? ORDER BY rank", [query]
        ).fetchall()
    return rows, found


def _bodies(conn: sqlite3.Connection) -> dict[int, str]:
    """The texts of mails with edits: as they are written, else as they came."""
    rows = conn.execute(
        "SELECT record_id, coalesce(body, text) AS body FROM overlays LEFT JOIN message_bodies ON message_id = record_id"
        " WHERE kind = 'messages'"
    )
    return {row["record_id"]: A_TAG.sub(" ", row["body"] or "") for row in rows}
