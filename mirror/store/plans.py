"""Plans: many edits at once, worked out by SQL on a scratch copy, kept with what they were based on, made and taken back later.

A plan changes nothing by itself. Its edits go through the outbox like all others; each of them remembers its plan, so that
applying again makes only those that are missing.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from mirror import clock as clocks
from mirror import merge
from mirror.errors import Invalid, Usage
from mirror.merge.comparing import readable
from mirror.store import journal, outbox, overlays
from mirror.store.connection import Store
from mirror.store.journal import Account

Fields = dict[str, Any]

BATCH = 200  # edits in one transaction


@dataclass(frozen=True, slots=True)
class Item:
    """What a plan wants of one record. `why`: it is left out, and for what reason."""

    account_id: int
    kind: str
    record_id: int | None
    seq: int
    verb: str
    patch: Fields
    base: Fields
    title: str | None = None
    parent_id: int | None = None
    attendees: int = 0  # who would be told of it
    open_edits: int = 0
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A row of `plans`, its items read."""

    id: int
    sql: str
    state: str
    items: list[Item]
    created_at: str
    applied_at: str | None

    @property
    def wanted(self) -> list[tuple[int, Item]]:
        """The items that are not left out, each with its place."""
        return [(place, item) for place, item in enumerate(self.items) if item.why is None]


@dataclass(slots=True)
class Done:
    """What a pass over a plan did."""

    made: list[int] = field(default_factory=list)  # ids of edits
    discarded: list[int] = field(default_factory=list)
    before: int = 0  # that had been made already
    left: int = 0  # that remain to be made, beyond the limit
    skipped: list[tuple[Item, str]] = field(default_factory=list)


# --- reading plans --------------------------------------------------------------------------------------------------------


def plan(store: Store, plan_id: int) -> Plan:
    """Raises: Usage."""
    row = store.conn.execute("SELECT * FROM plans WHERE id = ?", [plan_id]).fetchone()
    if row is None:
        raise Usage(f"there is no plan {plan_id}; see them with: mirror plan --list")
    known = {one.name for one in fields(Item)}
    items = [
        Item(**{name: value for name, value in item.items() if name in known}) for item in json.loads(row["items"])
    ]
    return Plan(row["id"], row["sql"], row["state"], items, row["created_at"], row["applied_at"])


def plans(store: Store) -> list[Plan]:
    """All, newest last."""
    return [plan(store, row["id"]) for row in store.conn.execute("SELECT id FROM plans ORDER BY id").fetchall()]


def progress(store: Store, plan_id: int) -> dict[str, int]:
    """How many of its edits are in which state."""
    rows = store.conn.execute("SELECT state, count(*) FROM edits WHERE plan_id = ? GROUP BY state", [plan_id])
    return {row[0]: row[1] for row in rows}


def live_records(store: Store, kind: str, account_id: int) -> int:
    """How many an account has of a kind, to see what part of them a plan is about."""
    row = store.conn.execute(
        f"SELECT count(*) FROM {kind} WHERE account_id = ? AND deleted_at IS NULL", [account_id]
    ).fetchone()
    return int(row[0])


# --- applying it ----------------------------------------------------------------------------------------------------------


def apply(store: Store, chosen: Plan, *, limit: int | None = None, notify: bool = True) -> Done:
    """Make the edits that are missing, at most `limit`. A record that has changed since is skipped. Raises: Usage."""
    if chosen.state in ("reverted", "discarded"):
        raise Usage(f"plan {chosen.id} is {chosen.state}; make it anew with: mirror plan …")
    done = Done()
    known = _made(store, chosen.id)
    missing = [(place, item) for place, item in chosen.wanted if place not in known]
    done.before = len(chosen.wanted) - len(missing)
    accounts = {account.id: account for account in journal.accounts(store)}
    now = missing if limit is None else missing[:limit]
    done.left = len(missing) - len(now)
    for start in range(0, len(now), BATCH):
        with store.transaction() as conn:
            for place, item in now[start : start + BATCH]:
                account = accounts.get(item.account_id)
                why = "its account is removed" if account is None else _changed_since(store, account, item)
                if why is not None or account is None:
                    done.skipped.append((item, why or ""))
                    continue
                options = {"item": place, **({} if notify else {"notify_attendees": False})}
                try:
                    made = outbox.add_within(store, conn, account, item.kind, item.verb, item.patch, item.record_id,
                                             item.parent_id, options, chosen.id)  # fmt: skip
                except (Usage, Invalid) as error:
                    done.skipped.append((item, str(error)))
                    continue
                done.made += [made] if made is not None else []
    if not done.left:
        _set_state(store, chosen.id, "applied")
    return done


