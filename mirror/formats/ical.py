"""iCalendar → events and tasks, in the upstream API's shapes.

One component that can't be converted never costs the others: it becomes a sentence in `refused`. Invents no ids: where
the API names a record by its id (`masterId`, `parentId`), the UID stands, for the caller to replace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from icalendar import Component, Event, Timezone, Todo

from mirror.errors import UnreadableFile
from mirror.formats.ical_fields import (
    attachments,
    attendees,
    categories,
    first,
    mailbox,
    online_meeting,
    reminder,
    sensitivity,
    show_as,
    text_of,
    utc_moment,
)
from mirror.formats.ical_times import TZID, Zones, event_time, named_zone, rfc3339
from mirror.formats.occurrences import expand
from mirror.formats.recurrence import recurrence
from mirror.formats.text import decode

__all__ = ["ParsedCalendar", "ParsedEvent", "ParsedTask", "calendar", "expand"]

_BOUNDARY = re.compile(r"(BEGIN|END):\s*([A-Za-z0-9-]+)\s*$", re.IGNORECASE)
_TZID_PARAMETER = re.compile(r'^([A-Z-]+(?:;(?!TZID=)[^:;="]+=(?:"[^"]*"|[^:;"]*))*);TZID=', re.IGNORECASE)
_TZID_PROPERTY = re.compile(r"^TZID(?:;[^:\r\n]*)?:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_CONVERTED = {"VEVENT": "event", "VTODO": "task"}
TASK_STATUSES = {
    "NEEDS-ACTION": "notStarted",
    "IN-PROCESS": "inProgress",
    "COMPLETED": "completed",
    "CANCELLED": "deferred",
}


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """One event. An exception of a series has its `recurrence_id`: the start it would have had, as the API writes it."""

    uid: str | None
    recurrence_id: dict[str, str] | None
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ParsedTask:
    uid: str | None
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ParsedCalendar:
    """What a file holds. `refused` has a sentence for everything in it that could not be taken over."""

    name: str | None
    events: list[ParsedEvent] = field(default_factory=list)
    tasks: list[ParsedTask] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def calendar(content: bytes) -> ParsedCalendar:
    """The events and tasks of an iCalendar file, in its order.

    Raises: UnreadableFile, when there is nothing of iCalendar in it.
    """
    refused: list[str] = []
    components: list[tuple[str, str]] = []
    properties: dict[str, str] = {}
    for name, written in _split(_unfolded(content), refused):
        if name == "VCALENDAR":
            properties = _calendar_properties(written) | properties
        else:
            components.append((name, written))
    if not components and not properties and not refused:
        raise UnreadableFile("It is not an iCalendar file: there is no BEGIN:VCALENDAR, event or task in it.")
    zones = Zones(definitions=_definitions(components))
    zones.floating = named_zone(properties.get("X-WR-TIMEZONE", "")) or zones.floating
    found = ParsedCalendar(properties.get("X-WR-CALNAME") or properties.get("NAME") or None, refused=refused)
    counts = dict.fromkeys(_CONVERTED, 0)
    for name, written in components:
        if name not in _CONVERTED:
            if name != "VTIMEZONE":
                refused.append(f"A {name} was left out: it is neither an event nor a task.")
            continue
        counts[name] += 1
        _convert(name, written, f"{_CONVERTED[name].capitalize()} {counts[name]}", zones, found)
    return found


def _convert(name: str, written: str, called: str, zones: Zones, found: ParsedCalendar) -> None:
    problems: list[str] = []
    try:
        if name == "VEVENT":
            event = Event.from_ical(written)
            called = f"{called} “{text_of(event, 'SUMMARY') or 'without a title'}”"
            found.events.append(_event(event, zones, problems))
        else:
            todo = Todo.from_ical(written)
            called = f"{called} “{text_of(todo, 'SUMMARY') or 'without a title'}”"
            found.tasks.append(_task(todo, zones, problems))
    except UnreadableFile as error:
        found.refused.append(f"{called} was left out: {error.reason}")
    except Exception as error:
        # icalendar translates only some of what hostile values do to it; none of it may cost the other components.
        found.refused.append(f"{called} was left out: it can't be read ({error}).")
    found.refused.extend(f"{called}: {problem}" for problem in problems)


def _unfolded(content: bytes) -> list[str]:
    """Content lines, folded ones put together again. A character that was cut in two by a fold is whole again."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16", "replace").encode("utf-8", "replace")
    whole = re.sub(rb"\r*\n[ \t]|\r[ \t]", b"", content.removeprefix(b"\xef\xbb\xbf"))
    return [line for line in re.split(r"\r*\n|\r", decode(whole)) if line.strip()]


