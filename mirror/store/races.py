"""Upstream's two feeds can contradict each other, and a page can be older than what is stored. Here is decided who is
right, or that upstream must be asked; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from mirror import clock as clocks
from mirror.feed import Change, Gone, Record
from mirror.resources import KINDS
from mirror.store.connection import Store
from mirror.store.journal import FeedRow
from mirror.store.records import place

CLEARLY = timedelta(minutes=2)  # a lead that clocks which disagree a little can't make


def settle(store: Store, feed: FeedRow, changes: Sequence[Change]) -> tuple[list[Change], set[str]]:
    """The changes without those that have lost a race, and the ids of those that only upstream can settle.

    A record that was updated and deleted in one walk: the later of the two wins; equal or missing times: ask. A record
    that is older than the one stored, or than its tombstone: ask. A deletion that is not clearly later than what is
    stored: ask, as upstream may have told of it late, after the record was created anew.
    """
    names = [change.remote_id for change in changes if change.remote_id is not None]
    if feed.state not in ("following", "listing") or not names:
        return list(changes), set()
    known = _known(store, feed, names)
    seen = _seen(store, feed, names)
    settled: list[Change] = []
    ask: set[str] = set()
    for change in changes:
        row = known.get(change.remote_id or "")
        if isinstance(change, Gone) and row is not None and row[1] is None:
            met = change.remote_id in seen or (feed.state == "listing" and row[2] == feed.generation)
            verdict = _later(change.at, row[0])
            if met and verdict is False:
                continue
            if (verdict is None and (met or change.at is not None)) or verdict is False:
                ask.add(change.remote_id)
        elif isinstance(change, Record) and row is not None:
            newest = row[1] or row[0]
            if change.modified_at and newest and change.modified_at < newest and not _is_stored(store, row, change):
                ask.add(change.remote_id)
        settled.append(change)
    return settled, ask


def _later(gone_at: str | None, modified_at: str | None) -> bool | None:
    """Whether the deletion came after the change; None when the times do not tell."""
    if gone_at is None or modified_at is None:
        return None
    lead = clocks.moment(gone_at) - clocks.moment(modified_at)
    return None if abs(lead) < CLEARLY else lead > timedelta(0)


_Row = tuple[str | None, str | None, int, int, str]


def _known(store: Store, feed: FeedRow, names: list[str]) -> dict[str, _Row]:
    kind = KINDS[feed.kind]
    column, value = place(kind, feed)
    rows = store.conn.execute(
        f"SELECT remote_id, modified_at, deleted_at, generation, id FROM {kind.name}"
        f" WHERE {column} = ? AND remote_id IN (SELECT value FROM json_each(?))",
        [value, json.dumps(names)],
    )
    return {row[0]: (row[1], row[2], row[3], row[4], kind.name) for row in rows}


def _seen(store: Store, feed: FeedRow, names: list[str]) -> set[str]:
    rows = store.conn.execute(
        "SELECT remote_id FROM walk_seen WHERE feed_id = ? AND remote_id IN (SELECT value FROM json_each(?))",
        [feed.id, json.dumps(names)],
    )
    return {row[0] for row in rows}


def _is_stored(store: Store, row: _Row, record: Record) -> bool:
    stored = store.conn.execute(f"SELECT raw, deleted_at FROM {row[4]} WHERE id = ?", [row[3]]).fetchone()
    return stored["deleted_at"] is None and stored["raw"].encode() == record.raw
