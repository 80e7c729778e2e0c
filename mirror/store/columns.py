"""What people read of a record: its columns and child rows, derived from `raw` and from nothing else.

Tolerant by design: a field of an unexpected type gives NULL, never an error; what upstream sent stays whole in `raw`.
`tests/test_fields.py` holds the field names used here against the vendor's OpenAPI file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from mirror import clock as clocks
from mirror.store.windows_zones import WINDOWS_ZONES

Row = tuple[Any, ...]
Fields = dict[str, Any]

COLUMNS: dict[str, tuple[str, ...]] = {
    "contacts": (
        "name", "given_name", "family_name", "nickname", "company", "job_title", "emails", "phones", "birthday",
        "categories", "has_photo", "notes",
    ),
    "calendars": ("name", "description", "color", "access_role", "is_primary"),
    "events": (
        "subject", "starts_at", "ends_at", "all_day", "timezone", "location", "organizer", "attendees",
        "attendee_count", "response", "canceled", "show_as", "sensitivity", "categories", "recurrence_type", "rrule",
        "series_remote_id", "original_start", "occurrence_type", "meeting_url", "web_url", "ical_uid", "description",
    ),
    "folders": ("name", "full_name", "parent_remote_id", "label", "is_folder", "is_label"),
    "messages": (
        "folder_id", "thread_id", "subject", "from_name", "from_email", "recipients", "sent_at", "received_at",
        "unread", "flagged", "labels", "keywords", "has_attachments", "sensitivity", "meeting_method",
        "internet_message_id", "in_reply_to", "web_url", "snippet",
    ),
    "task_lists": ("title", "is_default", "is_owner", "is_shared"),
    "tasks": (
        "title", "status", "importance", "due_at", "starts_at", "completed_at", "parent_remote_id", "position", "owner",
        "categories", "notes",
    ),
}  # fmt: skip
"""The derived columns of each kind, in the order of `schema.sql`."""

CHILDREN: dict[str, dict[str, tuple[str, ...]]] = {
    "contacts": {
        "contact_emails": ("contact_id", "email", "name", "type"),
        "contact_phones": ("contact_id", "phone", "type"),
        "contact_addresses": ("contact_id", "street", "city", "state", "postal_code", "country", "type"),
    },
    "events": {"event_attendees": ("event_id", "email", "name", "type", "response")},
    "messages": {"message_recipients": ("message_id", "role", "email", "name")},
}
"""The child tables of each kind and their columns; the first is the record's id."""


@dataclass(slots=True)
class Attachment:
    """An attachment as a record lists it."""

    remote_id: str
    name: str | None
    mime_type: str | None
    size_bytes: int | None
    inline: int
    content_id: str | None


@dataclass(slots=True)
class Derived:
    """Columns in the order of COLUMNS; child rows without the record's id, which comes first in their tables."""

    columns: Row
    children: dict[str, list[Row]] = field(default_factory=dict)
    attachments: list[Attachment] = field(default_factory=list)
    folder_remote_id: str | None = None


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def fields_of(raw: bytes | str) -> Fields:
    """A record's JSON as a dict. Raises: ValueError when it is none."""
    fields = strict_fields_of(raw)
    if fields is None:
        fields = json.loads(raw)
        if not isinstance(fields, dict):
            raise ValueError("not a JSON object")
    return fields


def strict_fields_of(raw: bytes | str) -> Fields | None:
    """The same; None where it takes a more patient reader: msgspec refuses lone surrogates, which JSON allows."""
    try:
        return _decode(raw)
    except msgspec.DecodeError:
        return None


def derive(kind: str, fields: Fields) -> Derived:
    """The columns and child rows of a record."""
    return _DERIVE[kind](fields)


# --- one value --------------------------------------------------------------------------------------------------------


def text(value: object) -> str | None:
    """A text that SQLite and UTF-8 can carry; None for what is no text, empty or blank: there is nothing in it to read."""
    if value is None:
        return None
    if not isinstance(value, str):
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if not value or value.isspace():
        return None
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def flag(value: Any) -> int | None:
    return int(value) if isinstance(value, bool) else None