def _split(lines: list[str], refused: list[str]) -> Iterator[tuple[str, str]]:
    """Each component under the calendar as text, and the calendar's own properties as the component VCALENDAR."""
    own: list[str] = []
    in_calendar = False
    name, depth, collected = "", 0, list[str]()
    for line in lines:
        boundary = _BOUNDARY.match(line)
        begins = boundary is not None and boundary[1].upper() == "BEGIN"
        kind = boundary[2].upper() if boundary else ""
        if kind == "VCALENDAR" or (begins and depth and kind in _CONVERTED):
            # Neither can stand inside a component: the one before was never ended.
            if depth:
                refused.append(f"A {name} was left out: it is cut off before its END.")
            depth, in_calendar = 0, in_calendar or kind == "VCALENDAR"
            if kind == "VCALENDAR":
                continue
        if depth == 0 and begins:
            name, depth, collected = kind, 1, [f"BEGIN:{kind}"]
        elif depth:
            collected.append(line if name == "VTIMEZONE" else _TZID_PARAMETER.sub(rf"\1;{TZID}=", line, count=1))
            depth += 0 if boundary is None else 1 if begins else -1
            if depth == 0:
                collected[-1] = f"END:{name}"
                yield name, "\r\n".join([*collected, ""])
        elif in_calendar and boundary is None:
            own.append(line)
    if depth:
        refused.append(f"A {name} was left out: it is cut off before its END.")
    if in_calendar:
        yield "VCALENDAR", "\n".join(["BEGIN:VCALENDAR", *own])


def _calendar_properties(written: str) -> dict[str, str]:
    properties: dict[str, str] = {}
    for line in written.split("\n"):
        head, _, value = line.partition(":")
        unescaped = re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], value)
        properties.setdefault(head.partition(";")[0].strip().upper(), unescaped.strip())
    return properties


def _definitions(components: list[tuple[str, str]]) -> dict[str, Timezone]:
    found: dict[str, Timezone] = {}
    for name, written in components:
        if name == "VTIMEZONE":
            try:
                tzid = _TZID_PROPERTY.search(written)
                # Under one name for all, so that the library's cache neither learns from this file nor grows.
                zone = Timezone.from_ical(_TZID_PROPERTY.sub("TZID:FILE-DEFINED", written))
                if tzid and isinstance(zone, Timezone):
                    found.setdefault(tzid[1].strip().strip('"'), zone)
            except Exception:  # noqa: S112  (a broken definition: its times fall back to the calendar's own zone)
                continue
    return found


def _event(event: Component, zones: Zones, problems: list[str]) -> ParsedEvent:
    start, start_name = _moment(event, "DTSTART", zones)
    if start is None:
        raise UnreadableFile(_why(event, "DTSTART", "it has no start (DTSTART)."))
    end, end_name = _end(event, "DTEND", start, start_name, zones)
    uid = text_of(event, "UID") or None
    started = event_time(start, start_name)
    original = _original_start(event, zones)
    repeats, left_out = (None, []) if original else recurrence(event, start, started, zones)
    problems += [*left_out, *_unread(event)]
    canceled = text_of(event, "STATUS").upper() == "CANCELLED"
    record: dict[str, Any] = {
        "subject": text_of(event, "SUMMARY"),
        "description": text_of(event, "DESCRIPTION"),
        "location": text_of(event, "LOCATION"),
        "start": started,
        "end": event_time(end, end_name),
        "organizer": {"emailAddress": who} if (who := mailbox(first(event, "ORGANIZER"))) else None,
        "meetingInfo": _meeting(event, canceled),
        "recurrenceType": "occurrence" if original else "master" if repeats else "single",
        "recurrence": repeats,
        "reminder": reminder(event, start, end),
        "iCalUid": uid,
        "iCalUId": uid,
        "showAs": show_as(event),
        "sensitivity": sensitivity(event),
        "categories": categories(event),
        "htmlLink": text_of(event, "URL"),
        "createdTime": utc_moment(event, "CREATED"),
        "lastModifiedTime": utc_moment(event, "LAST-MODIFIED"),
        "attachments": attachments(event),
    }
    if original:
        info = {"type": "deleted" if canceled else "modified", "originalStart": original, "start": started}
        record["occurrenceInfo"] = info | ({"masterId": uid} if uid else {})
    record = {key: value for key, value in record.items() if value} | {"hasAttachments": bool(record["attachments"])}
    return ParsedEvent(uid, original, record)


def _meeting(event: Component, canceled: bool) -> dict[str, Any] | None:
    found = {"attendees": attendees(event)} | online_meeting(event)
    found = {key: value for key, value in found.items() if value}
    return {"canceled": canceled} | found if found or canceled or first(event, "ORGANIZER") else None


