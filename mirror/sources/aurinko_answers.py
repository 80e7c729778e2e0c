"""Aurinko's answers taken apart: pages, records and tombstones out of JSON. It sends nothing and knows no cursor.

A record that can't be taken as one becomes `Unreadable`, by itself: what is wrong with it never spoils its page.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from mirror import clock as clocks
from mirror.errors import WrongAnswer
from mirror.feed import Change, Feed, Gone, Record, Unreadable
from mirror.formats.text import clean, from_html
from mirror.sources import loose_json

LONGEST_ID_BYTES = 2048

A_TAG = re.compile(r"</?[a-z][a-z0-9]*[\s>/]", re.I)  # mails without HTML come as plain text, whatever was asked for


class Account(msgspec.Struct):
    id: int | str
    email: str | None = None
    mailboxAddress: str | None = None  # noqa: N815  (upstream's name, as all fields of these Structs)
    serviceType: str | None = None  # noqa: N815
    authScopes: list[str] | None = None  # noqa: N815


class SyncStatus(msgspec.Struct):
    ready: bool | None = None
    syncUpdatedToken: str | None = None  # noqa: N815
    syncDeletedToken: str | None = None  # noqa: N815


class PageAnswer(msgspec.Struct):
    """A page of a feed or a listing, its records as the bytes that upstream sent."""

    nextPageToken: str | None = None  # noqa: N815
    nextDeltaToken: str | None = None  # noqa: N815
    records: list[msgspec.Raw] | None = None
    length: Any = None


class _Head(msgspec.Struct):
    id: str
    etag: str | None = None
    lastModifiedTime: str | None = None  # noqa: N815
    omitted: list[str] | None = None
    deleted: bool | None = None


class _Tombstone(msgspec.Struct):
    id: str
    timestamp: str | None = None


class _Content(msgspec.Struct):
    content: str


decode_account = msgspec.json.Decoder(Account).decode
decode_status = msgspec.json.Decoder(SyncStatus).decode
_decode_page = msgspec.json.Decoder(PageAnswer).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_tombstone = msgspec.json.Decoder(_Tombstone).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def decode_page(content: bytes) -> PageAnswer:
    """A page. Raises: msgspec.ValidationError when it is none, ValueError when it is cut or garbled."""
    try:
        return _decode_page(content)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # One record may hold what msgspec refuses the whole page for: a lone surrogate (\ud800), a control character,
        # NaN. Python's decoder takes them; what it refuses too is broken in its structure.
        try:
            json.loads(content.decode("utf-8", "replace"), strict=False)
        except RecursionError:
            pass
    except RecursionError:
        pass
    return _loose_page(content)


def _loose_page(content: bytes) -> PageAnswer:
    fields = loose_json.members(content)
    records = fields.pop("records", b"null")
    rest = b",".join(json.dumps(name).encode() + b":" + written for name, written in fields.items() if name in _TOKENS)
    page = _decode_page(b"{" + rest + b"}")
    if records[:1] == b"[":
        page.records = [msgspec.Raw(part) for part in loose_json.parts(records)]
    elif records != b"null":
        raise msgspec.ValidationError("`records` is not a list")
    return page


_TOKENS = ("nextPageToken", "nextDeltaToken")


def decode_raw(content: bytes) -> bytes:
    """The bytes of a single record, once they have turned out to be a whole one. Raises: ValueError."""
    records = decode_page(b'{"records": [' + content + b"]}").records
    if records is None or len(records) != 1:
        raise ValueError("not one JSON value")
    return content


def decode_content(content: bytes) -> bytes:
    """The bytes of an attachment. Raises: ValueError, WrongAnswer."""
    written = "".join(msgspec.json.decode(content, type=_Content).content.split()).rstrip("=")
    encoded = written.replace("-", "+").replace("_", "/") + "=" * (-len(written) % 4)
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WrongAnswer("the attachment is not base64", status=200) from error


# --- records ----------------------------------------------------------------------------------------------------------


def changes_of(feed: Feed, records: list[msgspec.Raw]) -> tuple[Change, ...]:
    """The changes that a page of an updated feed or a listing tells."""
    return tuple(change_of(feed, bytes(raw)) for raw in records)


def change_of(feed: Feed, raw: bytes) -> Change:
    """What one record says."""
    try:
        head = _decode_head(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        loose = _loose_head(raw)
        if loose is None:
            return Unreadable(raw, "it has no id, or is no JSON object")
        head = loose
    if not head.id or len(head.id.encode()) > LONGEST_ID_BYTES:
        return Unreadable(raw, "its id is empty or longer than 2 KB")
    if head.deleted:
        return Gone(head.id, _moment(head.lastModifiedTime))
    body = None
    if feed.kind == "messages" and b'"body"' in raw:
        raw, body = _without_body(raw)
    text = _Readable(body) if body is not None else None
    return Record(head.id, raw, head.etag, _moment(head.lastModifiedTime), tuple(head.omitted or ()), body, text)


@dataclass(frozen=True, slots=True)
class _Readable:
    """The text of a body, worked out when it is asked for."""

    body: str

    def __call__(self) -> str:
        return from_html(self.body) if A_TAG.search(self.body) else self.body


def tombstones_of(records: list[msgspec.Raw]) -> tuple[Change, ...]:
    """The changes that a page of a deleted feed tells."""
    changes: list[Change] = []
    for raw in records:
        try:
            tombstone = _decode_tombstone(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            loose = _loose_head(bytes(raw))
            changes.append(Gone(loose.id) if loose else Unreadable(bytes(raw), "a deletion without an id"))
            continue
        changes.append(Gone(tombstone.id, _moment(tombstone.timestamp)))
    return tuple(changes)


def _loose_head(raw: bytes) -> _Head | None:
    """The head of a record whose fields are not of the agreed types: what can be used of it."""
    fields = loose_json.members(raw)
    remote_id = loose_json.value(fields.get("id"))
    if isinstance(remote_id, int) and not isinstance(remote_id, bool):
        remote_id = str(remote_id)
    if not isinstance(remote_id, str) or not _is_utf8(fields["id"]) or clean(remote_id) != remote_id:
        return None
    etag, modified, omitted, deleted = (
        loose_json.value(fields.get(name)) for name in ("etag", "lastModifiedTime", "omitted", "deleted")
    )
    return _Head(
        remote_id,
        clean(etag) if isinstance(etag, str) else None,
        modified if isinstance(modified, str) else None,
        [name for name in omitted if isinstance(name, str)] if isinstance(omitted, list) else None,
        deleted is True,
    )


def _is_utf8(written: bytes) -> bool:
    try:
        written.decode()
    except UnicodeDecodeError:
        return False
    return True


def _without_body(raw: bytes) -> tuple[bytes, str | None]:
    """The record without its body, and the body. The other fields stay byte for byte as they came."""
    try:
        fields = _decode_fields(raw)
        body = msgspec.json.decode(fields.pop("body"), type=str | None) if "body" in fields else None
        return msgspec.json.encode(fields), body
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    body = loose_json.value(loose_json.members(raw).get("body"))
    if not isinstance(body, str):
        return loose_json.without(raw, "body"), None
    try:
        body.encode()
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 can't carry
        body = clean(body)
    return loose_json.without(raw, "body"), body


def _moment(written: str | None) -> str | None:
    if not written:
        return None
    try:
        return clocks.rewritten(written)
    except (ValueError, OverflowError):
        return None
