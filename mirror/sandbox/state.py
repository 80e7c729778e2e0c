"""Upstream's own truth in SQLite: the records of every account, their bodies and bytes, and the tombstones.

It knows nothing of HTTP, pages or tokens, and it never forgets a deletion, because the feeds are read from here.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from mirror import clock as clocks
from mirror.contract.occurrence_ids import occurrence_id
from mirror.contract.spans import span, stamp
from mirror.errors import RecordGone, Usage
from mirror.sandbox import compose, ids
from mirror.sandbox.accounts import Account, Record, TokenStatus, decode, encode
from mirror.sandbox.reading import Reading

__all__ = ["KINDS", "PARENTS", "Account", "Record", "State", "TokenStatus", "looks_like_html"]

KINDS = ("contacts", "calendars", "events", "folders", "messages", "task_lists", "tasks")
PARENTS = {"events": "calendars", "tasks": "task_lists"}

# A draft's id is its message's with this before it.
DRAFT_PREFIX = "r-"

_CREATED = ("contacts", "events", "messages")
_MODIFIED = (*_CREATED, "task_lists", "tasks")
_KEY = "account_id = ? AND kind = ? AND parent = ? AND remote_id = ?"
_TAG = re.compile(
    r"<(!doctype|html|head|body|div|p|br|table|span|a|b|img|ul|ol|h[1-6]|font|blockquote|style)\b[^>]*>", re.I
)

Key = tuple[int, str, str, str]


class State(Reading):
    """Everything upstream holds. Safe to use from several threads: one connection behind one lock."""

    def create(
        self,
        account_id: int,
        kind: str,
        record: Record,
        *,
        parent: str | None = None,
        remote_id: str | None = None,
        body: str | None = None,
        html: bool | None = None,
        mime: bytes | None = None,
        attachments: dict[str, bytes] | None = None,
        at: datetime | None = None,
    ) -> Record:
        """The stored record, with its id, etag and times. `attachments`: bytes by the ids in `record["attachments"]`.

        `html` says what `body` is; left out, it is told from the text. Times that the record brings along are kept.
        Raises: RecordGone, when the account or the parent does not exist; Usage, when the id is taken.
        """
        with self.batch():
            account = self.account(account_id)
            key = (account_id, kind, self._home(account_id, kind, parent), "")
            remote_id = remote_id or self._free_id(account, key, record)
            key = (*key[:3], remote_id)
            if self._value("1", key):
                raise Usage(f"{kind} already has a record {remote_id}")
            seq = self.next_seq()
            stored = self._stamped(kind, remote_id, seq, _completed(kind, remote_id, parent, record), at)
            order = (seq, seq, _sort_at(kind, stored), *_group(kind, stored))
            self.write(
                "INSERT INTO records (account_id, kind, parent, remote_id, seq, created_seq, sort_at, thread_id, master_id,"
                " starts_at, ends_at, ever_starts_at, ever_ends_at, record)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, *order, *2 * _span(kind, stored), encode(stored)),
            )
            self._store_content(key, body, html, mime, attachments)
        return stored

    def change(
        self,
        account_id: int,
        kind: str,
        remote_id: str,
        fields: Record,
        *,
        parent: str | None = None,
        body: str | None = None,
        html: bool | None = None,
        mime: bytes | None = None,
        attachments: dict[str, bytes] | None = None,
        at: datetime | None = None,
    ) -> Record:
        """The new version: each of the fields replaces the stored one whole, None removes it.

        A body, MIME bytes or attachments that are given replace what was there; left out, they stay.
        Raises: RecordGone, when there is no such record.
        """
        with self.batch():
            key = self._key(account_id, kind, parent, remote_id)
            found = self._value("record", key)
            if found is None:
                raise RecordGone(f"no {kind} record {remote_id}")
            merged = {**decode(found[0]), **fields, "lastModifiedTime": None}
            seq = self.next_seq()
            stored = self._stamped(kind, remote_id, seq, {n: v for n, v in merged.items() if v is not None}, at)
            self.write(
                "UPDATE records SET seq = ?, sort_at = ?, thread_id = ?, master_id = ?, record = ?, starts_at = ?, ends_at = ?,"
                f" ever_starts_at = min(ever_starts_at, ?), ever_ends_at = max(ever_ends_at, ?) WHERE {_KEY}",
                (seq, _sort_at(kind, stored), *_group(kind, stored), encode(stored), *2 * _span(kind, stored), *key),
            )
            self._store_content(key, body, html, mime, attachments)
        return stored

    def delete(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> None:
        """The record is gone, and the deleted feed will say so. Raises: RecordGone, when there is no such record."""
        with self.batch():
            key = self._key(account_id, kind, parent, remote_id)
            found = self._value("record", key)
            if found is None:
                raise RecordGone(f"no {kind} record {remote_id}")
            for table in ("records", "attachments"):
                self.write(f"DELETE FROM {table} WHERE {_KEY}", key)
            last = decode(found[0]) if kind == "messages" else {}
            self._bury(key, {name: last[name] for name in ("folderId", "internetMessageId") if name in last})

    def bury(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> None:
        """A tombstone alone, as some providers give one for an instance of a series that never was a record."""
        self._bury(self._key(account_id, kind, parent, remote_id), {})

    def read(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> Record | None:
        """The live record, or None. A message comes without its body."""
        found = self._value("record", self._key(account_id, kind, parent, remote_id))
        return None if found is None else decode(found[0])

    def records(self, account_id: int, kind: str, *, parent: str | None = None) -> list[Record]:
        """The live records, in the order they were created."""
        sql = "SELECT record FROM records WHERE account_id = ? AND kind = ? AND parent = ? ORDER BY created_seq"
        return [decode(row[0]) for row in self.rows(sql, self._key(account_id, kind, parent, "")[:3])]

    def body(self, account_id: int, remote_id: str) -> tuple[str | None, bool]:
        """The body of a message, and whether it is HTML."""
        found = self._value("body, html", (account_id, "messages", "", remote_id))
        return (None, False) if found is None else (found[0], bool(found[1]))

    def stored_mime(self, account_id: int, remote_id: str) -> bytes | None:
        """The message as it came, where it came as MIME."""
        found = self._value("mime", (account_id, "messages", "", remote_id))
        return None if found is None else found[0]

    def mime(self, account_id: int, remote_id: str) -> bytes:
        """The message as MIME: as it came, or as it would have. Raises: RecordGone, when there is no such message."""
        message = self.read(account_id, "messages", remote_id)
        if message is None:
            raise RecordGone(f"no messages record {remote_id}")
        stored = self.stored_mime(account_id, remote_id)
        if stored is not None:
            return stored
        body, is_html = self.body(account_id, remote_id)
        return compose.mime(message, body or "", is_html, self.attachments(account_id, "messages", remote_id))

    def draft(self, account_id: int, draft_id: str) -> Record | None:
        """The message that the id of a draft names."""
        if not draft_id.startswith(DRAFT_PREFIX):
            return None
        found = self.read(account_id, "messages", draft_id.removeprefix(DRAFT_PREFIX))
        return None if found is None else {**found, "webLink": f"https://mail.sandbox.example/drafts/{found['id']}"}

    def attachment(
        self, account_id: int, kind: str, remote_id: str, attachment_id: str, *, parent: str | None = None
    ) -> bytes | None:
        """The bytes of one attachment, or None."""
        sql = f"SELECT content FROM attachments WHERE {_KEY} AND attachment_id = ?"
        found = self.rows(sql, (*self._key(account_id, kind, parent, remote_id), attachment_id))
        return found[0][0] if found else None

    def attachments(self, account_id: int, kind: str, remote_id: str, *, parent: str | None = None) -> dict[str, bytes]:
        """The bytes of all attachments of a record."""
        sql = f"SELECT attachment_id, content FROM attachments WHERE {_KEY}"
        return dict(self.rows(sql, self._key(account_id, kind, parent, remote_id)))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _key(self, account_id: int, kind: str, parent: str | None, remote_id: str) -> Key:
        if kind not in KINDS:
            raise Usage(f"no kind {kind}")
        if (kind in PARENTS) != (parent is not None):
            raise Usage(f"{kind} {'need' if kind in PARENTS else 'have no'} parent")
        return account_id, kind, parent or "", remote_id

    def _home(self, account_id: int, kind: str, parent: str | None) -> str:
        home = self._key(account_id, kind, parent, "")[2]
        if parent is not None and self._value("1", (account_id, PARENTS[kind], "", parent)) is None:
            raise RecordGone(f"no {PARENTS[kind]} record {parent}")
        return home

    def _value(self, columns: str, key: Key) -> tuple[Any, ...] | None:
        found = self.rows(f"SELECT {columns} FROM records WHERE {_KEY}", key)
        return found[0] if found else None

    def _free_id(self, account: Account, key: Key, record: Record) -> str:
        kind, occurrence = key[1], record.get("occurrenceInfo") or {}
        if kind == "events" and occurrence.get("masterId") and occurrence.get("originalStart"):
            wanted = occurrence_id(occurrence["masterId"], occurrence["originalStart"])
            if self._value("1", (*key[:3], wanted)) is None:
                return wanted
        while True:
            drawn = ids.new_id(kind, account.service_type, self.clock.random)
            if self._value("1", (*key[:3], drawn)) is None:
                return drawn

    def _stamped(self, kind: str, remote_id: str, seq: int, record: Record, at: datetime | None) -> Record:
        moment = clocks.text(at or self.clock.now())
        stamps: Record = {"id": remote_id}
        etag = ids.new_etag(kind, seq, self.clock.random)
        if etag is not None:
            stamps["etag"] = etag
        if kind in _CREATED:
            stamps["createdTime"] = record.get("createdTime") or moment
        if kind in _MODIFIED:
            stamps["lastModifiedTime"] = record.get("lastModifiedTime") or moment
        return {**stamps, **{name: value for name, value in record.items() if name not in (*stamps, "etag")}}

    def _store_content(
        self, key: Key, body: str | None, html: bool | None, mime: bytes | None, attachments: dict[str, bytes] | None
    ) -> None:
        if body is not None:
            is_html = looks_like_html(body) if html is None else html
            self.write(f"UPDATE records SET body = ?, html = ? WHERE {_KEY}", (body, is_html, *key))
        if mime is not None:
            self.write(f"UPDATE records SET mime = ? WHERE {_KEY}", (mime, *key))
        if attachments is not None:
            self.write(f"DELETE FROM attachments WHERE {_KEY}", key)
            for attachment_id, content in attachments.items():
                self.write("INSERT INTO attachments VALUES (?, ?, ?, ?, ?, ?)", (*key, attachment_id, content))

    def _bury(self, key: Key, more: Record) -> None:
        with self.batch():
            tombstone = {"id": key[3], **more, "timestamp": self.now()}
            row = (*key, self.next_seq(), encode(tombstone))
            self.write("INSERT OR REPLACE INTO tombstones VALUES (?, ?, ?, ?, ?, ?)", row)


def looks_like_html(body: str) -> bool:
    """Whether a text is HTML, told by the first tag that a mail would have."""
    return _TAG.search(body, 0, 5_000) is not None


def _completed(kind: str, remote_id: str, parent: str | None, record: Record) -> Record:
    """The record with what every provider adds to it by itself."""
    if kind == "messages":
        return {"threadId": remote_id, **record}
    if kind != "events":
        return record
    shape = "occurrence" if record.get("occurrenceInfo") else "master" if record.get("recurrence") else "single"
    completed = {"calendarId": parent, "recurrenceType": shape, **record}
    uid = record.get("iCalUId") or record.get("iCalUid") or f"{remote_id}@sandbox.example"
    completed |= {"iCalUid": uid, "iCalUId": uid}
    if record.get("occurrenceInfo"):
        completed["occurrenceInfo"] = {**record["occurrenceInfo"], "id": remote_id}
    return completed


def _sort_at(kind: str, record: Record) -> str | None:
    if kind != "messages":
        return None
    written = record.get("receivedAt") or record.get("sentAt") or record["createdTime"]
    try:
        return stamp(clocks.moment(written))
    except (ValueError, OverflowError):
        return str(record["createdTime"])


def _group(kind: str, record: Record) -> tuple[str | None, str | None]:
    """The thread of a message, the series of an occurrence."""
    thread_id = record.get("threadId") if kind == "messages" else None
    return thread_id, (record.get("occurrenceInfo") or {}).get("masterId") if kind == "events" else None


def _span(kind: str, record: Record) -> tuple[str | None, str | None]:
    if kind != "events":
        return None, None
    starts, ends = span(record)
    return stamp(starts), stamp(ends)
