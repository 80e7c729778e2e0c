"""Which readable columns can be written, and the field of upstream's that each one stands for. It reads and writes no file.

One table for records, one for the lists inside them. The columns themselves are derived in `columns.py`, the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mirror.errors import Problem
from mirror.fields import FORMS, Field, is_empty
from mirror.fields.familiar import name_parts
from mirror.fields.moments import starts_at, zone_of
from mirror.merge.comparing import readable
from mirror.store.columns import derive

Fields = dict[str, Any]
Row = Mapping[str, Any]

COLUMNS: dict[str, dict[str, str]] = {
    "contacts": {
        "name": "name", "given_name": "name.givenName", "family_name": "name.familyName", "nickname": "nickName",
        "company": "company.name", "job_title": "company.jobTitle", "birthday": "birthday", "categories": "keywords",
        "notes": "notes",
    },
    "calendars": {"name": "name", "description": "description"},
    "events": {
        "subject": "subject", "location": "location", "description": "description", "show_as": "showAs",
        "sensitivity": "sensitivity", "starts_at": "start", "ends_at": "end", "timezone": "start", "all_day": "start",
    },
    "folders": {},
    "messages": {"unread": "unread", "keywords": "keywords"},
    "task_lists": {"title": "title"},
    "tasks": {
        "title": "title", "status": "status", "importance": "importance", "due_at": "due", "starts_at": "startDateTime",
        "categories": "categories", "notes": "notes",
    },
}  # fmt: skip
"""By table and column: the path of the field. `raw` can be written besides, where anything else can."""
TIMES = ("starts_at", "ends_at", "timezone", "all_day")
"""Columns of an event that are read together."""
ELSEWHERE = {
    ("contacts", "emails"): "contact_emails has a row for each",
    ("contacts", "phones"): "contact_phones has a row for each",
    ("events", "attendees"): "event_attendees has a row for each",
    ("events", "attendee_count"): "event_attendees has a row for each",
    ("events", "response"): "answer with: mirror respond ID accepted",
    ("events", "rrule"): "write recurrence in raw",
    ("events", "categories"): "upstream alone writes them",
    ("tasks", "completed_at"): "upstream writes it when status becomes completed",
}


@dataclass(frozen=True, slots=True)
class Entries:
    """A list inside a record, and the parts of an entry by column."""

    path: tuple[str, ...]
    columns: dict[str, str]


LISTS: dict[str, Entries] = {
    "contact_emails": Entries(("emailAddresses",), {"email": "address", "name": "name", "type": "type"}),
    "contact_phones": Entries(("phoneNumbers",), {"phone": "number", "type": "type"}),
    "contact_addresses": Entries(
        ("addresses",),
        {"street": "street", "city": "city", "state": "state", "postal_code": "postalCode", "country": "country", "type": "type"},
    ),
    "event_attendees": Entries(
        ("meetingInfo", "attendees"), {"email": "emailAddress.address", "name": "emailAddress.name", "type": "type"}
    ),
}  # fmt: skip
"""By child table. Those that are not here can't be written."""


def writable(table: str) -> tuple[str, ...]:
    """The columns of a table that can be written."""
    if table in LISTS:
        return tuple(LISTS[table].columns)
    columns = tuple(COLUMNS.get(table, {}))
    return (*columns, "raw") if columns else ()


# --- records --------------------------------------------------------------------------------------------------------------


