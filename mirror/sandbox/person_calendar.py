"""The synthetic person's three calendars: series with their moved and cancelled instances, meetings, trips and birthdays.

It stores calendars and events; the mails about them are written by `person_mail`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from mirror.sandbox.person_cast import Cast, Entry, Person
from mirror.sandbox.person_dates import HOME_DATES, TRIPS, WORK_DATES, DateKind
from mirror.sandbox.person_home import TOWNS
from mirror.sandbox.person_names import PARTNERS
from mirror.sandbox.person_series import SERIES, Plan, Series, planned, recurrence, when
from mirror.sandbox.person_words import said, words
from mirror.sandbox.person_year import HOME, ZONE, Year, at_home
from mirror.sandbox.state import Record, State

CALENDARS: tuple[tuple[str, Record], ...] = (
    ("work", {"name": "Work", "color": "#2a6f97", "description": "Tidemark", "accessRole": "owner", "primary": True,
              "multipleRemindersSupported": True, "defaultReminders": [{"minutes": 10}]}),
    ("home", {"name": "Home", "color": "#7a9e3f", "description": "Everything that is not work", "accessRole": "owner",
              "primary": False, "multipleRemindersSupported": True, "defaultReminders": [{"minutes": 60}]}),
    ("choir", {"name": "Choir", "color": "#b5446e", "description": "Shared by the board", "accessRole": "writer",
               "primary": False, "multipleRemindersSupported": False, "defaultReminders": []}),
)  # fmt: skip

_ANSWERS = ("accepted", "accepted", "accepted", "accepted", "tentitive", "declined", None)


@dataclass(frozen=True, slots=True)
class Meeting:
    """What the mails about a meeting need to know."""

    subject: str
    start: datetime
    end: datetime
    organizer: Person
    others: tuple[Person, ...]
    uid: str
    announced_at: datetime
    cancelled: bool


class Diary:
    """Writes one account's calendars."""

    def __init__(self, state: State, account_id: int, cast: Cast, year: Year, chance: random.Random) -> None:
        self.state, self.account_id, self.cast, self.year, self.chance = state, account_id, cast, year, chance
        self.ids: dict[str, str] = {}

    def fill(self, entries: list[Entry], size: float) -> list[Meeting]:
        """Everything at once; the answer is what mails are written about."""
        for key, record in CALENDARS:
            self.ids[key] = self.state.create(self.account_id, "calendars", record)["id"]
        for series in SERIES:
            self._series(series)
        self._birthdays(entries)
        self._trips()
        meetings = [self._date(self.chance.choice(WORK_DATES), "work") for _ in range(round(190 * size))]
        meetings += [self._date(self.chance.choice(HOME_DATES), "home") for _ in range(round(85 * size))]
        meetings.append(self._all_hands())
        return [meeting for meeting in meetings if meeting is not None]

    def _store(self, calendar: str, record: Record, created_at: datetime) -> Record:
        return self.state.create(
            self.account_id, "events", record, parent=self.ids[calendar], at=min(created_at, self.year.now)
        )

    # --- series -------------------------------------------------------------------------------------------------------

    def _series(self, series: Series) -> None:
        plan = planned(series, self.year)
        others = self._regulars(series)
        called = others[0].called if others else ""
        company = others[0].company if others and others[0].company else PARTNERS[0].name
        master: Record = {
            "subject": series.subject.format(first=called, company=company),
            **_span(plan.first, series.minutes, series.zone),
            "recurrenceType": "master",
            "recurrence": recurrence(plan.rules, plan.first, plan.left_out, series.zone),
            "showAs": series.shown,
            "sensitivity": "normal",
        }
        if series.notes:
            master["description"] = series.notes
        if series.place:
            master["location"] = series.place
        if others:
            master |= self._company(others[0] if not series.mine else self.cast.me, others, series.online)
        created_at = self.year.now - timedelta(days=series.starts + 5)
        stored = self._store(series.calendar, master, created_at)
        self._exceptions(series, plan, stored)

    def _regulars(self, series: Series) -> list[Person]:
        circle, count = series.with_whom
        if series.company:
            people = [person for person in self.cast.circle(circle) if person.company == series.company]
            return self.chance.sample(people, k=min(count, len(people)))
        return self.cast.draw_several(circle, self.chance, count) if count else []

    def _exceptions(self, series: Series, plan: Plan, master: Record) -> None:
        """Some instances at another time, and some called off."""
        touched = self.chance.sample(plan.starts[2:], k=min(len(plan.starts) - 2, series.moved + series.cancelled))
        for number, original in enumerate(touched):
            self._exception(series, master, original, cancelled=number < series.cancelled)

    def _exception(self, series: Series, master: Record, original: datetime, *, cancelled: bool) -> None:
        start = original if cancelled else self._other_time(original)
        copied = ("subject", "description", "location", "organizer", "meetingInfo", "showAs", "sensitivity", "iCalUId")
        record: Record = {name: master[name] for name in copied if name in master}
        record |= _span(start, series.minutes, series.zone)
        if cancelled:
            record["meetingInfo"] = {**record.get("meetingInfo", {}), "canceled": True}
        elif series.calendar == "work" and self.chance.random() < 0.3:
            record["location"] = self.chance.choice(("Pier 4, big room", "On board", "By phone", "Café Anker"))
        record["recurrenceType"] = "occurrence"
        record["occurrenceInfo"] = {
            "type": "deleted" if cancelled else "modified",
            "originalStart": when(original, series.zone),
            "start": when(start, series.zone),
            "masterId": master["id"],
        }
        self._store(series.calendar, record, original - timedelta(days=self.chance.uniform(0.5, 9)))

    def _other_time(self, original: datetime) -> datetime:
        """A little earlier or later, perhaps on another day, but not on one that makes a weekend of it."""
        days = self.chance.choice((0, 0, 1, -1, 2))
        if (original + timedelta(days=days)).weekday() > 4 >= original.weekday():
            days = -1
        return original + timedelta(days=days, minutes=self.chance.choice((30, 60, -30, 90)))

    def _birthdays(self, entries: list[Entry]) -> None:
        for entry in entries:
            born = entry.record.get("birthday")
            if not born or entry.person is None:
                continue
            first = _no_leap(date.fromisoformat(born))
            start = datetime.combine(first, datetime.min.time())
            record: Record = {
                "subject": f"🎂 {entry.person.name}",
                **_span(start, 0, ZONE),
                "recurrenceType": "master",
                "recurrence": recurrence(
                    (f"RRULE:FREQ=YEARLY;BYMONTH={first.month};BYMONTHDAY={first.day}",), start, (), ZONE
                ),
                "showAs": "free",
                "sensitivity": "private",
                "reminder": {"useDefault": False, "overrides": [{"minutes": 1440}]},
            }
            self._store("home", record, self.year.now - timedelta(days=self.chance.uniform(380, 900)))

    # --- single dates -------------------------------------------------------------------------------------------------

    def _trips(self) -> None:
        for holiday in self.year.breaks:
            record = {
                "subject": holiday.name,
                **_days(holiday.first, holiday.last),
                "showAs": "outOfOffice",
                "sensitivity": "normal",
            }
            if holiday.away:
                record["location"] = holiday.away
            self._store("home", record, at_home(holiday.first, 20) - timedelta(days=90))
        span_days = (self.year.last - self.year.first).days
        for number, (subject, calendar, length) in enumerate(TRIPS):
            first = self.year.first + timedelta(days=int((number + self.chance.random()) * span_days / len(TRIPS)))
            while self.year.off(first) or self.year.off(first + timedelta(days=length)):
                first += timedelta(days=1)
            town = self.chance.choice(TOWNS)
            record = {
                "subject": subject.format(town=town),
                **_days(first, first + timedelta(days=length - 1)),
                "location": town,
            }
            shown = "outOfOffice" if calendar == "work" else "busy"
            self._store(
                calendar, record | {"showAs": shown, "sensitivity": "normal"}, at_home(first, 10) - timedelta(days=40)
            )

    def _date(self, kind: DateKind, calendar: str) -> Meeting | None:
        chance, year = self.chance, self.year
        day = year.first + timedelta(
            days=int(chance.triangular(0, (year.last - year.first).days, (year.now.date() - year.first).days))
        )
        while year.off(day) or (calendar == "work" and day.weekday() > 4):
            day += timedelta(days=1)
        start = at_home(day, chance.choice(kind.hours), chance.choice((0, 0, 0, 15, 30)))
        others = self.cast.draw_several(kind.circle, chance, chance.randint(*kind.people)) if kind.circle else []
        client = others[0].company if others else None
        filling = words(chance, start, other=others[0].called if others else "Jonas", client=client)
        subject = said(chance, kind.subject, filling)
        minutes = chance.choice(kind.minutes)
        record: Record = {"subject": subject, **_span(start.astimezone(HOME), minutes, ZONE)}
        record |= {"showAs": "busy", "sensitivity": "private" if kind.private else "normal", "recurrenceType": "single"}
        if kind.place:
            record["location"] = said(chance, kind.place, filling)
        if kind.notes and chance.random() < 0.75:
            record["description"] = said(chance, kind.notes, filling)
        if chance.random() < 0.3:
            record["reminder"] = {"useDefault": False, "overrides": [{"minutes": chance.choice((5, 15, 60, 1440))}]}
        if chance.random() < 0.2:
            record["categories"] = [chance.choice(("Clients", "Fieldwork", "Important", "Personal"))]
        return self._kept(record, calendar, start, minutes, others)

    def _kept(
        self, record: Record, calendar: str, start: datetime, minutes: int, others: list[Person]
    ) -> Meeting | None:
        """The stored date, and as a meeting if others are coming."""
        day = start.astimezone(HOME).date() - timedelta(days=self.chance.randint(1, 24))
        announced_at = at_home(day, self.chance.randint(8, 18), self.chance.randrange(60))
        cancelled = bool(others) and self.chance.random() < 0.04
        organizer = self.cast.me if self.chance.random() < 0.5 or not others else others[0]
        if others:
            code = "-".join("".join(self.chance.choices("abcdefghkmnpqrst", k=k)) for k in (3, 4, 3))
            online = f"https://meet.example.com/{code}" if calendar == "work" and self.chance.random() < 0.35 else None
            record |= self._company(
                organizer, others, online, past=start < self.year.now, announced=announced_at < self.year.now
            )
            record["meetingInfo"]["canceled"] = cancelled
        stored = self._store(calendar, record, announced_at)
        if not others or announced_at > self.year.now:
            return None
        end = start + timedelta(minutes=minutes)
        return Meeting(
            record["subject"], start, end, organizer, tuple(others), stored["iCalUId"], announced_at, cancelled
        )

    def _all_hands(self) -> Meeting | None:
        """The meeting with sixty people."""
        day = self.year.now.astimezone(HOME).date() + timedelta(days=16)
        start = at_home(day + timedelta(days=(3 - day.weekday()) % 7), 13)
        everybody = [*self.cast.circle("team"), *self.cast.circle("partner")]
        others = everybody[:59]
        record: Record = {
            "subject": "Tidemark colloquium: ten years on the water",
            **_span(start.astimezone(HOME), 240, ZONE),
            "location": "Old customs hall",
            "description": "Talks, soup, a walk along the quay. Please tell us if you can't come.",
            "showAs": "busy",
            "sensitivity": "normal",
            "recurrenceType": "single",
        }
        record |= self._company(self.cast.me, others, None, past=False)
        announced_at = at_home(self.year.now.date() - timedelta(days=11), 11, 5)
        stored = self._store("work", record, announced_at)
        return Meeting(
            record["subject"],
            start,
            start + timedelta(hours=4),
            self.cast.me,
            tuple(others),
            stored["iCalUId"],
            announced_at,
            False,
        )

    def _company(
        self, organizer: Person, others: list[Person], online: str | None, *, past: bool = True, announced: bool = True
    ) -> Record:
        attendees = []
        for person in [self.cast.me, *others]:
            attendee: Record = {
                "emailAddress": person.mailbox,
                "type": "required" if self.chance.random() < 0.85 else "optional",
            }
            answer = self.chance.choice(_ANSWERS) if announced and (past or self.chance.random() < 0.6) else None
            if person is organizer:
                answer = "accepted"
            if answer:
                attendee["response"] = answer
            if answer == "declined" and self.chance.random() < 0.5:
                attendee["comment"] = self.chance.choice(
                    ("Sorry, at sea that day.", "On holiday, next time!", "I'm at the dentist.")
                )
            attendees.append(attendee)
        mine = {"accepted": "accepted", "tentitive": "tentative", "declined": "declined"}.get(
            attendees[0].get("response", ""), "noResponse"
        )
        meeting: Record = {
            "canceled": False,
            "attendees": attendees,
            "response": mine,
            "attendeePermissions": ["inviteOthers", "seeOthers"],
        }
        if online:
            meeting["onlineMeetingProvider"] = "hangoutsMeet"
            pin = str(self.chance.randint(100_000, 999_999))
            meeting["onlineMeetingDetails"] = {
                "url": online,
                "phone": "+49 30 555 0100",
                "pin": pin,
                "regionCode": "DE",
            }
        return {"organizer": {"emailAddress": organizer.mailbox}, "meetingInfo": meeting}


def _span(start: datetime, minutes: int, zone: str) -> Record:
    if start.tzinfo is None:
        return _days(start.date(), start.date())
    # In UTC, so that a meeting across a change of the clocks still lasts as long as it says.
    end = (start.astimezone(ZoneInfo("UTC")) + timedelta(minutes=minutes)).astimezone(ZoneInfo(zone))
    return {"start": when(start, zone), "end": when(end, zone)}


def _days(first: date, last: date) -> Record:
    return {"start": when(first), "end": when(last + timedelta(days=1))}


def _no_leap(day: date) -> date:
    return day.replace(day=28) if (day.month, day.day) == (2, 29) else day
