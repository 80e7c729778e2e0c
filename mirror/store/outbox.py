"""The outbox: what the person wants, edit by edit, and how far each has come. It never sends and never writes a record.

Edits of one record go in order. What has not been sent yet folds into one: the patch on a patch is a patch.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from mirror import clock as clocks
from mirror import merge
from mirror.errors import Invalid, Overtaken, Usage
from mirror.fields import check, sendable
from mirror.resources import KINDS
from mirror.store import opposites, order, overlays
from mirror.store.connection import Store
from mirror.store.edits import BUILDING, COLUMNS, CREATING, JSON, OPEN, UNSENT, VERBS, Edit, Fields, edit_of
from mirror.store.journal import Account
from mirror.store.overlays import form_of

# --- reading ----------------------------------------------------------------------------------------------------------


def edits(
    store: Store,
    *,
    states: Iterable[str] = OPEN,
    account_id: int | None = None,
    plan_id: int | None = None,
    record: tuple[str, int] | None = None,
    parent_id: int | None = None,
) -> list[Edit]:
    """Those in these states, oldest first. `record`: a kind and an id, also one that stands for what is to be created."""
    where = ["state IN (SELECT value FROM json_each(?))"]
    values: list[object] = [json.dumps(list(states))]
    if account_id is not None:
        where.append("account_id = ?")
        values.append(account_id)
    if plan_id is not None:
        where.append("plan_id = ?")
        values.append(plan_id)
    if record is not None:
        where.append("kind = ? AND coalesce(record_id, -id) = ?")
        values += record
    if parent_id is not None:
        where.append("parent_id = ?")
        values.append(parent_id)
    rows = store.conn.execute(f"SELECT {COLUMNS} FROM edits WHERE {' AND '.join(where)} ORDER BY id", values)
    return [edit_of(row) for row in rows]


def edit(store: Store, edit_id: int) -> Edit:
    """Raises: Usage."""
    row = store.conn.execute(f"SELECT {COLUMNS} FROM edits WHERE id = ?", [edit_id]).fetchone()
    if row is None:
        raise Usage(f"there is no edit {edit_id}; see them with: mirror outbox")
    return edit_of(row)


def title(store: Store, one: Edit) -> str | None:
    """What the record that an edit is about is called, with the edit."""
    kind = KINDS[one.kind]
    row = store.conn.execute(f"SELECT {kind.title} FROM {kind.name}_now WHERE id = ?", [one.shown_id]).fetchone()
    return row[0] if row else None


def conflicts_of(one: Edit) -> merge.Merged:
    """Both sides of a conflict, merged as far as they go. Of a record that is gone upstream, everything overlaps."""
    return merge.merge(one.form, merge.basis(one.form, one.base or {}, one.patch), one.patch, one.theirs or {})


# --- what a person does -------------------------------------------------------------------------------------------------


def add(
    store: Store,
    account: Account,
    kind: str,
    verb: str,
    patch: Mapping[str, Any] | None = None,
    *,
    record_id: int | None = None,
    parent_id: int | None = None,
    options: Mapping[str, Any] | None = None,
    plan_id: int | None = None,
) -> Edit | None:
    """Take an edit in; it shows at once. None when it took back what was never sent, or changes nothing.

    `patch`: upstream's own fields, whole top-level ones, null to clear. `record_id` may stand for what is to be created.
    Raises: Invalid (fields that can't be written), Usage (a read-only account, a verb that the kind does not have, a record
    that is gone).
    """
    with store.transaction() as conn:
        made = add_within(
            store, conn, account, kind, verb, dict(patch or {}), record_id, parent_id, dict(options or {}), plan_id
        )
    return edit(store, made) if made is not None else None


PAST = {
    "create": "created",
    "change": "changed",
    "delete": "deleted",
    "respond": "answered",
    "send": "sent",
    "reply": "answered",
}


def add_within(
    store: Store, conn: sqlite3.Connection, account: Account, kind: str, verb: str, patch: Fields, record_id: int | None = None,
    parent_id: int | None = None, options: Fields | None = None, plan_id: int | None = None,
) -> int | None:  # fmt: skip
    """As `add`, within a transaction under way; the edit's id."""
    if not account.writable:
        raise Usage(
            f"“{account.name}” is read-only; nothing is changed in it until you say: mirror account writable {account.name} on"
        )
    if verb not in VERBS[kind]:
        raise Usage(f"{KINDS[kind].singular}s can't be {PAST[verb]} through this API")
    options = options or {}
    base: Fields | None = None
    etag = None
    form = form_of(kind, verb, options)
    if record_id is not None and verb != "reply":
        base, etag = _as_shown(conn, kind, record_id)
        last = next(iter(_open_edits(conn, kind, record_id)[-1:]), None)
        # What a plan does stays apart from what is typed, so that it can be taken back by itself.
        if last is not None and last.state in UNSENT and (last.verb, verb) in FOLDS and last.plan_id == plan_id:
            return _fold(store, conn, last, verb, patch, options, base)
        if (
            last is not None and last.verb == "change" and last.receipt and last.base_etag == etag
        ):  # else: what was merged into it, nobody has seen
            etag = last.receipt.get("etag") or etag
        if verb == "change" and not options.get("draft"):  # a draft is replaced whole
            patch = merge.differences(form, base, {**base, **patch})
            if not patch:
                return None
    if verb != "delete" and not (verb == "send" and record_id is not None):
        _check(form, patch, creating=verb in CREATING, current=base if verb == "change" else None)
    created = conn.execute(
        "INSERT INTO edits (account_id, kind, record_id, parent_id, verb, patch, base, base_etag, base_seq, options,"
        " marker, plan_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [
            account.id, kind, record_id, parent_id, verb, _json(patch), _json(base), etag, order.last_place(conn),
            _json(options), f"{store.clock.random.getrandbits(96):024x}", plan_id, clocks.text(store.clock.now()),
        ],
    ).fetchone()[0]  # fmt: skip
    overlays.refresh(conn, kind, record_id if record_id is not None and verb != "reply" else -created)
    return int(created)


