"""A series and its exceptions → its single occurrences within a window, all in the API's shape.

Never asks the clock: the window is given. Never answers for a rule that would take for ever; it refuses that instead.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import recurring_ical_events
from icalendar import Calendar

from mirror.errors import UnreadableFile
from mirror.formats.ical_times import day_or_moment, event_time, instant
from mirror.formats.recurrence import content_line_time

_RULE_LINE = re.compile(r"(RRULE|RDATE|EXDATE)[;:][^\r\n]*", re.IGNORECASE)
_PERIODS_S = {"SECONDLY": 1, "MINUTELY": 60, "HOURLY": 3600, "DAILY": 86_400}
_MAX_STEPS = 400_000

EventRecord = dict[str, Any]


def expand(events: Iterable[EventRecord], start: datetime, end: datetime) -> list[EventRecord]:
    """The occurrences that end after `start` and begin before `end`, in the order of their beginnings.

    `events` are a master and its exceptions (`occurrenceInfo.type` modified or deleted), or single events, which come
    back as they are. Occurrences carry `recurrenceType: occurrence` and their `occurrenceInfo`, and no `recurrence`.
    Days without a time are reckoned in the zone of `start`.

    Raises: UnreadableFile, when a rule can't be worked out.
    """
    records = list(events)
    components = [line for at in range(len(records)) for line in _component(at, records, end)]
    text = "\r\n".join(["BEGIN:VCALENDAR", *components, "END:VCALENDAR", ""])
    try:
        found = recurring_ical_events.of(Calendar.from_ical(text)).between(start - timedelta(days=1), end)
        occurrences = [_occurrence(component, records) for component in found]
    except Exception as error:
        # The libraries raise a dozen kinds of errors for rules that contradict themselves.
        subject = next((record.get("subject") for record in records if _is_master(record)), None) or "without a title"
        raise UnreadableFile(f"The repetition of the event “{subject}” can't be worked out: {error}.") from error
    window = [record for record in occurrences if _lies_between(record, start, end)]
    return sorted(window, key=lambda record: _begins(record, start))


def _is_master(record: EventRecord) -> bool:
    rules = ((record.get("recurrence") or {}).get("ical") or {}).get("rules")
    return bool(rules) and not record.get("occurrenceInfo")


def _master_of(record: EventRecord, records: list[EventRecord]) -> int | None:
    """Where the master of an exception stands: the one it names by id or by UID, or the only one when it names none."""
    info = record.get("occurrenceInfo")
    if not info:
        return None
    masters = [at for at, candidate in enumerate(records) if _is_master(candidate)]
    named = info.get("masterId")
    if named is None:
        return masters[0] if len(masters) == 1 else None
    return next((at for at in masters if named in (records[at].get("id"), records[at].get("iCalUid"))), None)


def _component(at: int, records: list[EventRecord], end: datetime) -> list[str]:
    """The record as the lines of a VEVENT; none for a deleted occurrence, which its master excludes."""
    record = records[at]
    info = record.get("occurrenceInfo") or {}
    if info.get("type") == "deleted":
        return []
    master_at = _master_of(record, records)
    begin = day_or_moment(record["start"])
    finish = day_or_moment(record.get("end") or record["start"])
    uid = f"series-{at if master_at is None else master_at}"
    lines = ["BEGIN:VEVENT", f"UID:{uid}", f"X-AT:{at}", _line("DTSTART", begin), _line("DTEND", finish)]
    if _is_master(record):
        rules = [rule for rule in record["recurrence"]["ical"]["rules"] if _RULE_LINE.fullmatch(rule)]
        for rule in rules:
            _refuse_endless(rule, instant(begin), end, record)
        lines += rules
        lines += [_line("EXDATE", original) for original in _deleted_starts(records, at, begin)]
    elif master_at is not None and info.get("originalStart"):
        series_start = day_or_moment(records[master_at]["start"])
        lines.append(_line("RECURRENCE-ID", _alike(day_or_moment(info["originalStart"]), series_start)))
    return [*lines, "END:VEVENT"]


def _deleted_starts(records: list[EventRecord], master_at: int, series_start: date | datetime) -> list[date | datetime]:
    found = []
    for record in records:
        info = record.get("occurrenceInfo") or {}
        if info.get("type") == "deleted" and info.get("originalStart") and _master_of(record, records) == master_at:
            found.append(_alike(day_or_moment(info["originalStart"]), series_start))
    return found


def _alike(value: date | datetime, pattern: date | datetime) -> date | datetime:
    """An occurrence's start written as the series writes its own: as a day, or in the same zone."""
    if not isinstance(pattern, datetime):
        return value.date() if isinstance(value, datetime) else value
    return value.astimezone(pattern.tzinfo) if isinstance(value, datetime) else value


