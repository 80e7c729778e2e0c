"""What a pull shows of edits: those that upstream has carried out are settled, and overlays follow the newer records.

Runs in the transaction that writes the records, so that the truth and its edit change places at one moment.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from mirror import clock as clocks
from mirror import merge
from mirror.merge.comparing import readable
from mirror.resources import KINDS
from mirror.store import overlays
from mirror.store.connection import Store
from mirror.store.overlays import form_of

if TYPE_CHECKING:
    from mirror.store.edits import Edit


def after_pull(conn: sqlite3.Connection, account_id: int, kind: str, now: str) -> None:
    """To be called when records of a kind have been written."""
    if conn.execute(
        "SELECT 1 FROM edits WHERE account_id = ? AND kind = ? AND state IN ('pending', 'sending', 'sent', 'unsure', 'conflict')"
        " LIMIT 1",
        [account_id, kind],
    ).fetchone() is None:  # fmt: skip
        return
    for edit in conn.execute(
        "SELECT * FROM edits WHERE account_id = ? AND kind = ? AND state = 'sent'", [account_id, kind]
    ).fetchall():
        if (record_id := _shown_by(conn, edit)) is not None:
            conn.execute(
                "UPDATE edits SET state = 'settled', settled_at = ?, record_id = ? WHERE id = ?",
                [now, record_id if edit["verb"] == "create" else edit["record_id"], edit["id"]],
            )
            _adopt(conn, edit, record_id)
            overlays.refresh(conn, kind, -edit["id"] if edit["record_id"] is None else edit["record_id"])
    stale = conn.execute(
        f"SELECT record_id FROM overlays JOIN {kind} AS record ON record.id = record_id"
        " WHERE kind = ? AND overlays.seq <> record.seq",
        [kind],
    ).fetchall()
    for row in stale:
        overlays.refresh(conn, kind, row[0])


def look(store: Store, edit: Edit) -> None:
    """Settle what the mirror shows already, since no record needs to be written for that."""
    with store.transaction() as conn:
        after_pull(conn, edit.account_id, edit.kind, clocks.text(store.clock.now()))


def _adopt(conn: sqlite3.Connection, edit: sqlite3.Row, record_id: int) -> None:
    """What stood for a record that is there now, in edits of what it contains."""
    if edit["verb"] == "create":
        conn.execute(
            "UPDATE edits SET record_id = ? WHERE kind = ? AND record_id = ?", [record_id, edit["kind"], -edit["id"]]
        )
        overlays.refresh(conn, edit["kind"], record_id)
        conn.execute("UPDATE edits SET parent_id = ? WHERE parent_id = ?", [record_id, -edit["id"]])
        for child in conn.execute(
            "SELECT kind, id FROM edits WHERE parent_id = ? AND record_id IS NULL", [record_id]
        ).fetchall():
            overlays.refresh(conn, child["kind"], -child["id"])


def _shown_by(conn: sqlite3.Connection, edit: sqlite3.Row) -> int | None:
    """The id of the record that shows that an edit was carried out; None as long as none does."""
    kind, verb = edit["kind"], edit["verb"]
    if verb == "reply" or (kind == "messages" and edit["record_id"] is None):
        return _mail(conn, edit)
    if verb == "create":
        row = conn.execute(
            f"SELECT id FROM {kind} WHERE account_id = ? AND remote_id = ?", [edit["account_id"], edit["remote_id"]]
        ).fetchone()
        return row[0] if row else None
    row = conn.execute(f"SELECT * FROM {kind} WHERE id = ?", [edit["record_id"]]).fetchone()
    if row["deleted_at"] is not None:
        return int(row["id"])
    if verb == "send":
        return int(row["id"]) if "draft" not in (row["labels"] or "") else None
    if verb == "delete":
        return int(row["id"]) if kind == "messages" and "trash" in (row["labels"] or "") else None
    return int(row["id"]) if _tells(edit, row) else None


def _tells(edit: sqlite3.Row, row: sqlite3.Row) -> bool:
    """Whether a version is the one that the edit made, or a later one."""
    receipt, options = json.loads(edit["receipt"] or "{}"), json.loads(edit["options"])
    if options.get("draft"):  # its text is not in raw
        return bool(row["seq"] > (edit["sent_seq"] or 0))
    if receipt.get("etag") and receipt["etag"] == row["etag"]:
        return True
    newer = row["seq"] > (edit["sent_seq"] or 0) and None not in (edit["base_etag"], row["etag"])
    if newer and row["etag"] != edit["base_etag"]:
        return True
    return shows(
        form_of(edit["kind"], edit["verb"], options),
        json.loads(edit["patch"]),
        json.loads(row["raw"]),
    )


def shows(form: str, patch: dict[str, Any], fields: dict[str, Any]) -> bool:
    """Whether a record has all that a patch asks for."""
    if form == "response":
        return (fields.get("meetingInfo") or {}).get("response") == patch.get("response")
    now = readable(form, fields)
    return all(merge.same(form, name, value, now.get(name)) for name, value in patch.items())


def mail(store: Store, edit: Edit) -> int | None:
    """The id of the message that a sending whose answer got lost has made."""
    return _mail(store.conn, store.conn.execute("SELECT * FROM edits WHERE id = ?", [edit.id]).fetchone())


def creation(store: Store, edit: Edit) -> str | None:
    """The remote id of a record that a creation whose answer got lost has made: as it was wanted, and new since."""
    kind = KINDS[edit.kind]
    place, value = (
        ("account_id", edit.account_id) if kind.parent_column is None else (kind.parent_column, edit.parent_id)
    )
    rows = store.conn.execute(
        f"WITH new AS (SELECT id, remote_id, seq, raw FROM {kind.name} AS record WHERE {place} = ?1 AND seq > ?2"
        " AND deleted_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM versions WHERE kind = ?3 AND record_id = record.id AND versions.seq <= ?2)"
        " AND remote_id NOT IN (SELECT remote_id FROM edits WHERE account_id = ?4 AND kind = ?3 AND verb = 'create'"
        " AND remote_id IS NOT NULL)) SELECT remote_id, seq, raw FROM new UNION ALL SELECT remote_id, versions.seq, versions.raw"
        " FROM new JOIN versions ON versions.kind = ?3 AND versions.record_id = new.id ORDER BY seq",  # changed by others since
        [value, edit.sent_seq or 0, kind.name, edit.account_id],
    )
    return next((row["remote_id"] for row in rows if shows(edit.form, edit.patch, json.loads(row["raw"]))), None)


def _mail(conn: sqlite3.Connection, edit: sqlite3.Row) -> int | None:
    """A mail that was sent: by the id that upstream gave, by its Message-Id, or by our own mark in its headers."""
    receipt = json.loads(edit["receipt"] or "{}")
    for column, value in (
        ("remote_id", edit["remote_id"] or receipt.get("id")), ("internet_message_id", receipt.get("submittedMessageId")),
    ):  # fmt: skip
        if value:
            row = conn.execute(
                f"SELECT id FROM messages WHERE account_id = ? AND {column} = ?", [edit["account_id"], value]
            ).fetchone()
            if row:
                return int(row[0])
    row = conn.execute(
        "SELECT id FROM messages WHERE account_id = ? AND seq > ? AND instr(raw, ?) > 0",
        [edit["account_id"], edit["sent_seq"] or 0, edit["marker"]],
    ).fetchone()
    return int(row[0]) if row else None
