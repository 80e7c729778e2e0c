"""Events in the upstream API's shapes → one iCalendar file: series with their rules, exceptions under their UID.

Written by hand, since the icalendar library takes most of a millisecond for an event, and a calendar has thousands; the
definitions of time zones are the library's. What upstream wrote can't get out of its own line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from icalendar import Timezone

from mirror.formats.descriptions import as_text, is_html
from mirror.formats.ical_fields import ATTENDEE_RESPONSES, BUSY_STATUSES, SENSITIVITIES
from mirror.formats.ical_times import day_or_moment, named_zone
from mirror.formats.patterns import excluded, rule_lines
from mirror.formats.recurrence import content_line_time
from mirror.formats.text import clean

LONGEST_LINE_BYTES = 75
_PARTSTATS = {answer: status for status, answer in ATTENDEE_RESPONSES.items()} | {"tentative": "TENTATIVE"}
_CLASSES = {name: written for written, name in SENSITIVITIES.items() if written != "PUBLIC"} | {"personal": "PRIVATE"}
_BUSY = {name: written for written, name in BUSY_STATUSES.items()}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_ESCAPED = re.compile(r"[\\;,\n]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, and when it became what it is (UTC). One that is gone leaves a hole in its series, and nothing else."""

    record: dict[str, Any]
    stamp: str
    gone: bool = False


@dataclass(frozen=True, slots=True)
class _Series:
    uid: str
    start: date | datetime
    holes: list[date | datetime] = field(default_factory=list)


@dataclass(slots=True)
class _Lines:
    """Lines of one file, and the zones that they name."""

    written: list[str] = field(default_factory=list)
    zones: set[str] = field(default_factory=set)

    def add(self, name: str, value: str) -> None:
        self.written.append(f"{name}:{value}")

    def text(self, name: str, value: Any) -> None:
        """A property of text, unless it is empty."""
        if isinstance(value, str) and (shown := clean(value).strip()):
            self.add(name, _escaped(shown))

    def moment(self, name: str, value: date | datetime) -> None:
        if not isinstance(value, datetime):
            self.add(f"{name};VALUE=DATE", f"{value:%Y%m%d}")
            return
        zone = getattr(value.tzinfo, "key", None)
        parameters, text = content_line_time(value, zone)
        if parameters and zone:
            self.zones.add(zone)
        self.add(f"{name}{parameters}", text)


