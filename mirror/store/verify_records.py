"""Every record against its `raw`: readable columns, child rows and the list of attachments, derived anew. Never writes."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator

from mirror.resources import KINDS, Kind
from mirror.store.columns import CHILDREN, COLUMNS, Attachment, Derived, Row, derive, fields_of
from mirror.store.findings import STEP, Examples, Finding, OnProgress


class Rows:
    """The child rows of one table, record by record, in the order of their records."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._next: Row | None = next(rows, None)

    def of(self, record_id: int) -> list[Row]:
        """The rows of a record, without its id. To be asked for with growing ids."""
        found: list[Row] = []
        while self._next is not None and self._next[0] <= record_id:
            if self._next[0] == record_id:
                found.append(self._next[1:])
            self._next = next(self._rows, None)
        return found


def check(reader: sqlite3.Connection, checked: dict[str, int], on_progress: OnProgress) -> Iterator[Finding]:
    """What of each kind is not what its raw says."""
    for kind in KINDS.values():
        yield from _check_kind(reader, kind, checked, on_progress)


def _check_kind(
    reader: sqlite3.Connection, kind: Kind, checked: dict[str, int], on_progress: OnProgress
) -> Iterator[Finding]:
    total = reader.execute(f"SELECT count(*) FROM {kind.name}").fetchone()[0]
    children = {table: _children(reader, table, columns) for table, columns in CHILDREN.get(kind.name, {}).items()}
    attached = _attached(reader, kind) if kind.attachments else None
    wrong: dict[str, Examples] = {}
    rebuild: list[int] = []
    names = ", ".join(COLUMNS[kind.name])
    rows = reader.execute(f"SELECT id, {names}, raw FROM {kind.name} ORDER BY id")
    for done, row in enumerate(rows):
        if done % STEP == 0:
            on_progress(kind.name, done, total)
        record_id = row[0]
        try:
            derived = derive(kind.name, fields_of(row[-1]))
        except (ValueError, RecursionError):
            wrong.setdefault("raw that is no JSON object", Examples()).add(record_id)
            continue
        problems = [*_problems(kind, row, derived, children, attached)]
        for problem in problems:
            wrong.setdefault(problem, Examples()).add(record_id)
        if problems:
            rebuild.append(record_id)
    on_progress(kind.name, total, total)
    checked[kind.name] = total
    for problem, examples in wrong.items():
        can = problem != "raw that is no JSON object"
        yield Finding(
            "records", f"{examples.count} {kind.name} ({examples}) have {problem}",
            repairs=(kind.name,) if can else (), ids=tuple(rebuild) if can else (),
        )  # fmt: skip


def _problems(
    kind: Kind, row: Row, derived: Derived, children: dict[str, Rows], attached: Rows | None
) -> Iterator[str]:
    record_id, stored = row[0], row[1:-1]
    expected = derived.columns
    if (
        kind.name == "messages"
    ):  # the folder's number is not in raw; that it is one of the account's is checked elsewhere
        stored, expected = stored[1:], expected[1:]
    if stored != expected:
        yield "readable columns that are not what their raw says"
    for table, rows in children.items():
        if rows.of(record_id) != derived.children.get(table, []):
            yield f"rows in {table} that are not what their raw says"
    if attached is not None and not _same_attachments(attached.of(record_id), derived.attachments):
        yield "rows in attachments that are not what their raw says"


def _children(reader: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> Rows:
    return Rows(iter(reader.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {columns[0]}, id")))


def _attached(reader: sqlite3.Connection, kind: Kind) -> Rows:
    owner = f"{kind.singular}_id"
    return Rows(iter(reader.execute(
        f"SELECT {owner}, remote_id, name, mime_type, size_bytes, inline, content_id FROM attachments"
        f" WHERE {owner} IS NOT NULL AND removed_at IS NULL ORDER BY {owner}, remote_id"
    )))  # fmt: skip


def _same_attachments(rows: list[Row], listed: list[Attachment]) -> bool:
    """Whether the rows are what the record lists. A size that upstream did not tell is known from the bytes."""
    expected: dict[str, Row] = {
        item.remote_id: (item.name, item.mime_type, item.size_bytes, item.inline, item.content_id) for item in listed
    }
    if len(rows) != len(expected):
        return False
    for remote_id, *values in rows:
        wanted = expected.get(remote_id)
        if wanted is None or any(
            found != want
            for place, (found, want) in enumerate(zip(values, wanted, strict=True))
            if (place, want) != (2, None)
        ):
            return False
    return True


def digest_of(reader: sqlite3.Connection, rowid: int, step_bytes: int) -> tuple[str, int]:
    """The SHA-256 and the size of a content in blobs.db, read piece by piece."""
    digest = hashlib.sha256()
    size_bytes = 0
    with reader.blobopen("blobs", "content", rowid, readonly=True, name="blobs") as blob:
        while piece := blob.read(step_bytes):
            digest.update(piece)
            size_bytes += len(piece)
    return digest.hexdigest(), size_bytes
