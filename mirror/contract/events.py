"""Events of a calendar: single records with etags, lists by time and by uid, series, and answers to invitations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from mirror import clock as clocks
from mirror.contract import bodies, paging, recurrences, series
from mirror.contract.backend import Record
from mirror.contract.calendars import calendar
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.shown import content, listed_event
from mirror.contract.spans import moment_of, stamp
from mirror.contract.wire import EMPTY, OK, Answer, Call, found, without_nulls

# The attendee's enum in the vendor's file, misspelling included.
_SAID = {"accepted": "accepted", "declined": "declined", "tentative": "tentitive"}


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
    if fields.get("recurrence"):
        fields["recurrence"] = recurrences.completed(fields["recurrence"], fields["start"])
    fields["meetingInfo"] = _meeting(fields.get("meetingInfo") or {}, {})
    organizer = without_nulls({"address": call.account.email, "name": call.account.name})
    record = {"showAs": "busy", "sensitivity": "normal", **fields, "organizer": {"emailAddress": organizer}}
    stored = call.backend.create(call.account.mailbox_id, "events", without_nulls(record), parent=home)
    _check_rules(stored)
    return _record_or_id(call, stored, 201)


def update(call: Call) -> Answer:
    home = _calendar_id(call)
    fields = call.fields(bodies.Event)
    stored = _event(call, home)
    call.check_etag(stored)
    merged = {**stored, **fields}
    _check_times(merged)
    if fields.get("recurrence"):
        fields["recurrence"] = recurrences.completed(fields["recurrence"], merged["start"])
    if "recurrence" in fields and not stored.get("occurrenceInfo"):
        fields["recurrenceType"] = "master" if fields["recurrence"] else "single"
    if "meetingInfo" in fields:
        fields["meetingInfo"] = _meeting(fields["meetingInfo"] or {}, stored.get("meetingInfo") or {})
    changed = _written(call, home, stored, fields)
    _check_rules(changed)
    return _record_or_id(call, changed, 200)


def delete(call: Call) -> Answer:
    home = _calendar_id(call)
    call.flag("notifyAttendees")
    stored = _event(call, home)
    if stored.get("occurrenceInfo"):
        series.cancel(call, home, stored)
        return EMPTY
    for exception in call.backend.exceptions(call.account.mailbox_id, home, stored["id"]):
        call.backend.delete(call.account.mailbox_id, "events", exception["id"], parent=home)
    call.backend.delete(call.account.mailbox_id, "events", stored["id"], parent=home)
    return EMPTY


def respond(call: Call) -> Answer:
    home = _calendar_id(call)
    call.flag("notifyAttendees")
    given = without_nulls(call.fields(bodies.MeetingResponse))
    stored = _event(call, home)
    meeting = {**(stored.get("meetingInfo") or {}), "response": given["response"]}
    own = call.account.email.lower()
    meeting["attendees"] = [
        _answered(one, given) if _address(one) == own else one for one in meeting.get("attendees") or []
    ]
    _written(call, home, stored, {"meetingInfo": meeting})
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
    return Answer(found(series.occurrence(call, call.account.mailbox_id, master, original), "occurrence"))


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


def _written(call: Call, home: str, stored: Record, fields: Record) -> Record:
    """The event with these fields changed. An instance of a series becomes an exception by it."""
    info = stored.get("occurrenceInfo")
    if info:
        fields = {name: value for name, value in fields.items() if name != "recurrence"}
        starts = fields.get("start") or stored.get("start")
        fields["occurrenceInfo"] = {**info, "type": "modified", "start": starts}
    if call.backend.read(call.account.mailbox_id, "events", stored["id"], parent=home) is None:
        return series.materialised(call, home, stored, fields)
    return call.backend.change(call.account.mailbox_id, "events", stored["id"], fields, parent=home)


def _check_times(event: Record) -> None:
    starts, ends = (moment_of(event.get(name)) for name in ("start", "end"))
    if starts is None or ends is None:
        raise bad_request("start and end need a dateTime or a dateOnly")
    if ends < starts:
        raise bad_request("end must not be before start")


def _check_rules(event: Record) -> None:
    """Raises: Refusal 400, when the event is a series whose rules can't be followed."""
    starts = moment_of(event.get("start"))
    if event.get("recurrenceType") == "master" and starts is not None:
        series.instances(event, starts, min(starts, clocks.moment("9990-01-01")) + timedelta(days=7))


def _meeting(given: Record, stored: Record) -> Record | None:
    """What becomes of meetingInfo: what was given, with what only the server knows of the attendees kept."""
    known = {_address(one): one for one in stored.get("attendees") or []}
    kept = ("canceled", "onlineMeetingDetails")
    meeting: Record = {name: value for name, value in stored.items() if name in kept}
    meeting |= {name: value for name, value in given.items() if value is not None and name != "onlineMeeting"}
    if meeting.get("attendees"):
        meeting["attendees"] = [
            {**{name: value for name, value in known.get(_address(one), {}).items() if name == "response"}, **one}
            for one in meeting["attendees"]
        ]
    if given.get("onlineMeeting") and "onlineMeetingDetails" not in meeting:
        meeting["onlineMeetingProvider"] = given.get("onlineMeetingProvider") or "hangoutsMeet"
        meeting["onlineMeetingDetails"] = {"url": "https://meet.sandbox.example/abc-defg-hij"}
    return meeting or None


def _answered(attendee: Record, given: Record) -> Record:
    kept = {name: value for name, value in attendee.items() if name not in ("response", "comment")}
    if given["response"] in _SAID:
        kept["response"] = _SAID[given["response"]]
    return {**kept, **({"comment": given["comment"]} if "comment" in given else {})}


def _address(attendee: Record) -> str:
    return str((attendee.get("emailAddress") or {}).get("address") or "").lower()


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
    answer = {"id": event["id"], "etag": event["etag"], "iCalUId": event["iCalUId"]}
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