class Unwritable(Exception):
    """A value can't be taken as its field; stays within the store."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(path, sentence)
        self.problem = Problem(path, sentence)


def record_as_wished(kind: str, record: Fields, changed: Mapping[str, Any], after: Row) -> Fields:
    """The record with the changed columns in it. `after`: the whole row, for columns that are read together.

    Raises: Unwritable.
    """
    wished = deepcopy(record)
    if "raw" in changed:
        wished = _json_object(changed["raw"])
    if kind == "messages":
        wished = dict(readable(kind, wished))
    times = {name: changed[name] for name in TIMES if name in changed and kind == "events"}
    for column, value in changed.items():
        if column == "raw" or column in times:
            continue
        path = COLUMNS[kind][column]
        if (kind, column) == ("contacts", "name"):
            before = wished.get("name")
            wished["name"] = name_parts(str(value or ""), before if isinstance(before, dict) else {})
        else:
            _set(wished, FORMS[kind], path.split("."), _value(_field(kind, path), column, value))
    if times:
        wished |= _times(wished, times, after)
    return {name: value for name, value in wished.items() if value is not None}


def _json_object(written: Any) -> Fields:
    try:
        found = json.loads(written)
    except (TypeError, ValueError) as error:
        raise Unwritable("raw", "is no JSON any more") from error
    if not isinstance(found, dict):
        raise Unwritable("raw", "is no JSON object any more")
    return found


def _field(kind: str, path: str) -> Field:
    field: Field | None = FORMS[kind]
    for name in path.split("."):
        field = field.part(name) if field else None
    assert field is not None
    return field


def _value(field: Field, column: str, value: Any) -> Any:
    """A value of SQL's as upstream has it; what can't be taken stays as it is, for `check` to name."""
    if value is None or value == "":
        return None
    if field.type == "boolean":
        return bool(value) if value in (0, 1) else value
    if field.type == "moment":
        return _text(_moment(column, value))
    if field.type == "list":
        try:
            return json.loads(value)
        except (TypeError, ValueError) as error:
            raise Unwritable(column, f'“{value}” is no JSON array, like ["one", "two"]') from error
    return value if isinstance(value, (str, bytes)) or field.type == "number" else str(value)


def _set(record: Fields, whole: Field, steps: Sequence[str], value: Any) -> None:
    name, rest = steps[0], steps[1:]
    if not rest:
        record[name] = value
        return
    known = record.get(name)
    inner = dict(known) if isinstance(known, dict) else {}
    part = whole.part(name)
    assert part is not None
    _set(inner, part, rest, value)
    record[name] = {one: kept for one, kept in inner.items() if kept is not None} or None


# --- times ----------------------------------------------------------------------------------------------------------------


def _moment(column: str, value: Any) -> datetime:
    """A moment as SQL writes it: UTC unless it says otherwise; a day is its midnight."""
    try:
        found = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise Unwritable(column, f"“{value}” is no time, like 2026-03-01T10:00:00Z") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _times(record: Fields, changed: Mapping[str, Any], after: Row) -> Fields:
    """Start and end of an event. A zone alone changes what the clocks show, not when it is."""
    zone_name = after.get("timezone") if "timezone" in changed else _zone_of(record)
    zone = zone_of(zone_name if isinstance(zone_name, str) else None)
    if zone_name and zone is None and "timezone" in changed:
        raise Unwritable("timezone", f"“{zone_name}” is no IANA time zone")
    was_all_day = bool(_mapping(record.get("start")).get("dateOnly"))
    all_day = bool(changed["all_day"]) if "all_day" in changed else was_all_day
    found: Fields = {}
    for name, column in (("start", "starts_at"), ("end", "ends_at")):
        if column in changed and changed[column] is None:
            found[name] = None
            continue
        moment = _moment(column, changed[column]) if column in changed else starts_at(record.get(name))
        if moment is not None and (column in changed or "timezone" in changed or all_day is not was_all_day):
            found[name] = _when(moment, zone_name, zone, all_day, was_all_day or column in changed, name == "end")
    return found


def _when(moment: datetime, zone_name: Any, zone: ZoneInfo | None, all_day: bool, as_day: bool, end: bool) -> Fields:
    if all_day:
        local = moment if as_day or zone is None else moment.astimezone(zone)
        into_day = end and (local.hour, local.minute, local.second) != (0, 0, 0)
        return {"dateOnly": (local.date() + timedelta(days=int(into_day))).isoformat()}
    if zone is None:
        return {"dateTime": _text(moment)}
    return {"dateTime": moment.astimezone(zone).isoformat(), "timezone": zone_name}


def _zone_of(record: Fields) -> str | None:
    for name in ("start", "end"):
        zone = _mapping(record.get(name)).get("timezone")
        if isinstance(zone, str) and zone:
            return zone
    return None


def _mapping(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}


# --- lists ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RowChange:
    """What is wished of one row of a list. `place`: which row it was, None for a new one; `columns` None: it is taken out."""

    place: int | None
    columns: Mapping[str, Any] | None


def record_with_list(kind: str, table: str, record: Fields, rows: int, changes: Sequence[RowChange]) -> Fields:
    """The record with the rows of one of its lists changed. `rows`: how many it had, as a check. Raises: Unwritable."""
    wished = deepcopy(record)
    holder: Fields = wished
    entries = LISTS[table]
    for name in entries.path[:-1]:
        inner = holder.get(name)
        holder[name] = dict(inner) if isinstance(inner, dict) else {}
        holder = holder[name]
    listed = holder.get(entries.path[-1])
    known = list(listed) if isinstance(listed, list) else []
    shown = [place for place, entry in enumerate(known) if _has_row(kind, table, entry)]
    if any(change.place is not None for change in changes) and len(shown) != rows:
        raise Unwritable(table, "does not have the rows that its record has; look with: mirror verify")
    for change in changes:
        if change.place is None:
            known.append(_entry(table, {}, change.columns or {}))
        elif change.columns is None:
            known[shown[change.place]] = None
        else:
            known[shown[change.place]] = _entry(table, known[shown[change.place]], change.columns)
    holder[entries.path[-1]] = [entry for entry in known if not is_empty(entry)]
    return wished


def _has_row(kind: str, table: str, entry: Any) -> bool:
    record: Any = [entry]
    for name in reversed(LISTS[table].path):
        record = {name: record}
    return bool(derive(kind, record).children[table])


def _entry(table: str, entry: Any, columns: Mapping[str, Any]) -> Fields:
    changed = dict(entry) if isinstance(entry, dict) else {}
    for column, value in columns.items():
        path = LISTS[table].columns[column].split(".")
        if column == "street":
            changed.pop("streetLine2", None)  # the column has both lines
        holder = changed
        for name in path[:-1]:
            inner = holder.get(name)
            holder[name] = dict(inner) if isinstance(inner, dict) else {}
            holder = holder[name]
        if column == "email" and "raw" in holder:
            del holder["raw"]  # the header that the old address stood in
        if value is None or value == "":
            holder.pop(path[-1], None)
        else:
            holder[path[-1]] = value if isinstance(value, str) else str(value)
    return changed
