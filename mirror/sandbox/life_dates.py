"""What happens in the simulated person's calendars: meetings are made, moved, answered and called off, series get exceptions.

Each happening is one change of the state; when it happens is decided in `life`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mirror.clock import Clock, moment
from mirror.errors import UnreadableFile
from mirror.formats import ical
from mirror.sandbox.life_pool import Pool
from mirror.sandbox.person_cast import Cast
from mirror.sandbox.person_dates import HOME_DATES, WORK_DATES
from mirror.sandbox.person_series import when
from mirror.sandbox.person_words import said, words
from mirror.sandbox.person_year import HOME, at_home
from mirror.sandbox.state import Record, State

_SHIFTS_MINUTES = (30, 60, -30, 90, 1440, 2880, 10_080)
_ANSWERS = ("accepted", "accepted", "accepted", "tentitive", "declined")
_MARK = " ✓"


class DateLife:
    """The calendar part of a life."""

    def __init__(self, state: State, account_id: int, cast: Cast, clock: Clock) -> None:
        self.state, self.account_id, self.cast, self.clock, self.chance = state, account_id, cast, clock, clock.random
        self.pool = Pool(state, account_id, "events", self.chance)

    def moved(self) -> str | None:
        drawn = self.pool.draw(self._is_coming)
        if drawn is None:
            return None
        parent, event = drawn
        shift = timedelta(minutes=self.chance.choice(_SHIFTS_MINUTES))
        fields = {side: shifted(event[side], shift) for side in ("start", "end")}
        self.pool.change(event, fields, parent)
        return f"meeting: {_subject(event)} – moved to {_spoken(fields['start'])}"

    def cancelled(self) -> str | None:
        """Called off, which leaves the event there, or taken out of the calendar altogether."""
        drawn = self.pool.draw(
            lambda event: self._is_coming(event) and not (event.get("meetingInfo") or {}).get("canceled")
        )
        if drawn is None:
            return None
        parent, event = drawn
        if "meetingInfo" in event and self.chance.random() < 0.5:
            self.pool.change(event, {"meetingInfo": {**event["meetingInfo"], "canceled": True}}, parent)
            return f"meeting: {_subject(event)} – cancelled"
        self.pool.delete(event, parent)
        return f"meeting: {_subject(event)} – deleted"

    def answered(self) -> str | None:
        """One of those invited says yes, perhaps or no."""
        drawn = self.pool.draw(lambda event: len((event.get("meetingInfo") or {}).get("attendees") or []) > 1)
        if drawn is None:
            return None
        parent, event = drawn
        attendees = [dict(attendee) for attendee in event["meetingInfo"]["attendees"]]
        attendee = self.chance.choice(attendees)
        attendee["response"] = self.chance.choice([one for one in _ANSWERS if one != attendee.get("response")])
        meeting = {**event["meetingInfo"], "attendees": attendees}
        who = attendee.get("emailAddress") or {}
        if who.get("address") == self.cast.me.address:
            # The vendor misspells an attendee's answer, but not one's own.
            meeting["response"] = attendee["response"].replace("tentitive", "tentative")
        self.pool.change(event, {"meetingInfo": meeting}, parent)
        word = {"tentitive": "perhaps", "declined": "declined"}.get(attendee["response"], "accepted")
        return f"meeting: {_subject(event)} – {who.get('name') or who.get('address') or 'somebody'}: {word}"

    def made(self) -> str | None:
        """A new date, with people where it is of that sort."""
        calendars = [
            record
            for record in self.state.records(self.account_id, "calendars")
            if record.get("accessRole") != "reader"
        ]
        if not calendars:
            return None
        chance = self.chance
        calendar = chance.choice(calendars)
        kind = chance.choice(WORK_DATES if calendar.get("primary") else HOME_DATES)
        day = self.clock.now().astimezone(HOME).date() + timedelta(days=chance.randint(1, 16))
        start = at_home(day, chance.choice(kind.hours), chance.choice((0, 0, 15, 30)))
        others = self.cast.draw_several(kind.circle, chance, chance.randint(*kind.people)) if kind.circle else []
        filling = words(chance, start, other=others[0].called if others else "Jonas")
        event: Record = {
            "subject": said(chance, kind.subject, filling),
            "start": when(start),
            "end": when(start + timedelta(minutes=chance.choice(kind.minutes))),
            "showAs": "busy",
            "sensitivity": "private" if kind.private else "normal",
            "recurrenceType": "single",
        }
        if kind.place:
            event["location"] = said(chance, kind.place, filling)
        if others:
            attendees: list[Record] = [{"emailAddress": p.mailbox, "type": "required"} for p in (self.cast.me, *others)]
            attendees[0]["response"] = "accepted"
            event["organizer"] = {"emailAddress": self.cast.me.mailbox}
            event["meetingInfo"] = {"canceled": False, "attendees": attendees, "response": "accepted"}
        stored = self.state.create(self.account_id, "events", event, parent=calendar["id"])
        self.pool.add(stored, calendar["id"])
        return f"meeting: {event['subject']} – new, {_spoken(event['start'])}"

    def instance_moved(self) -> str | None:
        """One of the coming instances of a series gets another time."""
        drawn = self.pool.draw(
            lambda event: event.get("recurrenceType") == "master" and "dateTime" in event.get("start", {}), tries=80
        )
        if drawn is None:
            return None
        parent, master = drawn
        now = self.clock.now()
        exceptions = [
            event
            for event in self.state.records(self.account_id, "events", parent=parent)
            if (event.get("occurrenceInfo") or {}).get("masterId") == master["id"]
        ]
        try:
            coming = ical.expand([master, *exceptions], now, now + timedelta(days=40))
        except UnreadableFile:
            return None
        regular = [event for event in coming if (event.get("occurrenceInfo") or {}).get("type") == "regular"]
        if not regular:
            return None
        return self._exception(parent, master, self.chance.choice(regular[:4]))

    def calendar_renamed(self) -> str | None:
        calendars = self.state.records(self.account_id, "calendars")
        if not calendars:
            return None
        calendar = self.chance.choice(calendars)
        name = calendar.get("name") or "Calendar"
        renamed = name.removesuffix(_MARK) if name.endswith(_MARK) else name + _MARK
        self.state.change(self.account_id, "calendars", calendar["id"], {"name": renamed})
        return f"calendar: {name} – renamed to {renamed}"

    def _exception(self, parent: str | None, master: Record, regular: Record) -> str:
        shift = timedelta(minutes=self.chance.choice(_SHIFTS_MINUTES[:5]))
        copied = (
            "subject",
            "description",
            "location",
            "organizer",
            "meetingInfo",
            "showAs",
            "sensitivity",
            "iCalUId",
            "categories",
        )
        event: Record = {name: master[name] for name in copied if name in master}
        event |= {side: shifted(regular[side], shift) for side in ("start", "end")}
        event["recurrenceType"] = "occurrence"
        event["occurrenceInfo"] = {
            "type": "modified",
            "originalStart": regular["occurrenceInfo"]["originalStart"],
            "start": event["start"],
            "masterId": master["id"],
        }
        stored = self.state.create(self.account_id, "events", event, parent=parent)
        self.pool.add(stored, parent)
        return f"series: {_subject(master)} – one instance moved to {_spoken(event['start'])}"

    def _is_coming(self, event: Record) -> bool:
        """A single date with a time that lies ahead."""
        if event.get("recurrenceType") != "single":
            return False
        try:
            return moment(event["start"]["dateTime"]) > self.clock.now() and "dateTime" in event["end"]
        except (KeyError, ValueError):
            return False


def shifted(at: Record, shift: timedelta) -> Record:
    """The EventDateTime so much later, still in its own zone, where that is one that is known."""
    moment_before = datetime.fromisoformat(at["dateTime"])
    try:
        local = moment_before.astimezone(ZoneInfo(at["timezone"]))
    except (KeyError, ValueError, ZoneInfoNotFoundError):
        return {**at, "dateTime": (moment_before + shift).isoformat()}
    # By whole days, half past nine stays half past nine when the clocks change in between.
    in_hours = bool(shift % timedelta(days=1))
    later = (local.astimezone(UTC) + shift).astimezone(local.tzinfo) if in_hours else local + shift
    return {**at, "dateTime": later.isoformat()}


def _spoken(at: Record) -> str:
    return f"{datetime.fromisoformat(at['dateTime']):%d.%m. %H:%M}"


def _subject(event: Record) -> str:
    return str(event.get("subject") or "(no title)")