def _check(form: str, patch: Fields, *, creating: bool, current: Fields | None) -> None:
    """Raises: Invalid."""
    problems = check(form, patch, creating=creating, current=current)
    if problems:
        raise Invalid(problems)


def _as_shown(conn: sqlite3.Connection, kind: str, record_id: int) -> tuple[Fields, str | None]:
    """The record as it reads now, with open edits laid over it, and the etag that was observed."""
    row = conn.execute(f"SELECT raw, etag, deleted_at FROM {kind}_now WHERE id = ?", [record_id]).fetchone()
    if row is None:
        raise Usage(f"there is no {KINDS[kind].singular} {record_id}")
    if row["deleted_at"] is not None:
        raise Usage(
            f"{KINDS[kind].singular} {record_id} is deleted; bring it back with: mirror undelete {kind} {record_id}"
        )
    return json.loads(row["raw"]), row["etag"]


def _open_edits(conn: sqlite3.Connection, kind: str, record_id: int) -> list[Edit]:
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM edits WHERE kind = ? AND coalesce(record_id, -id) = ? AND state IN {overlays.OPEN} ORDER BY id",
        [kind, record_id],
    )
    return [edit_of(row) for row in rows]


FOLDS = frozenset({
    ("create", "change"), ("create", "delete"), ("create", "send"), ("change", "change"), ("change", "delete"),
    ("respond", "respond"), ("respond", "delete"), ("delete", "delete"),
})  # fmt: skip
"""Of an unsent edit and the next one: which become one. The others go one after the other."""


