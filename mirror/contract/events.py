"""Events of a calendar: single records with etags, lists by time and by uid, series, and answers to invitations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from mirror import clock as clocks
from mirror.contract import bodies, paging, series
from mirror.contract.backend import Record
from mirror.contract.calendars import calendar
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.shown import content, listed_event
from mirror.contract.spans import moment_of, stamp
from mirror.contract.wire import EMPTY, OK, Answer, Call, found, without_nulls


def in_range(call: Call) -> Answer:
    home = _calendar_id(call)

    def asked() -> Record:
        from_at, until_at = call.moments("timeMin", "timeMax")
        return {"from": stamp(from_at), "until": stamp(until_at)}

    def following(after: list[Any] | None, window: Record) -> Iterable[paging.Placed]:
        from_at, until_at = clocks.moment(window["from"]), clocks.moment(window["until"])
        every = series.within(call, call.account.mailbox_id, home, from_at, until_at)
        placed = ((series.place(event), event) for event in every)
        return ((place, event) for place, event in placed if after is None or place > after)

    return paging.walk(call, "events.range", home, asked, following, lambda one, _: listed_event(call, one))


def find(call: Call) -> Answer:
    home = _calendar_id(call)

    def asked() -> Record:
        wanted = [uid for value in call.query.get("iCalUId", []) for uid in value.split(",") if uid]
        if not wanted:
            raise bad_request("iCalUId is required")
        return {"uids": wanted}

    def following(after: list[Any] | None, given: Record) -> Iterable[paging.Placed]:
        every = call.backend.records(call.account.mailbox_id, "events", parent=home)
        meant = sorted((event for event in every if event.get("iCalUId") in given["uids"]), key=lambda one: one["id"])
        return (([event["id"]], event) for event in meant if after is None or [event["id"]] > after)

    return paging.walk(call, "events.find", home, asked, following, lambda one, _: listed_event(call, one))


def read(call: Call) -> Answer:
    return Answer(_event(call, _calendar_id(call)))


def create(call: Call) -> Answer:
    home = _calendar_id(call)
    call.flag("notifyAttendees")
    call.body_type()
    fields = without_nulls(call.fields(bodies.Event))
    _check_times(fields)
    _check_rules(fields)
    return _record_or_id(call, call.writer.create(call, "events", fields, home), 201)


def update(call: Call) -> Answer:
    home = _calendar_id(call)
    fields = call.fields(bodies.Event)
    stored = _event(call, home)
    call.check_etag(stored)
    merged = {**stored, **fields}
    _check_times(merged)
    if not stored.get("occurrenceInfo"):
        _check_rules(merged)
    return _record_or_id(call, call.writer.change(call, "events", stored, fields, home), 200)


def delete(call: Call) -> Answer:
    home = _calendar_id(call)
    call.flag("notifyAttendees")
    call.writer.delete(call, "events", _event(call, home), home)
    return EMPTY


def respond(call: Call) -> Answer:
    home = _calendar_id(call)
    call.flag("notifyAttendees")
    given = without_nulls(call.fields(bodies.MeetingResponse))
    call.writer.respond(call, home, _event(call, home), given)
    return OK


def series_info(call: Call) -> Answer:
    home = _calendar_id(call)
    master = _master(call, home)
    exceptions = call.backend.exceptions(call.account.mailbox_id, home, master["id"])
    infos = [one["occurrenceInfo"] for one in exceptions]
    excluded = ((master["recurrence"].get("simple") or {}).get("range") or {}).get("patternExclusions") or []
    deleted = [{"type": "deleted", "originalStart": start, "masterId": master["id"]} for start in excluded]
    return Answer(
        {
            "id": master["id"],
            "recurrence": master["recurrence"],
            "modifiedOccurrences": [info for info in infos if info.get("type") != "deleted"],
            "deletedOccurrences": [*deleted, *(info for info in infos if info.get("type") == "deleted")],
        }
    )


def occurrence(call: Call) -> Answer:
    home = _calendar_id(call)
    master = _master(call, home)
    original = _original_start(call.path["ost"], master)
    return Answer(found(series.occurrence(call, call.account.mailbox_id, home, master, original), "occurrence"))


def attachment(call: Call) -> Answer:
    home = _calendar_id(call)
    stored = _event(call, home)
    attachment_id = call.path["attachmentId"]
    stored_bytes = call.backend.attachment(call.account.mailbox_id, "events", stored["id"], attachment_id, parent=home)
    return Answer(content(found(stored_bytes, "attachment")))


def _calendar_id(call: Call) -> str:
    return str(calendar(call, call.path["calendarId"])["id"])


def _event(call: Call, home: str) -> Record:
    return found(series.event(call, call.account.mailbox_id, home, call.path["eventId"]), "event")


def _master(call: Call, home: str) -> Record:
    master = call.backend.read(call.account.mailbox_id, "events", call.path["masterId"], parent=home)
    return found(master if master and master.get("recurrenceType") == "master" else None, "series")


def _check_times(event: Record) -> None:
    starts, ends = (moment_of(event.get(name)) for name in ("start", "end"))
    if starts is None or ends is None:
        raise bad_request("start and end need a dateTime or a dateOnly")
    if ends < starts:
        raise bad_request("end must not be before start")


def _check_rules(event: Record) -> None:
    """Raises: Refusal 400, when the event is a series whose rules can't be followed."""
    starts = moment_of(event.get("start"))
    if event.get("recurrence") and starts is not None:
        master = {"id": "", **event, "recurrenceType": "master"}
        series.instances(master, starts, min(starts, clocks.moment("9990-01-01")) + timedelta(days=7))


def _original_start(written: str, master: Record) -> datetime:
    """The moment that `ost` names; a date alone means the series' time of day on it, in UTC."""
    try:
        if "T" in written.upper():
            return clocks.moment(written.upper().replace(" ", "+"))
        day = clocks.moment(written)
    except (ValueError, OverflowError) as error:
        raise bad_request("The occurrence is named by its original start, a date or a date-time") from error
    starts = moment_of(master["start"])
    return day if starts is None or "dateOnly" in master["start"] else datetime.combine(day, starts.timetz())


def _record_or_id(call: Call, event: Record, status: int) -> Answer:
    meeting = event.get("meetingInfo") or {}
    answer: Record = {name: event[name] for name in ("id", "etag", "iCalUId") if name in event}
    answer |= {name: meeting[name] for name in ("onlineMeetingProvider", "onlineMeetingDetails") if name in meeting}
    return Answer({**answer, "record": event} if call.flag("returnRecord", True) else answer, status)


_HOME = "/v1/calendars/{calendarId}/events"

ROUTES = (
    Route("GET", f"{_HOME}/range", in_range),
    Route("GET", f"{_HOME}/find", find),
    Route("POST", _HOME, create),
    Route("GET", f"{_HOME}/{{eventId}}", read),
    Route("PATCH", f"{_HOME}/{{eventId}}", update),
    Route("DELETE", f"{_HOME}/{{eventId}}", delete),
    Route("PUT", f"{_HOME}/{{eventId}}/response", respond),
    Route("GET", f"{_HOME}/{{masterId}}/series", series_info),
    Route("GET", f"{_HOME}/{{masterId}}/occurrences/{{ost}}", occurrence),
    Route("GET", f"{_HOME}/{{eventId}}/attachments/{{attachmentId}}", attachment),
)
