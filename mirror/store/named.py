"""Records as programs are told of them: by ids that are text, as they read with the edits that are on their way. Never writes.

A record has upstream's id. One that is to be created goes by `local-` and the mark of its edit, which is no other mirror's;
that name keeps leading to it after upstream gave it another.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mirror.feed import LOCAL
from mirror.resources import KINDS
from mirror.store import edited_words

LATER = 1 << 40
"""Where records that are to be created begin in the order in which records came."""


@dataclass(frozen=True, slots=True)
class Named:
    """A live record. `raw` is its JSON text, as it reads with edits where it is `edited`; then `parent` is its parent's name."""

    id: int
    name: str
    raw: bytes
    edited: bool = False
    parent: str | None = None

    @property
    def place(self) -> int:
        """Where it stands in the order in which records came."""
        return self.id if self.id > 0 else LATER - self.id


EDITED = (
    "SELECT over.record_id AS id, coalesce(record.remote_id, 'local-' || edits.marker) AS name, CAST(over.raw AS BLOB) AS raw,"
    " over.parent_id, over.columns, coalesce(over.deleted_at, record.deleted_at) AS deleted_at, local_changes.seq"
    " FROM overlays AS over LEFT JOIN {kind} AS record ON record.id = over.record_id"
    " LEFT JOIN edits ON edits.id = -over.record_id"
    " JOIN local_changes ON local_changes.kind = over.kind AND local_changes.record_id = over.record_id"
    " WHERE over.kind = '{kind}' AND over.account_id = :account AND (:parent IS NULL OR over.parent_id = :parent)"
)
UNEDITED = "NOT EXISTS (SELECT 1 FROM overlays WHERE overlays.kind = '{kind}' AND overlays.record_id = {kind}.id)"


def place_of(kind: str) -> str:
    """The condition that keeps to an account, or to a parent, of a kind's table."""
    column = KINDS[kind].parent_column
    return "account_id = :account" if column is None else f"{column} = :parent"


def id_of(conn: sqlite3.Connection, account_id: int, kind: str, parent_id: int | None, name: str) -> int | None:
    """The id that a name leads to; of what is to be created, a negative one."""
    asked = {"account": account_id, "parent": parent_id, "name": name}
    row = conn.execute(f"SELECT id FROM {kind} WHERE {place_of(kind)} AND remote_id = :name", asked).fetchone()
    if row is not None:
        return int(row[0])
    if not name.startswith(LOCAL):
        return None
    edit = conn.execute(
        "SELECT id, record_id, remote_id, parent_id, verb FROM edits WHERE marker = ? AND account_id = ? AND kind = ?"
        " AND verb IN ('create', 'send', 'reply')",
        [name.removeprefix(LOCAL), account_id, kind],
    ).fetchone()
    return None if edit is None else _created(conn, kind, parent_id, asked, edit)


def _created(
    conn: sqlite3.Connection, kind: str, parent_id: int | None, asked: dict[str, Any], edit: sqlite3.Row
) -> int | None:
    """What an edit is to create, or has created."""
    if parent_id is not None and edit["parent_id"] != parent_id:
        return None
    if conn.execute("SELECT 1 FROM overlays WHERE kind = ? AND record_id = ?", [kind, -edit["id"]]).fetchone():
        return -int(edit["id"])
    if edit["verb"] == "create" and edit["record_id"] is not None:
        return int(edit["record_id"])
    asked = {**asked, "name": edit["remote_id"]}
    row = conn.execute(f"SELECT id FROM {kind} WHERE {place_of(kind)} AND remote_id = :name", asked).fetchone()
    return int(row[0]) if row is not None else None


def draft_id(conn: sqlite3.Connection, account_id: int, name: str) -> int | None:
    """The message that the id of a draft leads to: upstream's, of drafts that were written here, or the message's own."""
    found = id_of(conn, account_id, "messages", None, name)
    if found is not None:
        return found
    row = conn.execute(
        "SELECT coalesce(record_id, -id) FROM edits WHERE account_id = ? AND kind = 'messages' AND remote_id = ?"
        " AND state <> 'discarded' ORDER BY id DESC LIMIT 1",
        [account_id, name],
    ).fetchone()
    return int(row[0]) if row is not None else None


