"""What a provider does with events: attendees, series and their exceptions, cancelled instances, answers to invitations."""

from __future__ import annotations

from mirror.contract import recurrences
from mirror.contract.backend import Record
from mirror.contract.spans import EARLIEST, moment_of
from mirror.contract.wire import Call, without_nulls
from mirror.sandbox.options import Options
from mirror.sandbox.state import State

# The attendee's enum in the vendor's file, misspelling included.
_SAID = {"accepted": "accepted", "declined": "declined", "tentative": "tentitive"}


def create(state: State, call: Call, home: str, fields: Record) -> Record:
    if fields.get("recurrence"):
        fields["recurrence"] = recurrences.completed(fields["recurrence"], fields["start"])
    fields["meetingInfo"] = _meeting(fields.get("meetingInfo") or {}, {})
    organizer = without_nulls({"address": call.account.email, "name": call.account.name})
    record = {"showAs": "busy", "sensitivity": "normal", **fields, "organizer": {"emailAddress": organizer}}
    return state.create(call.account.mailbox_id, "events", without_nulls(record), parent=home)


def change(state: State, call: Call, home: str, stored: Record, fields: Record) -> Record:
    if fields.get("recurrence"):
        fields["recurrence"] = recurrences.completed(fields["recurrence"], {**stored, **fields}["start"])
    if "recurrence" in fields and not stored.get("occurrenceInfo"):
        fields["recurrenceType"] = "master" if fields["recurrence"] else "single"
    if "meetingInfo" in fields:
        fields["meetingInfo"] = _meeting(fields["meetingInfo"] or {}, stored.get("meetingInfo") or {})
    return _written(state, call, home, stored, fields)


def delete(state: State, options: Options, call: Call, home: str, stored: Record) -> None:
    """An instance leaves its series; a series takes its exceptions along."""
    account_id = call.account.mailbox_id
    if stored.get("occurrenceInfo"):
        _cancel(state, options, account_id, home, stored)
        return
    for exception in state.exceptions(account_id, home, stored["id"]):
        state.delete(account_id, "events", exception["id"], parent=home)
    state.delete(account_id, "events", stored["id"], parent=home)


def respond(state: State, call: Call, home: str, stored: Record, given: Record) -> None:
    meeting = {**(stored.get("meetingInfo") or {}), "response": given["response"]}
    own = call.account.email.lower()
    meeting["attendees"] = [
        _answered(one, given) if _address(one) == own else one for one in meeting.get("attendees") or []
    ]
    _written(state, call, home, stored, {"meetingInfo": meeting})


def _written(state: State, call: Call, home: str, stored: Record, fields: Record) -> Record:
    """The event with these fields changed. An instance of a series becomes an exception by it."""
    account_id, info = call.account.mailbox_id, stored.get("occurrenceInfo")
    if info:
        fields = {name: value for name, value in fields.items() if name != "recurrence"}
        starts = fields.get("start") or stored.get("start")
        fields["occurrenceInfo"] = {**info, "type": "modified", "start": starts}
    if state.read(account_id, "events", stored["id"], parent=home) is None:
        return _materialised(state, account_id, home, stored, fields)
    return state.change(account_id, "events", stored["id"], fields, parent=home)


def _cancel(state: State, options: Options, account_id: int, home: str, instance: Record) -> None:
    """Take one instance out of its series, in the way that this sandbox's provider has (`cancelled_instance`)."""
    info = instance["occurrenceInfo"]
    stored = state.read(account_id, "events", instance["id"], parent=home)
    manner = options.cancelled_instance
    if manner == "occurrence":
        gone = {
            "occurrenceInfo": {**info, "type": "deleted"},
            "meetingInfo": {**(instance.get("meetingInfo") or {}), "canceled": True},
        }
        if stored is not None:
            state.change(account_id, "events", instance["id"], gone, parent=home)
        else:
            _materialised(state, account_id, home, instance, gone)
        return
    master = state.read(account_id, "events", info["masterId"], parent=home)
    if master is not None:
        recurrence = _exclusion(master["recurrence"], info["originalStart"])
        state.change(account_id, "events", master["id"], {"recurrence": recurrence}, parent=home)
    if stored is not None:
        state.delete(account_id, "events", instance["id"], parent=home)
    elif manner == "tombstone":
        state.bury(account_id, "events", instance["id"], parent=home)


def _materialised(state: State, account_id: int, home: str, instance: Record, fields: Record) -> Record:
    """The instance as a record of its own, with these fields changed."""
    kept = {name: value for name, value in instance.items() if name not in ("id", "etag", "lastModifiedTime")}
    return state.create(account_id, "events", without_nulls({**kept, **fields}), parent=home, remote_id=instance["id"])


def _exclusion(recurrence: Record, original: Record) -> Record:
    """The recurrence without the instance at this original start."""
    moment = moment_of(original) or EARLIEST
    line = f"EXDATE;VALUE=DATE:{moment:%Y%m%d}" if "dateOnly" in original else f"EXDATE:{moment:%Y%m%dT%H%M%SZ}"
    rules = recurrence.get("ical") or {}
    changed = {**recurrence, "ical": {**rules, "rules": [*(rules.get("rules") or []), line]}}
    if recurrence.get("simple"):
        limits = recurrence["simple"].get("range") or {}
        excluded = [*(limits.get("patternExclusions") or []), original]
        changed["simple"] = {**recurrence["simple"], "range": {**limits, "patternExclusions": excluded}}
    return changed


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