def _moment(component: Component, name: str, zones: Zones) -> tuple[date | datetime | None, str | None]:
    """A day, or a moment in its zone, and that zone's IANA name."""
    prop = first(component, name)
    value = getattr(prop, "dt", None)
    if isinstance(value, datetime):
        moment, zone_name = zones.aware(value, prop.params.get(TZID))
        return moment, zone_name
    return (value, None) if isinstance(value, date) else (None, None)


def _end(
    component: Component, name: str, start: date | datetime, zone_name: str | None, zones: Zones
) -> tuple[date | datetime, str | None]:
    """The end as written, or from the duration; a day lasts at least to the next, a moment ends at once."""
    end, end_name = _moment(component, name, zones)
    duration = getattr(first(component, "DURATION"), "dt", None)
    if isinstance(start, datetime):
        if end is None and isinstance(duration, timedelta):
            # Days go by the clock on the wall, hours by real time (RFC 5545, 3.3.6).
            rest = duration - timedelta(days=duration.days)
            by_wall = start + timedelta(days=duration.days)
            end, end_name = (by_wall.astimezone(UTC) + rest).astimezone(start.tzinfo) if rest else by_wall, zone_name
        if isinstance(end, datetime):
            return (end, end_name) if end >= start else (start, zone_name)
        if end is not None:
            midnight = datetime(end.year, end.month, end.day, tzinfo=start.tzinfo)
            return max(midnight, start), zone_name
        return start, zone_name
    if end is None and isinstance(duration, timedelta):
        end = start + duration
    last = end.date() if isinstance(end, datetime) else end
    return max(last or start, start + timedelta(days=1)), None


def _original_start(event: Component, zones: Zones) -> dict[str, str] | None:
    value, zone_name = _moment(event, "RECURRENCE-ID", zones)
    return event_time(value, zone_name) if value is not None else None


def _why(component: Component, name: str, otherwise: str) -> str:
    """Why a property is not there: the library's reason, where it met something that it could not read."""
    reasons = [str(reason) for of, reason in component.errors if of == name or (of is None and name in str(reason))]
    return f"its {name} can't be read ({reasons[0]})." if reasons else otherwise


def _unread(component: Component) -> list[str]:
    return [f"its {name or 'line'} can't be read and was left out ({reason})." for name, reason in component.errors]


def _task(todo: Component, zones: Zones, problems: list[str]) -> ParsedTask:
    if not any(text_of(todo, name) for name in ("UID", "SUMMARY", "DESCRIPTION")):
        raise UnreadableFile("it has no title, no text and no UID.")
    start, _ = _moment(todo, "DTSTART", zones)
    due, _ = _moment(todo, "DUE", zones)
    if due is None and start is not None and first(todo, "DURATION") is not None:
        due, _ = _end(todo, "DUE", start, None, zones)
    if first(todo, "RRULE") is not None or first(todo, "RDATE") is not None:
        problems.append("it repeats, which the API's tasks can't; only its first occurrence was taken.")
    problems += _unread(todo)
    link = text_of(todo, "URL")
    record = {
        "title": text_of(todo, "SUMMARY"),
        "notes": text_of(todo, "DESCRIPTION"),
        "status": _task_status(todo),
        "importance": _importance(todo),
        "due": _task_moment(due),
        "startDateTime": _task_moment(start),
        "completed": utc_moment(todo, "COMPLETED"),
        "lastModifiedTime": utc_moment(todo, "LAST-MODIFIED"),
        "categories": categories(todo),
        "parentId": text_of(todo, "RELATED-TO"),
        "links": [{"link": link}] if link else [],
    }
    return ParsedTask(text_of(todo, "UID") or None, {key: value for key, value in record.items() if value})


def _task_moment(value: date | datetime | None) -> str | None:
    """The API has only moments for tasks; a day is its first moment in UTC, as Google Tasks has it."""
    if value is None:
        return None
    return rfc3339(value) if isinstance(value, datetime) else f"{value.isoformat()}T00:00:00Z"


def _task_status(todo: Component) -> str:
    known = TASK_STATUSES.get(text_of(todo, "STATUS").upper())
    if known:
        return known
    percent = text_of(todo, "PERCENT-COMPLETE")
    if percent == "100" or first(todo, "COMPLETED") is not None:
        return "completed"
    return "inProgress" if percent.isdecimal() and percent != "0" else "notStarted"


def _importance(todo: Component) -> str:
    """RFC 5545, 3.8.1.9: 1 is the highest priority, 9 the lowest, 0 none."""
    priority = text_of(todo, "PRIORITY")
    number = int(priority) if priority.isdecimal() and len(priority) == 1 else 0
    return "high" if 1 <= number <= 4 else "low" if number >= 6 else "normal"