def name_of(conn: sqlite3.Connection, kind: str, record_id: int | None) -> str | None:
    """What a record goes by."""
    if record_id is None:
        return None
    sql = (
        f"SELECT remote_id FROM {kind} WHERE id = ?"
        if record_id > 0
        else "SELECT 'local-' || marker FROM edits WHERE id = -?"
    )
    row = conn.execute(sql, [record_id]).fetchone()
    return row[0] if row is not None else None


def one(conn: sqlite3.Connection, account_id: int, kind: str, record_id: int) -> Named | None:
    """A record by its id; None when it is deleted, or to be."""
    asked = {"account": account_id, "parent": None, "id": record_id}
    over = conn.execute(f"{EDITED.format(kind=kind)} AND over.record_id = :id", asked).fetchone()
    if over is not None:
        return edited(conn, kind, over)
    row = conn.execute(
        f"SELECT id, remote_id, CAST(raw AS BLOB) FROM {kind} WHERE id = :id AND account_id = :account AND deleted_at IS NULL",
        asked,
    ).fetchone()
    return Named(*row) if row is not None else None


def edited(conn: sqlite3.Connection, kind: str, row: sqlite3.Row) -> Named | None:
    """The record of a row of `EDITED`; None when it is deleted, or to be."""
    if row["deleted_at"] is not None:
        return None
    parent = KINDS[kind].parent
    home = name_of(conn, parent, row["parent_id"]) if parent is not None else None
    return Named(row["id"], row["name"], row["raw"], True, home)


def all_edited(conn: sqlite3.Connection, account_id: int, kind: str, parent_id: int | None) -> list[Named]:
    """The live records with open edits, in the order in which they came."""
    rows = conn.execute(EDITED.format(kind=kind), {"account": account_id, "parent": parent_id})
    found = (edited(conn, kind, row) for row in rows.fetchall())
    return sorted((one for one in found if one is not None), key=lambda one: one.place)


def in_order(
    conn: sqlite3.Connection, account_id: int, kind: str, parent_id: int | None, after: int, limit: int,
    words: str | None = None,
) -> list[Named]:  # fmt: skip
    """Live records in the order in which they came, behind a place. `words`: those alone that hold them all."""
    chosen = "" if words is None else f"id IN (SELECT rowid FROM {kind}_fts WHERE {kind}_fts MATCH :words) AND "
    among = None if words is None else set(edited_words.ids(conn, KINDS[kind], quoted(words), account_id))
    rows = conn.execute(
        f"SELECT id, remote_id, CAST(raw AS BLOB) FROM {kind} WHERE {chosen}{place_of(kind)} AND deleted_at IS NULL"
        f" AND id > :after AND {UNEDITED.format(kind=kind)} ORDER BY id LIMIT :limit",
        {"account": account_id, "parent": parent_id, "after": after, "limit": limit, "words": quoted(words or "")},
    )
    observed = [Named(*row) for row in rows]
    over = [
        one
        for one in all_edited(conn, account_id, kind, parent_id)
        if one.place > after and (among is None or one.id in among)
    ]
    return sorted([*observed, *over], key=lambda one: one.place)[: None if limit < 0 else limit]


def quoted(words: str) -> str:
    """The words as a search for their beginnings that can't be taken for FTS5's own query language."""
    return " ".join(f'"{word}"*' for word in re.findall(r"[^\s\"\x00]+", words)) or '""'


# --- mail ------------------------------------------------------------------------------------------------------------------

Dated = tuple[str, int, Named]


