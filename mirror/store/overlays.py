"""What a person reads: observation, with the edits that are on their way laid over it. It follows from both, and decides nothing.

A record's overlay is written anew whenever one of its edits or the record itself changes, in the same transaction.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from mirror import merge
from mirror.resources import KINDS, Kind
from mirror.store import order
from mirror.store.columns import COLUMNS, derive, fields_of
from mirror.store.connection import Store

Fields = dict[str, Any]

OPEN = "('pending', 'sending', 'sent', 'unsure', 'conflict')"
WORST = ("conflict", "unsure", "sending", "pending", "sent")
"""Of several edits of one record, the state that needs most attention."""


def form_of(kind: str, verb: str, options: Fields) -> str:
    """The table of fields (`fields.py`) that the patch of such an edit goes by."""
    if kind == "messages":
        if verb == "reply":
            return "reply"
        if verb == "create" or options.get("draft"):
            return "drafts"
        return "mail" if verb == "send" else "messages"
    return "response" if verb == "respond" else kind


def refresh(conn: sqlite3.Connection, kind: str, record_id: int) -> None:
    """Write a record's overlay anew, or take it away when no edit is open. Negative: of what is to be created."""
    found = conn.execute(
        f"SELECT id, account_id, parent_id, verb, patch, options, state, created_at FROM edits"
        f" WHERE kind = ? AND coalesce(record_id, -id) = ? AND state IN {OPEN} ORDER BY id",
        [kind, record_id],
    ).fetchall()
    before = conn.execute(
        "SELECT account_id, parent_id, seq, deleted_at, raw, body FROM overlays WHERE kind = ? AND record_id = ?",
        [kind, record_id],
    ).fetchone()
    if not found:
        conn.execute("DELETE FROM overlays WHERE kind = ? AND record_id = ?", [kind, record_id])
        if before is not None:
            _reads_otherwise(conn, kind, record_id, before["account_id"], before["parent_id"])
        return
    row = _observed(conn, kind, record_id)
    fields: Fields = json.loads(row["raw"]) if row is not None else {}
    deleted_at = body = None
    for edit in found:
        patch, options = json.loads(edit["patch"]), json.loads(edit["options"])
        fields, body = _laid_over(kind, edit, patch, options, fields, body)
        deleted_at = edit["created_at"] if edit["verb"] == "delete" and kind != "messages" else deleted_at
    derived = derive(kind, fields_of(json.dumps(fields)))
    columns = dict(zip(COLUMNS[kind], derived.columns, strict=True))
    if kind == "messages":
        columns["folder_id"] = row["folder_id"] if row is not None else None
    parent_id = _parent_id(conn, kind, record_id, row)
    state = next(state for state in WORST if any(edit["state"] == state for edit in found))
    after = (
        found[0]["account_id"],
        parent_id,
        row["seq"] if row is not None else 0,
        deleted_at,
        json.dumps(fields),
        body,
    )
    if before is None or tuple(before) != after:
        _reads_otherwise(conn, kind, record_id, found[0]["account_id"], parent_id)
    conn.execute(
        "INSERT OR REPLACE INTO overlays (kind, record_id, account_id, parent_id, seq, state, deleted_at, columns, children, raw,"
        " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            kind, record_id, found[0]["account_id"], parent_id, row["seq"] if row is not None else 0, state, deleted_at,
            json.dumps(columns), json.dumps(derived.children), json.dumps(fields), body,
        ],
    )  # fmt: skip


def _reads_otherwise(
    conn: sqlite3.Connection, kind: str, record_id: int, account_id: int, parent_id: int | None
) -> None:
    """Whoever follows the mirror is told of the record once more."""
    conn.execute(
        "INSERT OR REPLACE INTO local_changes (kind, record_id, account_id, parent_id, seq) VALUES (?, ?, ?, ?, ?)",
        [kind, record_id, account_id, parent_id, order.take_one(conn)],
    )


def _parent_id(conn: sqlite3.Connection, kind: str, record_id: int, row: sqlite3.Row | None) -> int | None:
    """What a record is in. Of one that is to be created, the edit that creates it knows: others may outlast it."""
    parent = KINDS[kind].parent_column
    if parent is None:
        return None
    if row is None:
        row = conn.execute(f"SELECT parent_id AS {parent} FROM edits WHERE id = ?", [-record_id]).fetchone()
    return None if row is None else row[parent]


def _observed(conn: sqlite3.Connection, kind: str, record_id: int) -> sqlite3.Row | None:
    if record_id < 0:
        return None
    found: sqlite3.Row | None = conn.execute(f"SELECT * FROM {kind} WHERE id = ?", [record_id]).fetchone()
    return found


def _laid_over(
    kind: str, edit: sqlite3.Row, patch: Fields, options: Fields, fields: Fields, body: str | None
) -> tuple[Fields, str | None]:
    verb = edit["verb"]
    form = form_of(kind, verb, options)
    if verb == "respond":
        meeting = {**(fields.get("meetingInfo") or {}), "response": patch.get("response")}
        return {**fields, "meetingInfo": meeting}, body
    if kind != "messages":
        return (merge.apply(form, fields, patch) if verb != "delete" else fields), body
    if form in ("mail", "drafts", "reply"):
        if verb == "delete":
            return _labelled(fields, {"trash"}, {"inbox", "draft"}), body
        written = {
            name: value for name, value in patch.items() if name not in ("body", "attachments", "xHeaders", "tracking")
        }
        named = {**fields, **written, "sysLabels": ["draft"], "receivedAt": edit["created_at"]}
        named["hasAttachments"] = bool(patch.get("attachments"))
        named["bodySnippet"] = str(patch.get("body") or "")[:200]
        return named, patch.get("body") or body
    if verb == "delete":
        return _labelled(fields, {"trash"}, {"inbox"}), body
    return merge.apply(form, fields, patch), body


def _labelled(fields: Fields, added: set[str], removed: set[str]) -> Fields:
    known = [label for label in fields.get("sysLabels") or [] if label not in removed]
    return {**fields, "sysLabels": known + sorted(added - set(known))}


# --- reading with edits --------------------------------------------------------------------------------------------------


def shown(store: Store, kind: str, record_id: int) -> Fields | None:
    """The row of a record as it reads with its edits."""
    row = store.conn.execute(f"SELECT * FROM {kind}_now WHERE id = ?", [record_id]).fetchone()
    return dict(row) if row else None


def body(store: Store, record_id: int) -> str | None:
    """The body of a mail as it is written, with its edits."""
    row = store.conn.execute(
        "SELECT body FROM overlays WHERE kind = 'messages' AND record_id = ?1 AND body IS NOT NULL UNION ALL"
        " SELECT html FROM message_bodies WHERE message_id = ?1 LIMIT 1",
        [record_id],
    ).fetchone()
    return row[0] if row else None


def parent(store: Store, account_id: int, kind: Kind, wanted: str | None) -> int | None:
    """The id of a calendar or task list by its name or id; without one, of the account's own."""
    own = {"calendars": "is_primary", "task_lists": "is_default"}[kind.parent or ""]
    title = KINDS[kind.parent or ""].title
    chosen = f"{title} = ?2 OR CAST(id AS TEXT) = ?2 OR remote_id = ?2" if wanted is not None else "?2 IS NULL"
    row = store.conn.execute(
        f"SELECT id FROM {kind.parent}_now WHERE account_id = ?1 AND deleted_at IS NULL AND ({chosen})"
        f" ORDER BY coalesce({own}, 0) DESC, id > 0 DESC, abs(id) LIMIT 1",
        [account_id, wanted],
    ).fetchone()
    return row[0] if row else None
