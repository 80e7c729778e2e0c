"""One edit of a plan undone, once it is upstream: by its opposite, which leaves what anybody else has done since."""

from __future__ import annotations

import json

from mirror.errors import Invalid, Usage
from mirror.merge.comparing import readable
from mirror.resources import KINDS
from mirror.store import journal, outbox, overlays, undoing
from mirror.store.connection import Store
from mirror.store.edits import Edit
from mirror.store.opposites import opposite
from mirror.store.plans import Done, Item


def undo(store: Store, one: Edit, done: Done, *, notify: bool) -> None:
    """Make the opposite of one edit, and note in `done` what came of it."""
    if one.state in ("sending", "unsure"):
        done.skipped.append((_item(store, one), f"edit {one.id} is {one.state}: push, and revert again"))
        return
    if _undone(store, one):
        done.before += 1
        return
    try:
        made = _opposite(store, one, done, notify=notify)
    except (Usage, Invalid) as error:
        done.skipped.append((_item(store, one), str(error)))
    else:
        done.made += [made.id] if made is not None else []


def _opposite(store: Store, one: Edit, done: Done, *, notify: bool) -> Edit | None:
    account = journal.account(store, one.account_id)
    options: dict[str, object] = {"undoes": one.id, **({} if notify else {"notify_attendees": False})}
    if one.verb == "create":
        return outbox.add(store, account, one.kind, "delete", record_id=one.shown_id, options=options)
    if one.verb == "delete":
        return _created_anew(store, one, options)
    shown = overlays.shown(store, one.kind, one.record_id or 0)
    if shown is None or shown["deleted_at"] is not None:
        raise Usage("it is deleted by now")
    back = opposite(one.form, one.base or {}, one.patch, readable(one.form, json.loads(shown["raw"])))
    if back.kept:
        done.skipped.append((_item(store, one), f"changed since, and left as it is: {', '.join(back.kept)}"))
    if not back.patch:
        return None
    return outbox.add(store, account, one.kind, "change", back.patch, record_id=one.record_id, options=options)


def _created_anew(store: Store, one: Edit, options: dict[str, object]) -> Edit | None:
    """The opposite of a deletion. Raises: Usage, Invalid."""
    kind, record_id = KINDS[one.kind], one.record_id or 0
    if one.state == "sent":
        raise Usage("its deletion is not seen here yet: sync, and revert again")
    version = undoing.last_live(store, kind, record_id)
    if version is None:
        raise Usage("nothing is known of it")
    if (why := undoing.can_come_back(kind, version.fields)) is not None:
        raise Usage(why)
    back = undoing.come_back(store, kind, one.account_id, version.fields)
    return outbox.add(
        store, journal.account(store, one.account_id), kind.name, "create", back.fields,
        parent_id=undoing.place_of(store, kind, record_id), options={**options, "undeletes": record_id},
    )  # fmt: skip


def _undone(store: Store, one: Edit) -> bool:
    """Whether its opposite has been made already."""
    found = store.conn.execute(
        "SELECT 1 FROM edits WHERE account_id = ? AND kind = ? AND options ->> 'undoes' = ? AND state <> 'discarded' LIMIT 1",
        [one.account_id, one.kind, one.id],
    ).fetchone()
    return found is not None


def _item(store: Store, one: Edit) -> Item:
    title = outbox.title(store, one)
    return Item(one.account_id, one.kind, one.record_id, one.base_seq, one.verb, one.patch, {}, title)
