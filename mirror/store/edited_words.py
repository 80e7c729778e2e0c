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
    words = [name for name in kind.search if name != "body"]
    rows = store.conn.execute(
        f"SELECT shown.id, accounts.name AS account, shown.{kind.title} AS title, shown.{when} AS at, shown.deleted_at,"
        f" shown.edit, {', '.join(f'shown.{name} AS word_{name}' for name in words)}"
        f" FROM {kind.name}_now AS shown JOIN accounts ON accounts.id = shown.account_id"
        " WHERE shown.edit IS NOT NULL AND (?1 IS NULL OR shown.account_id = ?1) AND (?2 OR shown.deleted_at IS NULL)",
        [account_id, deleted],
    ).fetchall()
    if not rows:
        return []
    bodies = _bodies(store) if "body" in kind.search else {}
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
    return [
        {"kind": kind.name, **{name: rows[number][name] for name in ("id", "account", "title", "at", "deleted_at")},
         "snippet": snippet, "edit": rows[number]["edit"]}
        for number, snippet in found
    ]  # fmt: skip


def _bodies(store: Store) -> dict[int, str]:
    """The texts of mails with edits: as they are written, else as they came."""
    rows = store.conn.execute(
        "SELECT record_id, coalesce(body, text) AS body FROM overlays LEFT JOIN message_bodies ON message_id = record_id"
        " WHERE kind = 'messages'"
    )
    return {row["record_id"]: A_TAG.sub(" ", row["body"] or "") for row in rows}