def _changed_since(store: Store, account: Account, item: Item) -> str | None:
    """Why an item is not as it was when the plan was made; None when it is."""
    if not account.writable:
        return f"“{account.name}” is read-only"
    if item.record_id is None:
        return None
    shown = overlays.shown(store, item.kind, item.record_id)
    if shown is None or shown["deleted_at"] is not None:
        return "it is deleted by now"
    form = overlays.form_of(item.kind, item.verb, {})
    now = readable(form, json.loads(shown["raw"]))
    same = all(merge.same(form, name, value, now.get(name)) for name, value in item.base.items())
    return None if shown["seq"] == item.seq and same else "it has changed since the plan was made"


def _made(store: Store, plan_id: int) -> set[int]:
    """The places of the items that have an edit, whatever became of it."""
    rows = store.conn.execute("SELECT options ->> 'item' FROM edits WHERE plan_id = ?", [plan_id])
    return {row[0] for row in rows if row[0] is not None}


def _set_state(store: Store, plan_id: int, state: str) -> None:
    with store.transaction() as conn:
        conn.execute(
            "UPDATE plans SET state = ?, applied_at = coalesce(applied_at, CASE ? WHEN 'applied' THEN ? END) WHERE id = ?",
            [state, state, clocks.text(store.clock.now()), plan_id],
        )


# --- taking it back -------------------------------------------------------------------------------------------------------


def take_back(store: Store, chosen: Plan, *, notify: bool = True) -> Done:
    """Discard what is not upstream yet, and make the opposite edits of what is. Resumable, as `apply` is.

    What somebody else has changed since stays, and is named. Raises: Usage.
    """
    from mirror.store import plans_undone

    done, now = Done(), clocks.text(store.clock.now())
    here = list(reversed(outbox.edits(store, states=("pending", "conflict", "rejected"), plan_id=chosen.id)))
    for start in range(0, len(here), BATCH):
        with store.transaction() as conn:
            for one in here[start : start + BATCH]:
                if outbox.edit(store, one.id).state == one.state:  # nobody has pushed it meanwhile
                    outbox.discard_within(store, conn, one, now)
                    done.discarded.append(one.id)
    for one in reversed(outbox.edits(store, states=("sending", "sent", "unsure", "settled"), plan_id=chosen.id)):
        plans_undone.undo(store, one, done, notify=notify)
    _set_state(store, chosen.id, "reverted" if chosen.applied_at or _made(store, chosen.id) else "discarded")
    return done


def summary(chosen: Plan) -> dict[str, Any]:
    """What a plan is about, counted: records by kind and verb, fields, requests, and what one should know before."""
    items = [item for _, item in chosen.wanted]
    return {
        "records": dict(Counter(f"{item.verb} {item.kind}" for item in items)),
        "fields": dict(
            Counter(f"{item.kind}.{name}" for item in items if item.verb == "change" for name in item.patch)
        ),
        "requests": sum(2 if item.verb == "delete" and item.kind != "messages" else 1 for item in items),
        "attendees": sum(1 for item in items if item.kind == "events" and item.attendees),
        "deletions": sum(1 for item in items if item.verb == "delete"),
        "open_edits": sum(item.open_edits for item in items),
        "left_out": len(chosen.items) - len(items),
    }