def _line(name: str, value: date | datetime) -> str:
    if not isinstance(value, datetime):
        return f"{name};VALUE=DATE:{value:%Y%m%d}"
    parameters, text = content_line_time(value, getattr(value.tzinfo, "key", None))
    return f"{name}{parameters}:{text}"


def _refuse_endless(rule: str, begin: datetime, end: datetime, record: EventRecord) -> None:
    parts = dict(re.findall(r"([A-Z]+)=([^;:]*)", rule.upper()))
    period_s = _PERIODS_S.get(parts.get("FREQ", ""))
    written = parts.get("INTERVAL", "1")
    interval = int(written) if written.isdecimal() and len(written) < 10 else 0
    if interval and period_s is None:
        return
    period_s = period_s or 0
    steps = (end - begin).total_seconds() / (period_s * interval) if interval else math.inf
    rarely = period_s < _PERIODS_S["DAILY"] and any(name in parts for name in ("BYMONTH", "BYMONTHDAY", "BYYEARDAY"))
    if steps > _MAX_STEPS or rarely:
        subject = record.get("subject") or "without a title"
        raise UnreadableFile(f"The event “{subject}” repeats too often to be written out: {rule}.")


def _occurrence(component: Any, records: list[EventRecord]) -> EventRecord:
    record = records[int(component["X-AT"])]
    occurrence = copy.deepcopy(record)
    if not _is_master(record):
        return occurrence
    zone = record["start"].get("timezone")
    begin = _told(component["DTSTART"].dt, record, zone)
    occurrence |= {
        "start": begin,
        "end": _told(component["DTEND"].dt, record, (record.get("end") or record["start"]).get("timezone", zone)),
        "recurrenceType": "occurrence",
        "occurrenceInfo": {"type": "regular", "originalStart": dict(begin), "start": dict(begin)},
    }
    del occurrence["recurrence"]
    if record.get("id"):
        occurrence["id"] = f"{record['id']}_{re.sub('[^0-9TZ]', '', _compact(component['DTSTART'].dt))}"
        occurrence["occurrenceInfo"] |= {"id": occurrence["id"], "masterId": record["id"]}
    return occurrence


def _compact(value: date | datetime) -> str:
    """The start as it stands in the ids of occurrences: always the same for one occurrence, whatever the zone."""
    return f"{value.astimezone(UTC):%Y%m%dT%H%M%SZ}" if isinstance(value, datetime) else f"{value:%Y%m%d}"


def _told(value: date | datetime, master: EventRecord, zone: str | None) -> dict[str, str]:
    if not isinstance(value, datetime):
        return event_time(value)
    like = day_or_moment({"dateTime": master["start"]["dateTime"]} | ({"timezone": zone} if zone else {}))
    assert isinstance(like, datetime)
    return event_time(value.astimezone(like.tzinfo), zone)


def _begins(record: EventRecord, window_start: datetime) -> datetime:
    return instant(day_or_moment(record["start"]), window_start.tzinfo or UTC)


def _lies_between(record: EventRecord, start: datetime, end: datetime) -> bool:
    finish = instant(day_or_moment(record.get("end") or record["start"]), start.tzinfo or UTC)
    return finish > start and _begins(record, start) < end
