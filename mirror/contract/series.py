"""Series and their instances: which there are in a window, which were changed, and ids for those that have no record.

The formats module knows what a rule means; here it is joined with the exceptions that are stored beside the master.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from mirror.contract import recurrences
from mirror.contract.backend import Record
from mirror.contract.occurrence_ids import occurrence_id, occurrence_of
from mirror.contract.refusals import Refusal, bad_request
from mirror.contract.spans import EARLIEST, LATEST, moment_of, span, stamp
from mirror.contract.wire import Call
from mirror.errors import UnreadableFile
from mirror.formats import ical

# A window this long is refused: an endless daily series would fill it with tens of thousands of instances.
LONGEST_WINDOW = timedelta(days=366 * 20)


def within(call: Call, account_id: int, calendar_id: str, from_at: datetime, until_at: datetime) -> list[Record]:
    """Everything that takes place in the window, series as their instances, in the order of start and id."""
    if until_at - from_at > LONGEST_WINDOW:
        raise bad_request("The time range is too long")
    stored = call.backend.in_window(account_id, calendar_id, stamp(until_at), stamp(from_at))
    taking_place: list[Record] = []
    for event in stored:
        if event.get("recurrenceType") == "master":
            taking_place += _regular(call, account_id, calendar_id, event, from_at, until_at)
        elif not _cancelled(event) and _overlaps(event, from_at, until_at):
            taking_place.append(event)
    return sorted(taking_place, key=place)


def place(event: Record) -> list[str]:
    """Where an event stands in a list by time."""
    return [stamp(extent(event)[0]), str(event["id"])]


def extent(event: Record) -> tuple[datetime, datetime]:
    """When this one event starts and ends, whatever else its record says of a series."""
    return span({"start": event.get("start"), "end": event.get("end")})


def takes_time(event: Record, free: Collection[str] = ("free",)) -> bool:
    """Whether who has it in their calendar is taken then: not by what was called off, or what they said no to."""
    meeting = event.get("meetingInfo") or {}
    called_off = meeting.get("canceled") or meeting.get("response") == "declined"
    return not called_off and (event.get("showAs") or "busy") not in free


def event(call: Call, account_id: int, calendar_id: str, event_id: str) -> Record | None:
    """The stored event, or the instance of a series that this id names, or None."""
    stored = call.backend.read(account_id, "events", event_id, parent=calendar_id)
    if stored is not None:
        return stored
    named = occurrence_of(event_id)
    master = None if named is None else call.backend.read(account_id, "events", named[0], parent=calendar_id)
    return None if named is None or master is None else occurrence(call, account_id, calendar_id, master, named[1])


def occurrence(call: Call, account_id: int, calendar_id: str, master: Record, original: datetime) -> Record | None:
    """The instance that the rules put at this moment, changed or not; None when they put none there."""
    for exception in call.backend.exceptions(account_id, calendar_id, master["id"]):
        if _original(exception) == original:
            return exception
    day = timedelta(days=1)
    if not EARLIEST + day < original < LATEST - day:
        return None
    every = instances(master, original - day, original + day)
    return next((one for one in every if _original(one) == original), None)


def instances(master: Record, from_at: datetime, until_at: datetime) -> list[Record]:
    """What the master's rules give in the window. Raises: Refusal 400, when the rules can't be understood."""
    if master.get("recurrenceType") != "master":
        return []
    try:
        expanded = ical.expand([{**master, "recurrence": _with_rules(master)}], from_at, until_at)
    except UnreadableFile as error:
        raise bad_request(error.reason) from error
    regular = []
    for one in expanded:
        original = (one.get("occurrenceInfo") or {}).get("originalStart") or one["start"]
        own_id = occurrence_id(master["id"], original)
        info = {
            "id": own_id,
            "type": "regular",
            "originalStart": original,
            "start": one["start"],
            "masterId": master["id"],
        }
        kept = {name: value for name, value in one.items() if name != "recurrence"}
        regular.append({**kept, "id": own_id, "recurrenceType": "occurrence", "occurrenceInfo": info})
    return regular


def _regular(
    call: Call, account_id: int, calendar_id: str, master: Record, from_at: datetime, until_at: datetime
) -> list[Record]:
    exceptions = call.backend.exceptions(account_id, calendar_id, master["id"])
    try:
        regular = instances(master, from_at, until_at)
    except Refusal:
        # A series that came in by another door than the API may have rules that nobody can follow.
        return []
    elsewhere = {_original(one) for one in exceptions}
    return [one for one in regular if _original(one) not in elsewhere and _overlaps(one, from_at, until_at)]


def _with_rules(master: Record) -> Record:
    """The recurrence with the RRULE that its pattern means, where it has the pattern alone. Raises: Refusal 400."""
    recurrence: Record = master["recurrence"]
    known = (recurrence.get("ical") or {}).get("rules")
    return recurrence if known else recurrences.completed(recurrence, master["start"])


def _original(event: Record) -> datetime | None:
    return moment_of((event.get("occurrenceInfo") or {}).get("originalStart"))


def _overlaps(event: Record, from_at: datetime, until_at: datetime) -> bool:
    starts_at, ends_at = extent(event)
    return ends_at > from_at and starts_at < until_at


def _cancelled(event: Record) -> bool:
    return bool((event.get("occurrenceInfo") or {}).get("type") == "deleted")