def _fold(
    store: Store, conn: sqlite3.Connection, waiting: Edit, verb: str, patch: Fields, options: Fields, shown: Fields
) -> int | None:
    """Make one edit of an unsent one and what comes after it. None: both together are nothing."""
    wanted, becomes = {**waiting.patch, **patch}, waiting.verb
    if verb in ("delete", "send"):
        becomes = verb
    if verb == "delete":
        wanted = {}
    base = waiting.base
    if waiting.verb == "change" and verb == "change":
        base = _seen(waiting, patch, shown)
        wanted = merge.differences(waiting.form, base, {**base, **wanted})
    if verb in ("change", "respond") and wanted:
        _check(waiting.form, wanted, creating=waiting.verb == "create", current=base)
    if becomes == "send":
        _check("mail", wanted, creating=True, current=None)
    nothing = (waiting.verb == "create" and verb == "delete") or (verb == "change" and not wanted)
    if nothing:
        _end(conn, waiting.id, "discarded", clocks.text(store.clock.now()))
    else:
        conn.execute(
            "UPDATE edits SET verb = ?, patch = ?, base = ?, options = ? WHERE id = ?",
            [becomes, _json(wanted), _json(base), _json({**waiting.options, **options}), waiting.id],
        )
    overlays.refresh(conn, waiting.kind, waiting.shown_id)
    return None if nothing else waiting.id


def _seen(waiting: Edit, patch: Fields, shown: Fields) -> Fields:
    """What both edits were based on: fields that only the second changes are as it saw them, which a pull may have renewed."""
    moved = any(name in waiting.patch for name in merge.WHEN)
    seen = merge.basis(waiting.form, shown, patch)
    kept = {*waiting.patch, *(merge.WHEN if moved else ())}
    return {**(waiting.base or {}), **{name: value for name, value in seen.items() if name not in kept}}


def discard(store: Store, one: Edit) -> None:
    """Take an edit back, with those that build on what it would have created. Raises: Usage."""
    if one.state in ("sending", "sent", "settled"):
        raise Usage(
            f"edit {one.id} is {one.state}: it is upstream already; undo it with: mirror revert {one.kind} {one.shown_id}"
        )
    with store.transaction() as conn:
        _must_be(conn, one)
        discard_within(store, conn, one, clocks.text(store.clock.now()))


def discard_within(store: Store, conn: sqlite3.Connection, one: Edit, now: str) -> None:
    """As `discard`, within a transaction under way, of an edit that is surely not upstream."""
    _end(conn, one.id, "discarded", now)
    if one.verb == "change" and not one.options.get("draft"):
        _let_go(conn, one, now)
    overlays.refresh(conn, one.kind, one.shown_id)
    if one.verb == "create":
        inside = edits(store, states=BUILDING, parent_id=-one.id)
        for other in (*inside, *edits(store, states=BUILDING, record=(one.kind, -one.id))):
            if other.id != one.id:
                discard_within(store, conn, other, now)


def _let_go(conn: sqlite3.Connection, taken_back: Edit, now: str) -> None:
    """Later edits of the record hold what they saw of this one in the lists that they change too: it leaves them."""
    for one in _open_edits(conn, taken_back.kind, taken_back.shown_id):
        if (
            one.id < taken_back.id
            or one.state != "pending"
            or one.verb != "change"
            or not set(one.patch) & set(taken_back.patch)
        ):
            continue
        base, patch = opposites.without(one.form, (taken_back.base or {}, taken_back.patch), one.base or {}, one.patch)
        if patch:
            conn.execute("UPDATE edits SET base = ?, patch = ? WHERE id = ?", [_json(base), _json(patch), one.id])
        else:
            _end(conn, one.id, "discarded", now)


def retry(store: Store, one: Edit) -> None:
    """Send an edit again that was refused, or whose answer got lost and whose person knows that it was not done."""
    if one.state not in ("rejected", "unsure", "pending"):
        raise Usage(f"edit {one.id} is {one.state}; only what was rejected, or is unsure, is sent again")
    update(store, one, state="pending", error=None, retry_at=None, attempts=0, receipt=None)


