"""The events and tasks of the big mirror: ten years of meetings, some in series, with everybody's answers. Seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from big_people import People, Person
from big_words import Words

from mirror import clock as clocks
from mirror.feed import Record

CALENDARS = (("Work", "#2a6f97", 60), ("Private", "#9c6644", 25), ("Team", "#588157", 15))
LISTS = (("Tasks", 60), ("Household", 25), ("Some day", 15))
ANSWERS = ("accepted", "accepted", "accepted", "declined", "tentitive", None)  # spelled so in the vendor's file
ZONE = "Europe/Berlin"


class Dates:
    """One account's calendars and task lists."""

    def __init__(self, chance: random.Random, words: Words, people: People, me: Person, until: datetime) -> None:
        self.chance, self.words, self.people, self.me, self.until = chance, words, people, me, until

    def calendars(self) -> list[Record]:
        return [
            Record(f"cal-{name}", msgspec.json.encode({
                "id": f"cal-{name}", "name": name, "color": color, "accessRole": "owner", "primary": name == "Work",
            })) for name, color, _ in CALENDARS
        ]  # fmt: skip

    def task_lists(self) -> list[Record]:
        return [
            Record(f"list-{title}", msgspec.json.encode({
                "id": f"list-{title}", "title": title, "owner": True, "shared": False, "defaultList": title == "Tasks",
            })) for title, _ in LISTS
        ]  # fmt: skip

    def events(self, count: int, prefix: str) -> Iterator[Record]:
        """A twentieth of them are series, a tenth exceptions to these."""
        masters: list[tuple[str, datetime, str]] = []
        for number in range(count):
            remote_id, drawn = f"{prefix}{number:06x}", self.chance.random()
            if drawn < 0.05:
                at = self._moment()
                subject = self.words.subject()
                masters.append((remote_id, at, subject))
                yield self.event(remote_id, at, subject, series=True)
            elif drawn < 0.15 and masters:
                master_id, first, subject = self.chance.choice(masters)
                original = first + timedelta(weeks=number % 50 + 1)
                yield self.event(
                    f"{master_id}_{original:%Y%m%d}_{number}", original + timedelta(hours=1), subject,
                    exception_of=master_id, original=original,
                )  # fmt: skip
            else:
                yield self.event(remote_id, self._moment(), self.words.subject())

    def event(
        self,
        remote_id: str,
        at: datetime,
        subject: str,
        *,
        series: bool = False,
        exception_of: str | None = None,
        original: datetime | None = None,
    ) -> Record:
        chance = self.chance
        modified = clocks.text(min(self.until, at) - timedelta(days=chance.randint(1, 20)))
        all_day = not series and exception_of is None and chance.random() < 0.08
        lasts = timedelta(days=1) if all_day else timedelta(minutes=chance.choice((30, 60, 90)))
        fields: dict[str, Any] = {
            "id": remote_id, "etag": f'"{chance.getrandbits(60):x}"', "createdTime": modified, "lastModifiedTime": modified,
            "recurrenceType": "master" if series else "occurrence" if exception_of else "single",
            "subject": subject, "showAs": "busy", "sensitivity": "normal",
            "description": self.words.paragraph(chance.randint(0, 8)),
            "location": chance.choice(("Room 4", "Pier 4", "Parish hall", "")), "iCalUId": f"{remote_id}@mail.example",
            "start": _when(at, all_day), "end": _when(at + lasts, all_day),
        }  # fmt: skip
        if chance.random() < 0.6:
            self._invite(fields)
        if series:
            self._repeat(fields, at)
        if exception_of and original:
            fields["occurrenceInfo"] = {
                "type": "modified", "originalStart": _when(original, False), "masterId": exception_of, "id": remote_id,
            }  # fmt: skip
        return Record(remote_id, msgspec.json.encode(fields), fields["etag"], modified)

    def _invite(self, fields: dict[str, Any]) -> None:
        size = self.chance.choices((1, 2, 4, 8, 20, 120), (40, 30, 18, 8, 3, 1))[0]
        invited = [self.me, *(self.people.writer() for _ in range(size))]
        organizer = self.chance.choice(invited[:3])
        fields["organizer"] = {"emailAddress": {"name": organizer.name, "address": organizer.email}}
        fields["meetingInfo"] = {
            "canceled": self.chance.random() < 0.02, "response": self.chance.choice(("accepted", "accepted", "noResponse")),
            "attendees": [
                {"emailAddress": {"name": one.name, "address": one.email}, "type": "required", "response": answer}
                for one in invited for answer in [self.chance.choice(ANSWERS)]
            ],
            "onlineMeetingDetails": {"url": f"https://meet.example/{self.chance.getrandbits(40):x}"},
        }  # fmt: skip

    def _repeat(self, fields: dict[str, Any], at: datetime) -> None:
        day = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[at.weekday()]
        rule = self.chance.choice((f"FREQ=WEEKLY;BYDAY={day}", "FREQ=DAILY;COUNT=20", "FREQ=MONTHLY", "FREQ=YEARLY"))
        end = at + timedelta(days=self.chance.choice((180, 365, 1000)))
        if "COUNT" not in rule and self.chance.random() < 0.9:
            rule += f";UNTIL={end:%Y%m%dT%H%M%SZ}"
        fields["recurrence"] = {
            "original": "ical",
            "ical": {"rules": [f"RRULE:{rule}"], "recurrenceStart": fields["start"]},
        }

    def _moment(self) -> datetime:
        """From nine years ago to a year ahead, on the half hour of a working day, mostly."""
        day = self.until - timedelta(days=3285) + timedelta(days=3650) * self.chance.random()
        if day.weekday() > 4 and self.chance.random() < 0.8:
            day -= timedelta(days=2)
        hour = self.chance.choice((8, 9, 9, 10, 10, 11, 13, 14, 14, 15, 16, 19))
        return datetime(day.year, day.month, day.day, hour, self.chance.choice((0, 30)), tzinfo=UTC)

    def tasks(self, count: int, prefix: str) -> Iterator[Record]:
        for number in range(count):
            yield self.task(f"{prefix}{number:05x}", done=self.chance.random() < 0.85)

    def task(self, remote_id: str, *, done: bool) -> Record:
        chance = self.chance
        due = self._moment() if done or chance.random() < 0.4 else self.until + timedelta(days=chance.randint(-40, 90))
        fields: dict[str, Any] = {
            "id": remote_id, "etag": f'W/"{chance.getrandbits(60):x}"',
            "lastModifiedTime": clocks.text(min(self.until, due)), "title": self.words.subject(),
            "importance": chance.choice(("low", "normal", "normal", "high")),
            "status": "completed" if done else chance.choice(("notStarted", "notStarted", "inProgress")),
            "position": remote_id, "notes": self.words.paragraph(chance.choice((0, 0, 3))),
        }  # fmt: skip
        if chance.random() < 0.8:
            fields["due"] = clocks.text(due)
        if done:
            fields["completed"] = clocks.text(min(self.until, due + timedelta(days=chance.uniform(-5, 3))))
        return Record(remote_id, msgspec.json.encode(fields), fields["etag"], fields["lastModifiedTime"])


def _when(at: datetime, all_day: bool) -> dict[str, str]:
    if all_day:
        return {"dateOnly": f"{at:%Y-%m-%d}"}
    return {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}Z", "timezone": ZONE}
