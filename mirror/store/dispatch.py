"""How far each edit has come on its way upstream: the outbox as push uses it, one function for each step."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from typing import Any

from mirror import clock as clocks
from mirror import merge
from mirror.feed import Feed, Receipt, Write
from mirror.fields import sendable
from mirror.resources import KINDS
from mirror.store import journal, order, outbox
from mirror.store.connection import Store
from mirror.store.edits import Edit

Fields = dict[str, Any]


def due(store: Store, account_id: int) -> list[Edit]:
    """What is to be pushed now, in order: of each record the first open edit, when nothing keeps it waiting."""
    now = clocks.text(store.clock.now())
    found: list[Edit] = []
    busy: set[tuple[str, int]] = set()
    for one in outbox.edits(store, account_id=account_id):
        place = (one.kind, one.shown_id)
        if place in busy:
            continue
        busy.add(place)
        if one.state in ("pending", "unsure", "sent") and (
            one.retry_at is None or one.retry_at <= now or one.state == "sent"
        ):
            found.append(one)
    return found


def died(store: Store, account_id: int) -> None:
    """What was on its way when a process died is unsure. For whoever holds the account's lease."""
    for one in outbox.edits(store, states=("sending",), account_id=account_id):
        outbox.update(store, one, state="unsure", error="the process ended before the answer came")


def write_of(store: Store, one: Edit) -> Write | None:
    """What is to be asked of upstream; None while the record or parent that it needs is not there yet."""
    if one.record_id is not None and one.record_id < 0:
        return None
    parent = KINDS[one.kind].parent
    parent_remote: str | None = None
    if parent is not None:
        parent_id = one.parent_id
        if one.record_id is not None:
            row = store.conn.execute(
                f"SELECT {KINDS[one.kind].parent_column} FROM {one.kind} WHERE id = ?", [one.record_id]
            ).fetchone()
            parent_id = row[0]
        parent_remote = _remote_id(store, parent, parent_id)
        if parent_remote is None:
            return None
    remote_id = one.remote_id
    if one.record_id is not None:
        remote_id = _draft_id(store, one) or _remote_id(store, one.kind, one.record_id)
    fields = sendable(one.form, one.patch, creating=one.verb in ("create", "send", "reply"))
    known = one.options
    if one.verb == "delete" and one.options.get("draft") and _draft_id(store, one) is None:
        known = {**one.options, "draft": False}  # its draft id is unknown: it goes to the trash as any other message
    options = {**known, **({"marker": one.marker} if one.kind == "messages" else {})}
    return Write(one.verb, Feed(one.kind, parent_remote), remote_id, fields, one.base_etag, options)


def _draft_id(store: Store, one: Edit) -> str | None:
    """A draft has an id besides its message's, which is known of those that were written here."""
    if not one.options.get("draft"):
        return None
    row = store.conn.execute(
        "SELECT remote_id FROM edits WHERE kind = 'messages' AND coalesce(record_id, -id) = ? AND id < ?"
        " AND remote_id IS NOT NULL AND options ->> 'draft' ORDER BY id DESC LIMIT 1",
        [one.record_id, one.id],
    ).fetchone()
    return row[0] if row else None


def _remote_id(store: Store, kind: str, record_id: int | None) -> str | None:
    if record_id is None:
        return None
    if record_id < 0:
        row = store.conn.execute("SELECT remote_id FROM edits WHERE id = ?", [-record_id]).fetchone()
    else:
        row = store.conn.execute(f"SELECT remote_id FROM {kind} WHERE id = ?", [record_id]).fetchone()
    return row[0] if row else None


def readable_id(store: Store, one: Edit) -> str | None:
    """The id that the record is read by: of a draft, its message's."""
    return one.remote_id if one.record_id is None else _remote_id(store, one.kind, one.record_id)


def sending(store: Store, one: Edit) -> Edit:
    """Committed before the request leaves, so that a process that dies meanwhile is known to have tried."""
    journal.not_ahead(store, one.account_id, one.kind)  # what is looked at later must have come after this
    return outbox.update(store, one, state="sending", attempts=one.attempts + 1, sent_at=clocks.text(store.clock.now()),
                   sent_seq=order.last_place(store.conn), retry_at=None)  # fmt: skip


def sent(store: Store, one: Edit, receipt: Receipt | None = None) -> Edit:
    """Upstream has said yes, or was found to have it. A pull will show it."""
    receipt = receipt or Receipt()
    answer = {**receipt.answer, "etag": receipt.etag} if receipt.etag else dict(receipt.answer)
    sent_at = one.sent_at or clocks.text(store.clock.now())
    done = outbox.update(store, one, state="sent", remote_id=receipt.remote_id or one.remote_id, receipt=answer, error=None,
                  retry_at=None, sent_at=sent_at)  # fmt: skip
    with store.transaction() as conn:
        _move_on(conn, done)
    return outbox.edit(store, one.id)