def array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def mapping(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> str | None:
    """A list of texts as a JSON array; None when there is none in it."""
    found = [t for t in map(text, array(value)) if t]
    return _array(found) if found else None


def _array(found: list[str]) -> str:
    """As `json.dumps` writes it without escapes, which sets itself up anew for each list."""
    return f"[{', '.join(map(encode_basestring, found))}]"


def joined(parts: list[str]) -> str | None:
    return ", ".join(parts) or None


def address(value: Any) -> str | None:
    """An e-mail address in lower case."""
    found = text(value)
    return found.strip().lower() if found else None


def moment(value: Any, zone: str | None = None) -> str | None:
    """An RFC 3339 time as the mirror writes it; one without an offset is taken in `zone`, else in UTC."""
    if not isinstance(value, str) or not value:
        return None
    try:
        if value.endswith("Z"):
            written = clocks.rewritten(value)
        else:
            parsed = datetime.fromisoformat(value)
            written = clocks.text(parsed if parsed.tzinfo else parsed.replace(tzinfo=_zone(zone)))
    except (ValueError, OverflowError):
        return None
    return written if written >= "1000" else None


@lru_cache(maxsize=256)
def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(iana_name(name) or "UTC")
    except (LookupError, ValueError, OSError):  # zoneinfo raises each of them for a name that is none
        return ZoneInfo("UTC")


def iana_name(name: str | None) -> str | None:
    """The IANA name of a zone that may be named as Windows does; any other name as it is."""
    return WINDOWS_ZONES.get(name, name) if name else None


def event_time(value: Any) -> tuple[str | None, int]:
    """When an event starts or ends, and whether that is a date: midnight UTC of it then, whatever the zone."""
    when = mapping(value)
    date = when.get("dateOnly")
    if isinstance(date, str) and date:
        return moment(date[:10]), 1
    zone = when.get("timezone")
    return moment(when.get("dateTime"), zone if isinstance(zone, str) else None), 0


# --- the kinds --------------------------------------------------------------------------------------------------------


def _contact(f: Fields) -> Derived:
    name = mapping(f.get("name"))
    company = mapping(f.get("company"))
    mails = [
        (mail, text(item.get("name")), text(item.get("type")))
        for item in map(mapping, array(f.get("emailAddresses")))
        if (mail := address(item.get("address")))
    ]
    phones = [
        (number, text(item.get("type")))
        for item in map(mapping, array(f.get("phoneNumbers")))
        if (number := text(item.get("number")))
    ]
    addresses = [
        (
            joined([t for t in (text(item.get("street")), text(item.get("streetLine2"))) if t]),
            text(item.get("city")), text(item.get("state")), text(item.get("postalCode")), text(item.get("country")),
            text(item.get("type")),
        )
        for item in map(mapping, array(f.get("addresses")))
    ]  # fmt: skip
    given, family = text(name.get("givenName")), text(name.get("familyName"))
    employer = text(company.get("name"))
    shown = (
        text(name.get("displayName")) or _in_parts(name) or text(f.get("fileAs"))
        or text(f.get("nickName")) or employer or (mails[0][0] if mails else None)
    )  # fmt: skip
    columns = (
        shown, given, family, text(f.get("nickName")), employer, text(company.get("jobTitle")),
        joined([m[0] for m in mails]), joined([p[0] for p in phones]), text(f.get("birthday")),
        texts(f.get("keywords")), flag(f.get("hasPhoto")), text(f.get("notes")),
    )  # fmt: skip
    children = {"contact_emails": mails, "contact_phones": phones, "contact_addresses": addresses}
    return Derived(columns, children)  # type: ignore[arg-type]  # rows of different widths


def _in_parts(name: Fields) -> str:
    parts = [text(name.get(key)) for key in ("prefix", "givenName", "middleName", "familyName", "suffix")]
    return " ".join(part for part in parts if part)


def _calendar(f: Fields) -> Derived:
    return Derived((
        text(f.get("name")), text(f.get("description")), text(f.get("color")), text(f.get("accessRole")),
        flag(f.get("primary")),
    ))  # fmt: skip


def _event(f: Fields) -> Derived:
    starts_at, all_day = event_time(f.get("start"))
    ends_at, _ = event_time(f.get("end"))
    meeting = mapping(f.get("meetingInfo"))
    occurrence = mapping(f.get("occurrenceInfo"))
    rules = array(mapping(mapping(f.get("recurrence")).get("ical")).get("rules"))
    attendees: list[Row] = []
    for item in map(mapping, array(meeting.get("attendees"))):
        who = mapping(item.get("emailAddress"))
        answer = text(item.get("response"))
        answer = "tentative" if answer == "tentitive" else answer  # spelled so in every revision of the vendor's file
        attendees.append((address(who.get("address")), text(who.get("name")), text(item.get("type")), answer))
    organizer = mapping(mapping(f.get("organizer")).get("emailAddress"))
    timezone = iana_name(text(mapping(f.get("start")).get("timezone")))
    columns = (
        text(f.get("subject")), starts_at, ends_at or starts_at, all_day, timezone, text(f.get("location")),
        address(organizer.get("address")) or text(organizer.get("name")),
        joined([_person(name, mail) for mail, name, _, _ in attendees if name or mail]), len(attendees),
        text(meeting.get("response")), flag(meeting.get("canceled", meeting.get("cancelled"))), text(f.get("showAs")),
        text(f.get("sensitivity")), texts(f.get("categories")), text(f.get("recurrenceType")),
        "\n".join(t for t in (text(rule) for rule in rules) if t) or None,
        text(occurrence.get("masterId")), event_time(occurrence.get("originalStart"))[0], text(occurrence.get("type")),
        text(mapping(meeting.get("onlineMeetingDetails")).get("url")), text(f.get("htmlLink")),
        text(f.get("iCalUid") or f.get("iCalUId")), text(f.get("description")),
    )  # fmt: skip
    return Derived(columns, {"event_attendees": attendees}, _attachments(f))


def _folder(f: Fields) -> Derived:
    return Derived((
        text(f.get("name")), text(f.get("fullName")), text(f.get("parentId")), text(f.get("sysLabel")),
        flag(f.get("isFolder")), flag(f.get("isLabel")),
    ))  # fmt: skip


def _message(f: Fields) -> Derived:
    sender = next(iter(_people(f.get("from"))), {})
    labels = [t for t in map(text, array(f.get("sysLabels"))) if t]
    recipients: list[Row] = []
    for role, key in (("to", "to"), ("cc", "cc"), ("bcc", "bcc"), ("reply_to", "replyTo")):
        for who in _people(f.get(key)):
            mail, name = address(who.get("address")), text(who.get("name"))
            if mail or name:
                recipients.append((role, mail, name))
    sent_at = moment(f.get("sentAt"))
    received_at = moment(f.get("receivedAt")) or sent_at or moment(f.get("createdTime"))
    columns = (
        None, text(f.get("threadId")), text(f.get("subject")), text(sender.get("name")),
        address(sender.get("address")), joined([_person(n, m) for r, m, n in recipients if r in ("to", "cc")]),
        sent_at, received_at, int("unread" in labels), int("flagged" in labels),
        _array(labels) if labels else None, texts(f.get("keywords")),
        flag(f.get("hasAttachments")), text(f.get("sensitivity")), text(f.get("meetingMessageMethod")),
        text(f.get("internetMessageId")), text(f.get("inReplyTo")), text(f.get("webLink")), text(f.get("bodySnippet")),
    )  # fmt: skip
    return Derived(columns, {"message_recipients": recipients}, _attachments(f), text(f.get("folderId")))


def _task_list(f: Fields) -> Derived:
    return Derived((text(f.get("title")), flag(f.get("defaultList")), flag(f.get("owner")), flag(f.get("shared"))))


def _task(f: Fields) -> Derived:
    return Derived((
        text(f.get("title")), text(f.get("status")), text(f.get("importance")), moment(f.get("due")),
        moment(f.get("startDateTime")), moment(f.get("completed")), text(f.get("parentId")), text(f.get("position")),
        text(f.get("owner")), texts(f.get("categories")), text(f.get("notes")),
    ))  # fmt: skip


def _people(value: Any) -> list[Fields]:
    """Addresses, which clients have met as one object, as a list of them, and as text."""
    items = value if isinstance(value, list) else [value]
    return [_written_out(item) if isinstance(item, str) else mapping(item) for item in items]


def _written_out(written: str) -> Fields:
    name, mail = parseaddr(written)
    return {"name": name, "address": mail or written}


def _person(name: str | None, mail: str | None) -> str:
    return f"{name} <{mail}>" if name and mail and name.lower() != mail else name or mail or ""


def _attachments(f: Fields) -> list[Attachment]:
    found: dict[str, Attachment] = {}
    for item in map(mapping, array(f.get("attachments"))):
        remote_id = text(item.get("id"))
        if remote_id is None:
            continue
        size = item.get("size")
        found[remote_id] = Attachment(
            remote_id, text(item.get("name")), text(item.get("mimeType")),
            size if isinstance(size, int) and 0 <= size < 2**63 else None,
            flag(item.get("inline")) or 0, text(item.get("contentId")),
        )  # fmt: skip
    return list(found.values())


_DERIVE: dict[str, Callable[[Fields], Derived]] = {
    "contacts": _contact,
    "calendars": _calendar,
    "events": _event,
    "folders": _folder,
    "messages": _message,
    "task_lists": _task_list,
    "tasks": _task,
}
