"""Whether every edit has come to an end that its person wanted, once, and the mirror shows nothing but the truth again.

It reads the outbox, the ledger and the wishes; it writes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mirror.resources import KINDS
from mirror.simulator.ledger import Place
from mirror.simulator.wishes import Wish, Wishes

if TYPE_CHECKING:
    from mirror.simulator.world import World

ENDS = ("settled", "discarded")


def faults(world: World) -> list[str]:
    """Everything that is wrong with the edits, in words."""
    wishes, conn = world.wishes, world.store.conn
    wrong = list(wishes.faults)
    rows = {row["id"]: row for row in conn.execute("SELECT * FROM edits")}
    marked, unseen = wishes.marked(), _unseen(world)
    for wish in wishes.known.values():
        if wish.id not in rows:
            wrong.append(f"edit {wish.id} ({wish.verb} {wish.kind}) has vanished")
        else:
            wrong += [f"edit {wish.id} ({wish.verb} {wish.kind}): {said}" for said in
                      _edit(conn, wishes, wish, rows[wish.id], marked, unseen)]  # fmt: skip
    wrong += [f"edit {one} is in the outbox, and nobody made it" for one in rows if one not in wishes.known]
    left = conn.execute("SELECT kind, record_id, state FROM overlays").fetchall()
    wrong += [f"an overlay is left of {row['kind']} {row['record_id']} ({row['state']})" for row in left]
    return wrong + _books(world)


def _edit(
    conn: sqlite3.Connection,
    wishes: Wishes,
    wish: Wish,
    row: sqlite3.Row,
    marked: dict[str, set[str]],
    unseen: set[str],
) -> Iterator[str]:
    if row["state"] not in ENDS:
        yield f"it is {row['state']}, and nothing is on its way any more: {row['error']}"
    if row["state"] == "discarded" and wish.ended_at is None:
        yield "it was discarded, and not by its person"
    made = marked.get(wish.mark or "", set())
    if len(made) > 1 and wish.mark not in wishes.remade and (wish.kind == "messages" or len(made - unseen) > 1):
        yield f"it was done {len(made)} times: {sorted(made)}"
    if row["state"] == "settled":
        if wish.ended_at is not None:
            yield "its person took it back, and it is settled"
        if wish.mark is not None and not made:
            yield "it is settled, and there was never anything like it upstream"
        elif fault := wishes.became(wish, _place(conn, wish, row)):
            yield fault


def _unseen(world: World) -> set[str]:
    """Records that others changed or deleted before the mirror could see them as they were made: nobody can find those again."""
    return {
        repr(place)
        for place, entries in world.ledger.entries.items()
        if entries[0].by is not None and all(one.number != entries[0].number for one in world.witness.of(place))
    }


def _place(conn: sqlite3.Connection, wish: Wish, row: sqlite3.Row) -> Place | None:
    """Where the record of an edit is upstream."""
    kind = KINDS[wish.kind]
    if row["record_id"] is None or row["record_id"] < 0:
        return None
    parent = (
        f"(SELECT remote_id FROM {kind.parent} WHERE id = {kind.name}.{kind.parent_column})" if kind.parent else "''"
    )
    found = conn.execute(f"SELECT remote_id, {parent} FROM {kind.name} WHERE id = ?", [row["record_id"]]).fetchone()
    return None if found is None else Place(wish.account, wish.kind, found[1], found[0])


def _books(world: World) -> list[str]:
    """The ledger against upstream itself: a book that is wrong proves nothing."""
    state = world.upstream.state
    wrong = []
    for place in world.ledger.entries:
        entry = world.ledger.now(place)
        stored = state.read(world.upstream.ids[place.account], place.kind, place.remote_id, parent=place.parent or None)
        if (entry.fields if entry else None) != stored:
            wrong.append(f"the ledger is wrong about {place}")
    return wrong


def open_edits(conn: sqlite3.Connection) -> list[str]:
    """The edits that are not at their end."""
    rows = conn.execute(f"SELECT id, verb, kind, state, error FROM edits WHERE state NOT IN {ENDS} ORDER BY id")
    return [f"edit {row['id']} ({row['verb']} {row['kind']}) {row['state']}: {row['error']}" for row in rows]