def calendar(name: str | None, entries: Iterable[Entry], color: str | None = None) -> bytes:
    """The file. A record without a readable start is not in it; an exception whose series is not given stands for itself."""
    given = list(entries)
    series = _series(given)
    lines = _Lines()
    for entry in given:
        if not entry.gone and not _is_hole(entry.record):
            _event(entry, series, lines)
    head = _Lines(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//mirror//calendar//EN", "CALSCALE:GREGORIAN"])
    head.text("NAME", name)
    head.text("X-WR-CALNAME", name)
    if color and re.fullmatch("#[0-9A-Fa-f]{6}", color):
        head.add("X-APPLE-CALENDAR-COLOR", color)
    head.add("REFRESH-INTERVAL;VALUE=DURATION", "PT15M")
    head.add("X-PUBLISHED-TTL", "PT15M")
    folded = "".join(f"{_folded(line)}\r\n" for line in head.written)
    definitions = "".join(map(_definition, sorted(lines.zones)))
    events = "".join(f"{_folded(line)}\r\n" for line in lines.written)
    return f"{folded}{definitions}{events}END:VCALENDAR\r\n".encode()


def _series(given: list[Entry]) -> dict[str, _Series]:
    """The masters by their id, with the starts that nothing takes place at."""
    found: dict[str, _Series] = {}
    for entry in given:
        start = _start(entry.record)
        if not entry.gone and start is not None and entry.record.get("recurrence") and not _info(entry.record):
            found[str(entry.record.get("id"))] = _Series(_uid(entry.record), start)
    for entry in given:
        of = found.get(str(_info(entry.record).get("masterId")))
        original = _time(_info(entry.record).get("originalStart"))
        if of and original is not None and (entry.gone or _is_hole(entry.record)):
            of.holes.append(_alike(original, of.start))
    return found


def _event(entry: Entry, series: dict[str, _Series], lines: _Lines) -> None:
    record = entry.record
    start = _start(record)
    if start is None:
        return
    own = series.get(str(record.get("id")))
    of = series.get(str(_info(record).get("masterId")))
    original = _time(_info(record).get("originalStart"))
    lines.add("BEGIN", "VEVENT")
    lines.text("UID", of.uid if of else _uid(record))
    lines.add("DTSTAMP", _utc(entry.stamp) or "19700101T000000Z")
    lines.moment("DTSTART", start)
    lines.moment("DTEND", _finish(record, start))
    if original is not None:
        lines.moment("RECURRENCE-ID", _alike(original, of.start if of else start))
    if own:
        _repetition(record, own, lines)
    _words(record, lines)
    _people(record, lines)
    _reminders(record, lines)
    lines.add("END", "VEVENT")


def _repetition(record: dict[str, Any], own: _Series, lines: _Lines) -> None:
    written = rule_lines(record.get("recurrence"), own.start)
    for line in written:
        if found := re.search(r";TZID=([^:;]+):", line):
            lines.zones.add(found[1])
        lines.written.append(line)
    known = set(excluded(written, own.start))
    for hole in own.holes:
        if (hole.astimezone(UTC) if isinstance(hole, datetime) else hole) not in known:
            lines.moment("EXDATE", hole)


def _words(record: dict[str, Any], lines: _Lines) -> None:
    meeting = _mapping(record.get("meetingInfo"))
    lines.text("SUMMARY", record.get("subject"))
    description = record.get("description")
    if isinstance(description, str) and description:
        lines.text("DESCRIPTION", as_text(description))
        if is_html(description):
            lines.text("X-ALT-DESC;FMTTYPE=text/html", description)
    lines.text("LOCATION", record.get("location"))
    canceled = meeting.get("canceled", meeting.get("cancelled"))
    shown = record.get("showAs")
    lines.add("STATUS", "CANCELLED" if canceled else "TENTATIVE" if shown == "tentative" else "CONFIRMED")
    lines.add("TRANSP", "TRANSPARENT" if shown == "free" else "OPAQUE")
    if isinstance(shown, str) and shown in _BUSY:
        lines.add("X-MICROSOFT-CDO-BUSYSTATUS", _BUSY[shown])
    if (secrecy := _CLASSES.get(str(record.get("sensitivity")))) is not None:
        lines.add("CLASS", secrecy)
    if words := [_escaped(clean(word)) for word in _array(record.get("categories")) if isinstance(word, str) and word]:
        lines.add("CATEGORIES", ",".join(words))
    for name, field_name in (("CREATED", "createdTime"), ("LAST-MODIFIED", "lastModifiedTime")):
        if moment := _utc(record.get(field_name)):
            lines.add(name, moment)
    for name, link in (
        ("URL", record.get("htmlLink")),
        ("CONFERENCE;VALUE=URI", _mapping(meeting.get("onlineMeetingDetails")).get("url")),
    ):
        if isinstance(link, str) and re.fullmatch(r"https?://[!-~]+", link):
            lines.add(name, link)


def _people(record: dict[str, Any], lines: _Lines) -> None:
    organizer = _mapping(_mapping(record.get("organizer")).get("emailAddress"))
    if organizer.get("address") or organizer.get("name"):
        lines.add(f"ORGANIZER{_name(organizer)}", _address(organizer))
    for one in map(_mapping, _array(_mapping(record.get("meetingInfo")).get("attendees"))):
        who = _mapping(one.get("emailAddress"))
        if not (who.get("address") or who.get("name")):
            continue
        parameters = _name(who)
        if one.get("type") == "resource":
            parameters += ";CUTYPE=RESOURCE"
        parameters += f";ROLE={'OPT-PARTICIPANT' if one.get('type') == 'optional' else 'REQ-PARTICIPANT'}"
        parameters += f";PARTSTAT={_PARTSTATS.get(str(one.get('response')), 'NEEDS-ACTION')}"
        lines.add(f"ATTENDEE{parameters}", _address(who))


def _reminders(record: dict[str, Any], lines: _Lines) -> None:
    for one in map(_mapping, _array(_mapping(record.get("reminder")).get("overrides"))):
        minutes = one.get("minutes")
        if isinstance(minutes, int) and 0 <= minutes < 10_000_000:
            alarm = ("BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Reminder", f"TRIGGER:-PT{minutes}M", "END:VALARM")
            lines.written.extend(alarm)


def _start(record: dict[str, Any]) -> date | datetime | None:
    """The start, in the series' zone where only its rule names one."""
    start = _time(record.get("start"))
    if not isinstance(start, datetime) or getattr(start.tzinfo, "key", None):
        return start
    recurrence = _mapping(record.get("recurrence"))
    named = _mapping(_mapping(recurrence.get("ical")).get("recurrenceStart")).get("timezone")
    zone = named_zone(named) if isinstance(named, str) else None
    return start.astimezone(zone.rules) if zone else start


def _finish(record: dict[str, Any], start: date | datetime) -> date | datetime:
    end = _time(record.get("end"))
    if isinstance(start, datetime):
        return end if isinstance(end, datetime) and end > start else start
    return end if end is not None and not isinstance(end, datetime) and end > start else start + timedelta(days=1)


def _time(written: Any) -> date | datetime | None:
    try:
        return day_or_moment(_mapping(written))
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None  # upstream sent no time there


def _alike(value: date | datetime, pattern: date | datetime) -> date | datetime:
    """An occurrence's start written as its series writes its own: as a day, or in the same zone."""
    if not isinstance(pattern, datetime):
        return value.date() if isinstance(value, datetime) else value
    return value.astimezone(pattern.tzinfo) if isinstance(value, datetime) else value


def _is_hole(record: dict[str, Any]) -> bool:
    return bool(_info(record).get("type") == "deleted")


def _info(record: dict[str, Any]) -> dict[str, Any]:
    return _mapping(record.get("occurrenceInfo"))


def _uid(record: dict[str, Any]) -> str:
    return str(record.get("iCalUid") or record.get("iCalUId") or record.get("id") or "")


def _utc(written: Any) -> str | None:
    try:
        moment = datetime.fromisoformat(written)
        return f"{(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    except (ValueError, TypeError, OverflowError):
        return None


def _name(who: dict[str, Any]) -> str:
    """The parameter CN, quoted; a quotation mark has no place inside."""
    name = who.get("name")
    shown = " ".join(_CONTROLS.sub(" ", clean(name)).split()).replace('"', "'") if isinstance(name, str) else ""
    return f';CN="{shown}"' if shown else ""


def _address(who: dict[str, Any]) -> str:
    address = re.sub(r"\s", "", _CONTROLS.sub("", clean(str(who.get("address") or ""))))
    return f"mailto:{address}" if address else "invalid:nomail"


def _escaped(text: str) -> str:
    kept = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _ESCAPED.sub(lambda found: "\\n" if found[0] == "\n" else f"\\{found[0]}", kept)


def _folded(line: str) -> str:
    """A content line in pieces of at most 75 bytes, no character cut in two (RFC 5545, 3.1)."""
    if len(line) <= LONGEST_LINE_BYTES and (line.isascii() or len(line.encode()) <= LONGEST_LINE_BYTES):
        return line
    content, pieces, room = line.encode(), [], LONGEST_LINE_BYTES
    at = 0
    while at < len(content):
        end = min(at + room, len(content))
        while end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(content[at:end].decode())
        at, room = end, LONGEST_LINE_BYTES - 1
    return "\r\n ".join(pieces)


@lru_cache(maxsize=256)
def _definition(zone: str) -> str:
    return str(Timezone.from_tzid(zone).to_ical(), "utf-8")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _array(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