def mail(
    conn: sqlite3.Connection, account_id: int, after: tuple[str, int] | None, thread_id: str | None, chunk: int,
    words: Sequence[str] = (),
) -> Iterator[Dated]:  # fmt: skip
    """Observed mail without edits, newest first, behind a date and an id; what has no date comes last."""
    thread = "" if thread_id is None else "thread_id = :thread AND "
    if words:
        thread += "id IN (SELECT rowid FROM messages_fts WHERE messages_fts MATCH :words) AND "
    asked: dict[str, Any] = {
        "account": account_id,
        "thread": thread_id,
        "limit": chunk,
        "words": quoted(" ".join(words)),
    }
    for dated in (True, False):
        at, before = after or ("~", 0)
        if not dated:
            at, before = "", before if after and not at else LATER
        elif after is not None and not at:
            continue
        while True:
            bounds = (
                "received_at IS NOT NULL AND (received_at, id) < (:at, :id)"
                if dated
                else "received_at IS NULL AND id < :id"
            )
            rows = conn.execute(
                f"SELECT coalesce(received_at, '') AS at, id, remote_id, CAST(raw AS BLOB) AS raw FROM messages"
                f" WHERE {thread}account_id = :account AND deleted_at IS NULL AND {bounds}"
                f" AND {UNEDITED.format(kind='messages')} ORDER BY received_at DESC, id DESC LIMIT :limit",
                {**asked, "at": at, "id": before},
            ).fetchall()
            yield from ((row["at"], row["id"], Named(row["id"], row["remote_id"], row["raw"])) for row in rows)
            if len(rows) < chunk:
                break
            at, before = rows[-1]["at"], rows[-1]["id"]


def edited_mail(conn: sqlite3.Connection, account_id: int, thread_id: str | None) -> list[Dated]:
    """Mail with open edits, newest first."""
    rows = conn.execute(
        f"SELECT *, columns ->> 'received_at' AS at FROM ({EDITED.format(kind='messages')})"
        " WHERE :thread IS NULL OR columns ->> 'thread_id' = :thread",
        {"account": account_id, "parent": None, "thread": thread_id},
    ).fetchall()
    found = [(row["at"] or "", row["id"], edited(conn, "messages", row)) for row in rows]
    return sorted(
        ((at, number, one) for at, number, one in found if one is not None), key=lambda row: row[:2], reverse=True
    )


def body(conn: sqlite3.Connection, message_id: int) -> str | None:
    """The body of a mail as it came, or as it is being written."""
    row = conn.execute(
        "SELECT body FROM overlays WHERE kind = 'messages' AND record_id = ?1 AND body IS NOT NULL UNION ALL"
        " SELECT coalesce(html, text) FROM message_bodies WHERE message_id = ?1 LIMIT 1",
        [message_id],
    ).fetchone()
    return row[0] if row else None


# --- events ----------------------------------------------------------------------------------------------------------------


def in_window(conn: sqlite3.Connection, account_id: int, calendar_id: int, before: str, since: str) -> list[Named]:
    """Singles, series and exceptions that may take place between two moments; of series, all that begin before the later one."""
    asked = {"account": account_id, "parent": calendar_id, "before": before, "since": since}
    rows = conn.execute(
        "SELECT id, remote_id, CAST(raw AS BLOB) FROM events WHERE calendar_id = :parent AND deleted_at IS NULL"
        " AND (starts_at < :before OR starts_at IS NULL) AND (ends_at >= :since OR ends_at IS NULL OR recurrence_type = 'master')"
        f" AND {UNEDITED.format(kind='events')} ORDER BY starts_at, id",
        asked,
    )
    return [*(Named(*row) for row in rows), *all_edited(conn, account_id, "events", calendar_id)]


def exceptions(conn: sqlite3.Connection, account_id: int, calendar_id: int, series: str) -> list[Named]:
    """The occurrences of a series that were moved, changed or cancelled."""
    asked = {"account": account_id, "parent": calendar_id, "series": series}
    rows = conn.execute(
        "SELECT id, remote_id, CAST(raw AS BLOB) FROM events WHERE calendar_id = :parent AND series_remote_id = :series"
        f" AND deleted_at IS NULL AND {UNEDITED.format(kind='events')} ORDER BY id",
        asked,
    )
    over = conn.execute(
        f"SELECT * FROM ({EDITED.format(kind='events')}) WHERE columns ->> 'series_remote_id' = :series ORDER BY id",
        asked,
    ).fetchall()
    found = (edited(conn, "events", row) for row in over)
    return [*(Named(*row) for row in rows), *(one for one in found if one is not None)]
