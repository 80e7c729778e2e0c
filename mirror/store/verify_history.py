"""The order of change and the chain of versions of each record: nothing twice, no gap, no overlap. Never writes."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from mirror.resources import KINDS, Kind
from mirror.store.findings import STEP, Examples, Finding, OnProgress


@dataclass(frozen=True, slots=True)
class Link:
    """One version in a record's chain; superseded_… None: the newest."""

    record_id: int
    account_id: int
    seq: int
    superseded_seq: int | None
    observed_at: str
    superseded_at: str | None
    deleted_at: str | None
    deletion: str | None


def check(reader: sqlite3.Connection, checked: dict[str, int], on_progress: OnProgress) -> Iterator[Finding]:
    """What is wrong with the order of change, with the chains, and with the history of bodies."""
    yield from _order(reader, on_progress)
    for kind in KINDS.values():
        yield from _chains(reader, kind, on_progress)
    yield from _bodies(reader)
    checked["earlier versions"] = reader.execute("SELECT count(*) FROM versions").fetchone()[0]
    strangers = reader.execute(
        f"SELECT count(*) FROM versions WHERE kind NOT IN ({', '.join('?' * len(KINDS))})", [*KINDS]
    ).fetchone()[0]
    if strangers:
        yield Finding("history", f"{strangers} earlier versions are of a kind that there is not")
    garbled = Examples()
    type_of = "CASE WHEN json_valid(raw) THEN json_type(raw) END"
    for row in reader.execute(f"SELECT seq FROM versions WHERE {type_of} IS NOT 'object'"):
        garbled.add(row[0])
    if garbled.count:
        yield Finding("history", f"{garbled.count} earlier versions ({garbled}) are no JSON object")


def _order(reader: sqlite3.Connection, on_progress: OnProgress) -> Iterator[Finding]:
    last_seq, last_at = reader.execute("SELECT seq, observed_at FROM change_order").fetchone()
    streams = [reader.execute(f"SELECT seq FROM {table} ORDER BY seq") for table in (*KINDS, "versions")]
    total = sum(reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in (*KINDS, "versions"))
    twice, beyond = Examples(), Examples()
    before = None
    for done, (seq,) in enumerate(heapq.merge(*streams)):
        if done % STEP == 0:
            on_progress("order of change", done, total)
        if seq == before:
            twice.add(seq)
        if seq > last_seq:
            beyond.add(seq)
        before = seq
    on_progress("order of change", total, total)
    if twice.count:
        yield Finding("history", f"{twice.count} places in the order of change ({twice}) are taken twice")
    if beyond.count:
        yield Finding(
            "history", f"{beyond.count} versions have a place in the order of change that was never taken ({beyond})"
        )
    late = Examples()
    for table in (*KINDS, "versions"):
        for row in reader.execute(f"SELECT seq FROM {table} WHERE observed_at > ?", [last_at]):
            late.add(row[0])
    if late.count:
        yield Finding("history", f"{late.count} versions ({late}) are dated later than the last change")


def _chains(reader: sqlite3.Connection, kind: Kind, on_progress: OnProgress) -> Iterator[Finding]:
    """A record's versions and its row, in the order of change: each takes the place that the one before has left."""
    problems: dict[str, Examples] = {}
    before: Link | None = None
    total = reader.execute("SELECT count(*) FROM versions WHERE kind = ?", [kind.name]).fetchone()[0]
    for done, link in enumerate(_links(reader, kind)):
        if done % STEP == 0:
            on_progress("versions", min(done, total), total)
        if before is not None and before.record_id != link.record_id:
            if before.superseded_seq is not None:
                problems.setdefault("have earlier versions but no record", Examples()).add(before.record_id)
            before = None
        for problem in _broken(before, link):
            problems.setdefault(problem, Examples()).add(link.record_id)
        before = link
    if before is not None and before.superseded_seq is not None:
        problems.setdefault("have earlier versions but no record", Examples()).add(before.record_id)
    on_progress("versions", total, total)
    for problem, examples in problems.items():
        yield Finding("history", f"{examples.count} {kind.name} ({examples}) {problem}")


def _links(reader: sqlite3.Connection, kind: Kind) -> Iterator[Link]:
    older = reader.execute(
        "SELECT record_id, account_id, seq, superseded_seq, observed_at, superseded_at, deleted_at, deletion FROM versions"
        " WHERE kind = ? ORDER BY record_id, seq",
        [kind.name],
    )
    newest = reader.execute(
        f"SELECT id, account_id, seq, NULL, observed_at, NULL, deleted_at, deletion FROM {kind.name} ORDER BY id"
    )
    # the row comes after its versions, whatever its place, so that a chain always ends with it
    merged = heapq.merge(older, newest, key=lambda row: (row[0], row[3] is None, row[2]))
    for row in merged:
        yield Link(*row)


def _broken(before: Link | None, link: Link) -> Iterator[str]:
    """What is wrong between two versions, or with the first of a record."""
    if (link.deleted_at is None) != (link.deletion is None):
        yield "are half a tombstone: deleted_at and deletion do not agree"
    if link.superseded_at is not None and link.superseded_at < link.observed_at:
        yield "have a version that ended before it began"
    if before is None:
        if link.deleted_at is not None:
            yield "are tombstones of which no living version is kept"
        return
    if before.account_id != link.account_id:
        yield "have a version of another account"
    if before.deleted_at is not None and link.deleted_at is not None:
        yield "were deleted twice in a row"
    if before.superseded_seq is None or not before.seq < before.superseded_seq <= link.seq:
        yield "have versions that overlap"
    elif before.superseded_at != link.observed_at:
        yield "have a gap between two versions"


def _bodies(reader: sqlite3.Connection) -> Iterator[Finding]:
    broken = Examples()
    rows = reader.execute(
        "SELECT message_id FROM message_body_versions AS old WHERE NOT EXISTS (SELECT 1 FROM message_body_versions AS new"
        " WHERE new.message_id = old.message_id AND new.seq = old.superseded_seq) AND NOT EXISTS"
        " (SELECT 1 FROM message_bodies AS new WHERE new.message_id = old.message_id AND new.seq = old.superseded_seq)"
    )
    for row in rows:
        broken.add(row[0])
    if broken.count:
        yield Finding("history", f"{broken.count} messages ({broken}) have a gap between two versions of their body")
