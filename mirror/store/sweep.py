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
from mirror.feed import Counts, Record
from mirror.resources import KINDS, Kind
from mirror.store import journal, order, settling
from mirror.store.columns import COLUMNS, derive, fields_of
from mirror.store.connection import Store
from mirror.store.journal import FeedRow
from mirror.store.records import bury, place

MARGIN = timedelta(days=2)  # round the ends of a window, where clocks and zones may disagree about what is inside
MARGIN_OF_DAYS = timedelta(days=31)  # where upstream counts days back from its own clock, and ours may be weeks behind
HELD_ABOVE_SHARE = 0.20
HELD_ABOVE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of a finished listing: `absent` records were not in it, of `live` ones."""

    live: int
    absent: int
    held: bool


def unclear(store: Store, feed: FeedRow, present: list[str] | None = None) -> list[str]:
    """The remote ids of live records that the listing did not contain and of which nobody can say whether it should.

    That is: of records whose place in the window is not certain; of all events, which may have been moved out of the
    window since; and when upstream has sent something without an id, which may be any of them, of all.
    """
    kind = KINDS[feed.kind]
    where, values = _absent(kind, feed, present)
    inside, parameters = _inside(kind, feed)
    if not _has_nameless(store, feed) and not _may_have_moved(store, kind, feed):
        if not inside:
            return []
        where, values = f"{where} AND NOT ({inside})", [*values, *parameters]
    rows = store.conn.execute(f"SELECT remote_id FROM {kind.name} WHERE {where} ORDER BY id", values)
    return [row[0] for row in rows]


def _may_have_moved(store: Store, kind: Kind, feed: FeedRow) -> bool:
    """Whether all that is absent is to be asked for. Not when that is so much that the sweep will be held in any case."""
    if kind.covers != "window":
        return False
    absent, live = absent_rows(store, feed)
    return absent <= HELD_ABOVE_ROWS or absent <= HELD_ABOVE_SHARE * live


def listed_nothing(store: Store, feed: FeedRow) -> bool:
    """Whether the listing of a window has shown none of the records that are known to lie in it."""
    if KINDS[feed.kind].covers != "window":
        return False
    absent, live = absent_rows(store, feed)
    return 0 < absent == live - _kept_apart(store, KINDS[feed.kind], feed)


def should_be_listed(feed: FeedRow, record: Record) -> bool:
    """Whether a record, as it is now, certainly belongs into the window. An instance of a series is not listed by itself."""
    fields = dict(zip(COLUMNS[feed.kind], derive(feed.kind, fields_of(record.raw)).columns, strict=True))
    starts, ends = fields["starts_at"], fields["ends_at"]
    if fields["recurrence_type"] not in (None, "single") or starts is None or feed.covers_from is None:
        return False
    until = feed.covers_until
    return bool(
        ends > clocks.text(clocks.moment(feed.covers_from) + MARGIN)
        and (until is None or starts < clocks.text(clocks.moment(until) - MARGIN))
    )


def spare(store: Store, feed: FeedRow, remote_id: str) -> None:
    """Count a record as contained in the listing: upstream could not say that it is gone."""
    kind = KINDS[feed.kind]
    column, value = place(kind, feed)
    with store.transaction() as conn:
        conn.execute(
            f"UPDATE {kind.name} SET generation = ? WHERE {column} = ? AND remote_id = ?",
            [feed.generation, value, remote_id],
        )


def keep_apart(store: Store, feed: FeedRow, remote_id: str) -> None:
    """Remember a record that is about to be written as contained in the listing under way, which has not shown it yet."""
    kind = KINDS[feed.kind]
    column, value = place(kind, feed)
    with store.transaction() as conn:
        conn.execute(
            f"INSERT OR IGNORE INTO walk_seen (feed_id, remote_id) SELECT ?1, ?2 WHERE NOT EXISTS"
            f" (SELECT 1 FROM {kind.name} WHERE {column} = ?3 AND remote_id = ?2 AND deleted_at IS NULL AND generation = ?4)",
            [feed.id, remote_id, value, feed.generation],
        )


def _kept_apart(store: Store, kind: Kind, feed: FeedRow) -> int:
    """How many live records count as contained in the listing though it has not shown them."""
    where, values = _live(kind, feed)
    row = store.conn.execute(
        f"SELECT count(*) FROM {kind.name} WHERE {where} AND generation = ?"
        " AND remote_id IN (SELECT remote_id FROM walk_seen WHERE feed_id = ?)",
        [*values, feed.generation, feed.id],
    )
    return int(row.fetchone()[0])


def finish_listing(
    store: Store,
    feed: FeedRow,
    counts: Counts,
    *,
    present: list[str] | None = None,
    begun_at: str | None = None,
    accepted: bool = False,
) -> Swept:
    """Sweep, and call the feed caught up; or hold the sweep, when it would take too much (`accepted` releases it).

    `present` names what a listing that came in one piece contained; without it, the records' generation tells. What was
    stuck before `begun_at`, and did not come in the listing again, is not stuck any more.
    """
    kind = KINDS[feed.kind]
    now = clocks.text(store.clock.now())
    where, values = _absent(kind, feed, present)
    with store.transaction() as conn:
        absent = [row[0] for row in conn.execute(f"SELECT id FROM {kind.name} WHERE {where}", values)]
        live = _covered(store, kind, feed)
        too_much = bool(absent) and (
            len(absent) == live - _kept_apart(store, kind, feed)
            or (live > HELD_ABOVE_ROWS and len(absent) > HELD_ABOVE_SHARE * live)
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
            settling.after_pull(conn, feed.account_id, feed.kind, moment)
        counts.deleted += len(absent)
        if begun_at is not None:
            conn.execute(
                "UPDATE stuck SET gone_at = ? WHERE feed_id = ? AND last_at < ? AND gone_at IS NULL"
                " AND (remote_id IS NULL OR ?)",
                [now, feed.id, begun_at, kind.covers == "whole"],
            )
        journal.caught_up(conn, feed, now)
    return Swept(live, len(absent), held=False)


def absent_rows(store: Store, feed: FeedRow) -> tuple[int, int]:
    """How many records a held sweep would make tombstones, and of how many."""
    kind = KINDS[feed.kind]
    where, values = _absent(kind, feed)
    absent = store.conn.execute(f"SELECT count(*) FROM {kind.name} WHERE {where}", values).fetchone()[0]
    return absent, _covered(store, kind, feed)


def _covered(store: Store, kind: Kind, feed: FeedRow) -> int:
    """The number of live records that the listing should contain. What lies outside of its window says nothing about it."""
    where, values = _live(kind, feed)
    return int(store.conn.execute(f"SELECT count(*) FROM {kind.name} WHERE {where}", values).fetchone()[0])


def _live(kind: Kind, feed: FeedRow) -> tuple[str, list[object]]:
    column, value = place(kind, feed)
    outside, parameters = _outside(kind, feed)
    where = f"{column} = ? AND deleted_at IS NULL"
    # A row without times is NULL to the comparison, and is not outside.
    return (f"{where} AND NOT coalesce({outside}, 0)" if outside else where), [value, *parameters]


def _absent(kind: Kind, feed: FeedRow, present: list[str] | None = None) -> tuple[str, list[object]]:
    where, values = _live(kind, feed)
    if present is not None:
        return f"{where} AND remote_id NOT IN (SELECT value FROM json_each(?))", [*values, json.dumps(present)]
    return f"{where} AND generation < ?", [*values, feed.generation]


def _has_nameless(store: Store, feed: FeedRow) -> bool:
    row = store.conn.execute(
        "SELECT 1 FROM stuck WHERE feed_id = ? AND remote_id IS NULL AND gone_at IS NULL LIMIT 1", [feed.id]
    )
    return row.fetchone() is not None


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
    since = MARGIN_OF_DAYS if kind.covers == "days" else MARGIN
    return _window(kind, feed, since=since, until=-MARGIN, joint=" AND ", after=">", before="<")


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
        condition = f"({condition} AND coalesce(recurrence_type, 'single') <> 'master')"
    return condition, parameters
