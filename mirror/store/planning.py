"""What a statement would do, made into a plan: each row that it touches becomes the edit of a record, or is left out by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from mirror import clock as clocks
from mirror import merge
from mirror.errors import Usage
from mirror.fields import check, sendable
from mirror.resources import KINDS
from mirror.store import journal, outbox, overlays, scratch
from mirror.store import written_columns as columns
from mirror.store.columns import CHILDREN
from mirror.store.connection import Store
from mirror.store.edits import VERBS
from mirror.store.journal import Account
from mirror.store.plans import Fields, Item, Plan, plan
from mirror.store.scratch import CHILD_OF, Named, Touched
from mirror.store.written_columns import RowChange, Unwritable

NO_MAIL = "mail is not created by SQL: mirror new mail, or mirror send"


def make(store: Store, sql: str) -> Plan:
    """The plan of what a statement would do. Raises: Usage, when it can't be planned, or nothing is in it."""
    named = scratch.understood(store, sql)
    _refuse_columns(named)
    touched = scratch.run(store, sql, named)
    items = list(_items(store, touched, named))
    if not items:
        raise Usage("that changes nothing; no plan is made")
    with store.transaction() as conn:
        made = conn.execute(
            "INSERT INTO plans (sql, items, created_at) VALUES (?, ?, ?) RETURNING id",
            [sql, json.dumps([asdict(item) for item in items]), clocks.text(store.clock.now())],
        ).fetchone()[0]
    return plan(store, made)


def _refuse_columns(named: Named) -> None:
    for table, written in named.written.items():
        known = columns.writable(table)
        if not known and "delete" not in named.verbs:
            raise Usage(
                f"{table} can't be written; these can: {', '.join(t for t in scratch.CHANGEABLE if columns.writable(t))}"
            )
        for column in sorted(written - set(known)):
            hint = columns.ELSEWHERE.get((table, column))
            hint = f" ({hint})" if hint else ""
            raise Usage(f"{table}.{column} can't be written{hint}; these can: {', '.join(known)}")


def _items(store: Store, touched: list[Touched], named: Named) -> Iterator[Item]:
    by_record: dict[int, list[Touched]] = {}
    for one in touched:
        if one.table in CHILD_OF:
            owner = CHILDREN[CHILD_OF[one.table]][one.table][0]
            row = one.before or one.after or {}
            by_record.setdefault(row.get(owner) or 0, []).append(one)
        elif one.before is None:
            yield _creation(store, one)
        else:
            item = _record_item(store, one, named)
            if item is not None:
                yield item
    for record_id, rows in by_record.items():
        item = _list_item(store, record_id, rows)
        if item is not None:
            yield item


def _record_item(store: Store, one: Touched, named: Named) -> Item | None:
    kind, row = one.table, one.before or {}
    if one.after is None:
        return _checked(store, kind, row["id"], "delete", lambda record: record)
    after = one.after
    changed = {name: after[name] for name in named.written[kind] if after[name] != row[name]}
    if not changed:
        return None
    return _checked(
        store, kind, row["id"], "change", lambda record: columns.record_as_wished(kind, record, changed, after)
    )


def _list_item(store: Store, record_id: int, rows: list[Touched]) -> Item | None:
    table = rows[0].table
    kind, known = CHILD_OF[table], columns.writable(table)
    changes = [
        RowChange(
            one.place,
            None if one.after is None else {
                name: one.after[name] for name in known if one.before is None or one.after[name] != one.before[name]
            },
        )
        for one in rows
    ]  # fmt: skip
    had = max(one.rows for one in rows)
    return _checked(
        store, kind, record_id, "change", lambda record: columns.record_with_list(kind, table, record, had, changes)
    )


def _checked(store: Store, kind: str, record_id: int, verb: str, wish: Any) -> Item | None:
    """The item of a record, left out with the reason where it can't be. None: nothing would change."""
    shown = overlays.shown(store, kind, record_id)
    if shown is None or shown["deleted_at"] is not None:
        singular = KINDS[kind].singular
        return Item(0, kind, record_id, 0, verb, {}, {}, why=f"there is no {singular} {record_id}")
    account = journal.account(store, shown["account_id"])
    record: Fields = json.loads(shown["raw"])
    form = overlays.form_of(kind, verb, {})
    why, patch = _why_not(account, kind, verb), {}
    if verb == "change" and why is None:
        try:
            patch = merge.differences(form, record, wish(record))
        except Unwritable as unwritable:
            why = str(unwritable.problem)
        else:
            if not patch:
                return None
            problems = check(form, patch, creating=False, current=record)
            why = "; ".join(map(str, problems)) or None
    base = merge.basis(form, record, patch) if patch else {}
    return Item(
        account.id, kind, record_id, shown["seq"], verb, patch, base, shown[KINDS[kind].title],
        attendees=len(_attendees(record)), open_edits=int(shown["edit"] is not None), why=why,
    )  # fmt: skip


def _creation(store: Store, one: Touched) -> Item:
    kind, row = one.table, one.after or {}
    parent = KINDS[kind].parent_column
    ours = {"id", "account_id", *([parent] if parent else [])}
    given = {name: value for name, value in row.items() if name not in ours and value is not None}
    known = columns.writable(kind)
    account = _account_of(store, kind, row)
    if account is None:
        return Item(0, kind, None, 0, "create", {}, {}, why="it must say whose it is: give account_id")
    why = (
        "mail is not created by SQL: mirror new mail, or mirror send"
        if kind == "messages"
        else _why_not(account, kind, "create")
    )
    if odd := [name for name in given if name not in known]:
        why = why or f"{', '.join(odd)} can't be written; these can: {', '.join(known)}"
    patch: Fields = {}
    if why is None:
        try:
            patch = sendable(kind, columns.record_as_wished(kind, {}, given, row), creating=True)
            why = "; ".join(map(str, check(kind, patch, creating=True))) or None
        except Unwritable as unwritable:
            why = str(unwritable.problem)
    place = None
    if parent and why is None:
        place = row.get(parent) or overlays.parent(store, account.id, KINDS[kind], None)
        why = None if place is not None else f"it must say where: give {parent}"
    title = str(row.get(KINDS[kind].title) or "") or None
    return Item(account.id, kind, None, 0, "create", patch, {}, title, place, len(_attendees(patch)), why=why)


def _account_of(store: Store, kind: str, row: Mapping[str, Any]) -> Account | None:
    parent = KINDS[kind].parent_column
    if row.get("account_id") is not None:
        chosen = row["account_id"]
    elif parent and row.get(parent) is not None:
        found = store.conn.execute(
            f"SELECT account_id FROM {KINDS[kind].parent} WHERE id = ?", [row[parent]]
        ).fetchone()
        chosen = found[0] if found else None
    else:
        able = [account for account in journal.accounts(store) if account.writable]
        return able[0] if len(able) == 1 else None
    return next((account for account in journal.accounts(store) if account.id == chosen), None)


def _why_not(account: Account, kind: str, verb: str) -> str | None:
    if not account.writable:
        return f"“{account.name}” is read-only"
    if verb not in VERBS[kind]:
        return f"{KINDS[kind].singular}s can't be {outbox.PAST[verb]} through this API"
    return None


def _attendees(record: Mapping[str, Any]) -> list[Any]:
    meeting = record.get("meetingInfo")
    attendees = meeting.get("attendees") if isinstance(meeting, dict) else None
    return attendees if isinstance(attendees, list) else []