def settled(store: Store, one: Edit) -> Edit:
    """Upstream has done it, and the record is gone since: no pull will ever show it. What builds on it is for a person."""
    done = outbox.update(store, one, state="settled", settled_at=clocks.text(store.clock.now()))
    if one.verb == "create":
        for later in outbox.edits(store, states=("pending",), record=(one.kind, -one.id)):
            left_behind(store, later)
        for child in outbox.edits(store, states=("pending",), parent_id=-one.id):
            left_behind(store, child)
    return done


def left_behind(store: Store, one: Edit) -> Edit:
    """The same, unless what it waits for was created and is gone: a person is asked. It may have been made since."""
    if _went_unseen(store, one.record_id):
        return conflict(store, one, None, "deleted upstream")
    if _went_unseen(store, one.parent_id):
        return rejected(store, one, "what was to contain it is deleted upstream")
    return one


def _went_unseen(store: Store, shown_id: int | None) -> bool:
    """Whether this stands for a record that was created and gone before any pull showed it."""
    row = store.conn.execute(
        "SELECT 1 FROM edits WHERE id = -? AND verb = 'create' AND state = 'settled' AND record_id IS NULL", [shown_id]
    ).fetchone()
    return row is not None


def _move_on(conn: sqlite3.Connection, done: Edit) -> None:
    """The next edit of the record goes by what upstream has now: the etag of the answer, if nothing was merged into it.

    Not that of an answer to an invitation, which is given whatever has become of the event.
    """
    etag = (done.receipt or {}).get("etag")
    if done.verb == "change" and etag:
        conn.execute(
            "UPDATE edits SET base_etag = ? WHERE kind = ? AND record_id = ? AND id > ? AND state = 'pending' AND base_etag IS ?",
            [etag, done.kind, done.record_id, done.id, done.base_etag],
        )


def wait(store: Store, one: Edit, error: str, after_s: float) -> Edit:
    """Not done, and not to be tried before then."""
    retry_at = clocks.text(store.clock.now() + timedelta(seconds=after_s))
    return outbox.update(store, one, error=error, retry_at=retry_at)


def again(store: Store, one: Edit) -> Edit:
    """Surely not done: to be sent once more."""
    return outbox.update(store, one, state="pending")


def unsure(store: Store, one: Edit, error: str, *, receipt: Receipt | None = None) -> Edit:
    """`receipt`: upstream said yes, but not to what."""
    answer = one.receipt if receipt is None else dict(receipt.answer)
    return outbox.update(store, one, state="unsure", error=error, receipt=answer)


def rejected(store: Store, one: Edit, error: str) -> Edit:
    return outbox.update(store, one, state="rejected", error=error)


def conflict(store: Store, one: Edit, theirs: Fields | None, error: str | None = None) -> Edit:
    """Changed on both sides. `theirs` None: upstream no longer has the record."""
    return outbox.update(store, one, state="conflict", theirs=theirs, error=error)


def rebased(store: Store, one: Edit, merged: merge.Merged, theirs: Fields) -> Edit:
    """The same wish over a newer record. Nothing left of it: upstream has it already."""
    taken = [*(one.taken or []), *merged.taken]
    again = outbox.update(store, one, state="pending", patch=merged.patch or one.patch, base=theirs,
                          base_etag=theirs.get("etag"), base_seq=order.last_place(store.conn), taken=taken or None)  # fmt: skip
    return sent(store, again) if not merged.patch else again


def incomplete(store: Store, one: Edit) -> bool:
    """Whether upstream left fields of the record out, which nobody has read yet: what stands there may be of an earlier state."""
    row = store.conn.execute(
        "SELECT 1 FROM incomplete JOIN feeds ON feeds.id = feed_id WHERE feeds.kind = ? AND record_id = ?",
        [one.kind, one.record_id],
    ).fetchone()
    return row is not None


def news(store: Store, one: Edit) -> tuple[bool, Fields | None]:
    """Whether a pull has seen a newer version than the edit was based on, and which; None: it is deleted."""
    row = store.conn.execute(f"SELECT raw, seq, deleted_at FROM {one.kind} WHERE id = ?", [one.record_id]).fetchone()
    newer = row["seq"] > one.base_seq  # with the same etag, too: then it was completed by what had been left out
    return newer, None if row["deleted_at"] is not None else json.loads(row["raw"])
