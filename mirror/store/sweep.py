"""The end of a listing: what it covered and did not contain becomes a tombstone, unless that is too much to believe.

Nothing here runs before the last page of a listing is in. Rows whose place is unclear are not swept; pull asks upstream
for each of them first.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import timedelta

from mirror import clock as clocks
from mirror.feed import Counts
from mirror.resources import KINDS, Kind
from mirror.store import journal, order
from mirror.store.connection import Store
from mirror.store.journal import FeedRow
from mirror.store.records import bury, place

MARGIN = timedelta(days=2)  # round the ends of a window, where clocks and zones may disagree about what is inside
HELD_ABOVE_SHARE = 0.20
HELD_ABOVE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of a finished listing: `absent` records were not in it, of `live` ones."""

    live: int
    absent: int
    held: bool


def unclear(store: Store, feed: FeedRow) -> list[str]:
    """The remote ids of live records that the listing did not contain and of which nobody can say whether it should."""
    kind = KINDS[feed.kind]
    inside, parameters = _inside(kind, feed)
    if not inside:
        return []
    outside, more = _outside(kind, feed)
    where, values = _missing(kind, feed)
    rows = store.conn.execute(
        f"SELECT remote_id FROM {kind.name} WHERE {where} AND NOT ({inside}) AND NOT ({outside}) ORDER BY id",
        [*values, *parameters, *more],
    )
    return [row[0] for row in rows]


def finish_listing(
    store: Store, feed: FeedRow, counts: Counts, *, present: list[str] | None = None, accepted: bool = False
) -> Swept:
    """Sweep, and call the feed caught up; or hold the sweep, when it would take too much (`accepted` releases it).

    `present` names what a listing that came in one piece contained; without it, the records' generation tells.
    """
    kind = KINDS[feed.kind]
    now = clocks.text(store.clock.now())
    outside, parameters = _outside(kind, feed)
    where, values = _missing(kind, feed, present)
    with store.transaction() as conn:
        sql = f"SELECT id FROM {kind.name} WHERE {where}" + (f" AND NOT ({outside})" if outside else "")
        absent = [row[0] for row in conn.execute(sql, [*values, *parameters])]
        live = _live(store, kind, feed)
        too_much = bool(absent) and (
            len(absent) == live or (live > HELD_ABOVE_ROWS and len(absent) > HELD_ABOVE_SHARE * live)
        )
        if too_much and not accepted:
            if present is not None:
                _stamp_present(conn, kind, feed, present)
            journal.caught_up(conn, feed, now, state="held")
            return Swept(live, len(absent), held=True)
        seq, moment = order.last_place(conn), order.next_moment(conn, store.clock)
        for offset, record_id in enumerate(absent, start=1):
            bury(conn, kind, record_id, seq + offset, moment, now, "absent")
        if absent:
            order.take(conn, seq + len(absent), moment)
        counts.deleted += len(absent)
        journal.caught_up(conn, feed, now)
    return Swept(live, len(absent), held=False)


def absent_rows(store: Store, feed: FeedRow) -> tuple[int, int]:
    """How many records a held sweep would make tombstones, and of how many."""
    kind = KINDS[feed.kind]
    outside, parameters = _outside(kind, feed)
    where, values = _missing(kind, feed)
    sql = f"SELECT count(*) FROM {kind.name} WHERE {where}" + (f" AND NOT ({outside})" if outside else "")
    return store.conn.execute(sql, [*values, *parameters]).fetchone()[0], _live(store, kind, feed)


def _live(store: Store, kind: Kind, feed: FeedRow) -> int:
    column, value = place(kind, feed)
    row = store.conn.execute(f"SELECT count(*) FROM {kind.name} WHERE {column} = ? AND deleted_at IS NULL", [value])
    return int(row.fetchone()[0])


def _missing(kind: Kind, feed: FeedRow, present: list[str] | None = None) -> tuple[str, list[object]]:
    column, value = place(kind, feed)
    if present is not None:
        absent = "remote_id NOT IN (SELECT value FROM json_each(?))"
        return f"{column} = ? AND deleted_at IS NULL AND {absent}", [value, json.dumps(present)]
    return f"{column} = ? AND deleted_at IS NULL AND generation < ?", [value, feed.generation]


def _stamp_present(conn: sqlite3.Connection, kind: Kind, feed: FeedRow, present: list[str]) -> None:
    """Make a held listing that came in one piece a generation, so that it can be accepted later."""
    column, value = place(kind, feed)
    feed.generation += 1
    conn.execute("UPDATE feeds SET generation = ? WHERE id = ?", [feed.generation, feed.id])
    conn.execute(
        f"UPDATE {kind.name} SET generation = ? WHERE {column} = ? AND remote_id IN (SELECT value FROM json_each(?))",
        [feed.generation, value, json.dumps(present)],
    )


def _inside(kind: Kind, feed: FeedRow) -> tuple[str, list[str]]:
    """SQL that is true of rows that are certainly within what the listing covered; empty: all of them are."""
    return _window(kind, feed, since=MARGIN, until=-MARGIN, joint=" AND ", after=">", before="<")


def _outside(kind: Kind, feed: FeedRow) -> tuple[str, list[str]]:
    """SQL that is true of rows that are certainly not within it; empty: none is."""
    return _window(kind, feed, since=-MARGIN, until=MARGIN, joint=" OR ", after="<", before=">")


def _window(
    kind: Kind, feed: FeedRow, *, since: timedelta, until: timedelta, joint: str, after: str, before: str
) -> tuple[str, list[str]]:
    if kind.covers == "whole":
        return "", []
    parts: list[str] = []
    parameters: list[str] = []
    if feed.covers_from is not None:
        parts.append(f"coalesce({kind.ends}, '') {after} ?" if after == ">" else f"{kind.ends} {after} ?")
        parameters.append(clocks.text(clocks.moment(feed.covers_from) + since))
    if feed.covers_until is not None:
        parts.append(f"coalesce({kind.starts}, '~') {before} ?" if before == "<" else f"{kind.starts} {before} ?")
        parameters.append(clocks.text(clocks.moment(feed.covers_until) + until))
    if not parts:
        return "", []
    condition = f"({joint.join(parts)})"
    if kind.name == "events":  # a series reaches further than its own first occurrence
        condition += " AND coalesce(recurrence_type, 'single') <> 'master'"
    return condition, parameters
