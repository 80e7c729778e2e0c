"""Time travel: the versions of a record, what each changed, and the record as it was known at a moment. Never writes.

A version was the known one from its `observed_at` until the next one's. The mirror's time never runs backwards
(`order.py`), so the answer for a moment before the newest observation stays what it is. One thing is better than the letter:
a record that upstream first sent without some fields is told with them, as soon as they have been read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mirror.errors import Usage
from mirror.resources import Kind
from mirror.store import reading
from mirror.store.columns import CHILDREN, COLUMNS, Derived, Fields, derive, fields_of
from mirror.store.connection import Store
from mirror.store.differences import NOTHING, Difference, differences
from mirror.store.reading import Document

_VERSION = "seq, superseded_seq, observed_at, superseded_at, modified_at, deleted_at, deletion, raw"


@dataclass(frozen=True, slots=True)
class Version:
    """A row of `all_versions`. `superseded_at` None: it is the newest."""

    seq: int
    superseded_seq: int | None
    observed_at: str
    superseded_at: str | None
    modified_at: str | None
    deleted_at: str | None
    deletion: str | None
    raw: str

    @property
    def fields(self) -> Fields:
        return fields_of(self.raw)


@dataclass(frozen=True, slots=True)
class Step:
    """A version and what was new about it. `change`: created, changed, deleted or restored."""

    version: Version
    change: str
    differences: list[Difference]
    body: tuple[str | None, str | None] | None = None  # of a message, before and after, where it became another one


def history(store: Store, kind: Kind, record_id: int) -> list[Step]:
    """Everything that the mirror has seen of a record, newest last."""
    bodies = _bodies(store, record_id) if kind.name == "messages" else []
    steps: list[Step] = []
    before: Version | None = None
    for version in _versions(store, kind, record_id):
        found = differences(before.fields, version.fields) if before is not None else []
        body = None
        if before is not None:
            old, new = _body_of(bodies, before), _body_of(bodies, version)
            body = (old, new) if old != new else None
        steps.append(Step(version, _change(before, version), found, body))
        before = version
    return steps


def all_of(store: Store, kind: Kind, record_id: int) -> list[Version]:
    """Every version of a record, tombstones included, newest last. Their numbers begin with 1."""
    return list(_versions(store, kind, record_id))


def body_then(store: Store, message_id: int, version: Version) -> str | None:
    """The body that a message had in a version, as upstream sent it."""
    return _body_of(_bodies(store, message_id), version)


def as_of(store: Store, kind: Kind, record_id: int, at: str) -> Version | None:
    """The version that was known at a moment; None before the record was first seen."""
    row = store.conn.execute(
        f"SELECT {_VERSION} FROM all_versions WHERE kind = ? AND record_id = ? AND observed_at <= ?"
        " ORDER BY seq DESC LIMIT 1",
        [kind.name, record_id, at],
    ).fetchone()
    return Version(**dict(row)) if row else None


def show(store: Store, kind: Kind, wanted: str, at: str) -> Document:
    """A record as it was known at a moment, in the form of `reading.show`. Raises: Usage, when it was not known then."""
    row = reading.find(store, kind, wanted)
    version = as_of(store, kind, row["id"], at)
    if version is None:
        first = store.conn.execute(
            "SELECT min(observed_at) FROM all_versions WHERE kind = ? AND record_id = ?", [kind.name, row["id"]]
        ).fetchone()[0]
        raise Usage(f"{kind.singular} {row['id']} was not known yet at {at}: it was first seen at {first}")
    fields = version.fields
    derived = derive(kind.name, fields)
    envelope = ("id", "account_id", *([kind.parent_column] if kind.parent_column else []), "remote_id")
    document: Document = {"kind": kind.name, **{name: row[name] for name in envelope}}
    document |= {
        "etag": fields.get("etag"), "modified_at": version.modified_at, "observed_at": version.observed_at,
        "superseded_at": version.superseded_at, "seq": version.seq, "deleted_at": version.deleted_at,
        "deletion": version.deletion, "account": reading.account_name(store, row["account_id"]), "at": at,
    }  # fmt: skip
    document |= _derived(store, kind, row, version, derived)
    document["raw"] = fields
    return document


def _derived(store: Store, kind: Kind, row: sqlite3.Row, version: Version, derived: Derived) -> Document:
    document: Document = dict(zip(COLUMNS[kind.name], derived.columns, strict=True))
    if kind.name == "messages":
        folder = store.conn.execute(
            "SELECT id FROM folders WHERE account_id = ? AND remote_id = ?",
            [row["account_id"], derived.folder_remote_id],
        ).fetchone()
        document["folder_id"] = folder[0] if folder else None
        html = _body_of(_bodies(store, row["id"]), version)
        document["body"] = {"html": html, "text": None} if html is not None else None
    for table, rows in derived.children.items():
        document[table] = [dict(zip(CHILDREN[kind.name][table][1:], values, strict=True)) for values in rows]
    if kind.attachments:
        kept = reading.attachments(store, kind, row["id"], removed=True)
        listed = {item.remote_id for item in derived.attachments}
        document["attachments"] = [item for item in kept if item.pop("remote_id") in listed]
    document["versions"] = store.conn.execute(
        "SELECT count(*) FROM versions WHERE kind = ? AND record_id = ? AND seq < ?",
        [kind.name, row["id"], version.seq],
    ).fetchone()[0]
    return document


def _versions(store: Store, kind: Kind, record_id: int) -> Iterator[Version]:
    rows = store.conn.execute(
        f"SELECT {_VERSION} FROM all_versions WHERE kind = ? AND record_id = ? ORDER BY seq", [kind.name, record_id]
    )
    for row in rows:
        yield Version(**dict(row))


def _change(before: Version | None, version: Version) -> str:
    if version.deleted_at is not None:
        return "deleted"
    if before is None:
        return "created"
    return "restored" if before.deleted_at is not None else "changed"


def _bodies(store: Store, message_id: int) -> list[tuple[int, str | None]]:
    """A message's bodies, each with the place in the order of change that brought it, oldest first."""
    rows = store.conn.execute(
        "SELECT seq, html FROM message_body_versions WHERE message_id = ?1"
        " UNION ALL SELECT seq, html FROM message_bodies WHERE message_id = ?1 ORDER BY seq",
        [message_id],
    )
    return [(row["seq"], row["html"]) for row in rows]


def _body_of(bodies: list[tuple[int, str | None]], version: Version) -> str | None:
    """The newest body that came before the version was superseded: with it, before it, or when it was completed."""
    html: str | None = None
    for seq, body in bodies:
        if version.superseded_seq is None or seq < version.superseded_seq:
            html = body
    return html


def told(steps: list[Step]) -> list[dict[str, Any]]:
    """A history as JSON values, for programs."""
    return [
        {
            "version": number,
            "seq": step.version.seq,
            "change": step.change,
            "observed_at": step.version.observed_at,
            "superseded_at": step.version.superseded_at,
            "modified_at": step.version.modified_at,
            "deleted_at": step.version.deleted_at,
            "deletion": step.version.deletion,
            "differences": [
                {"path": one.path}
                | ({} if one.before is NOTHING else {"before": one.before})
                | ({} if one.after is NOTHING else {"after": one.after})
                for one in step.differences
            ],
            "body": {"before": step.body[0], "after": step.body[1]} if step.body else None,
            "raw": step.version.fields,
        }
        for number, step in enumerate(steps, 1)
    ]