def at_once(store: Store, account_id: int) -> None:
    """A person who pushes does not wait for the moment at which the schedule would try again."""
    with store.transaction() as conn:
        conn.execute("UPDATE edits SET retry_at = NULL WHERE account_id = ? AND retry_at IS NOT NULL", [account_id])


def create_anew(store: Store, one: Edit) -> None:
    """Of a conflict with a deletion: make the record again, as it reads with the edit."""
    with store.transaction() as conn:
        fields = merge.apply(one.form, one.base or {}, one.patch)
        conn.execute(
            "UPDATE edits SET verb = 'create', record_id = NULL, parent_id = ?, patch = ?, base = NULL, base_etag = NULL,"
            " theirs = NULL, error = NULL, state = 'pending', retry_at = NULL WHERE id = ?",
            [_parent_of(conn, one), _json(sendable(one.form, fields, creating=True)), one.id],
        )
        overlays.refresh(conn, one.kind, one.record_id or 0)
        overlays.refresh(conn, one.kind, -one.id)


def _parent_of(conn: sqlite3.Connection, one: Edit) -> int | None:
    """What the record of an edit is in; it may have been gone before it was ever seen."""
    parent = KINDS[one.kind].parent_column
    if parent is None or one.record_id is None:
        return None
    if one.record_id < 0:
        row = conn.execute("SELECT parent_id FROM edits WHERE id = ?", [-one.record_id]).fetchone()
    else:
        row = conn.execute(f"SELECT {parent} FROM {one.kind} WHERE id = ?", [one.record_id]).fetchone()
    return int(row[0])


def resolve(store: Store, one: Edit, patch: Fields) -> None:
    """Settle a conflict: `patch` is what is to be sent over the record as upstream has it. Empty: theirs stands."""
    if one.state != "conflict":
        raise Usage(f"edit {one.id} is {one.state}, not in conflict")
    if not patch and one.verb == "change":
        with store.transaction() as conn:
            _must_be(conn, one)
            _end(conn, one.id, "discarded", clocks.text(store.clock.now()))
            overlays.refresh(conn, one.kind, one.shown_id)
        return
    theirs = one.theirs or {}
    update(store, one, state="pending", patch=patch, base=theirs, base_etag=theirs.get("etag"), theirs=None, error=None,
            retry_at=None, options={**one.options, "decided": True}, base_seq=order.last_place(store.conn))  # fmt: skip


def update(store: Store, one: Edit, **values: Any) -> Edit:
    """Set columns of an edit, with what people read of its record. For `dispatch.py`, which knows what they mean.

    Raises: Overtaken.
    """
    with store.transaction() as conn:
        _must_be(conn, one)
        names = ", ".join(f"{name} = ?" for name in values)
        conn.execute(
            f"UPDATE edits SET {names} WHERE id = ?",
            [*(_json(value) if name in JSON else value for name, value in values.items()), one.id],
        )
        if values.get("state") == "conflict" and values.get("theirs") is None:
            conn.execute("UPDATE edits SET theirs = 'null' WHERE id = ?", [one.id])
        overlays.refresh(conn, one.kind, one.shown_id)
    return edit(store, one.id)


def _must_be(conn: sqlite3.Connection, one: Edit) -> None:
    """Raises: Overtaken, when an edit is no longer as it was read."""
    row = conn.execute("SELECT state, verb, patch FROM edits WHERE id = ?", [one.id]).fetchone()
    if row is None or (row["state"], row["verb"], json.loads(row["patch"])) != (one.state, one.verb, one.patch):
        raise Overtaken(f"edit {one.id} has changed meanwhile: it is {row['state'] if row else 'gone'} now")


def _end(conn: sqlite3.Connection, edit_id: int, state: str, at: str) -> None:
    conn.execute("UPDATE edits SET state = ?, settled_at = ? WHERE id = ?", [state, at, edit_id])


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
