"""The mail of a year that is no conversation: newsletters, receipts, notices, junk, invitations and notes to self.

It makes letters and says which shelf each belongs on; it stores nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from mirror.sandbox.person_calendar import Meeting
from mirror.sandbox.person_cast import Cast, Person
from mirror.sandbox.person_circulars import CIRCULARS, JUNK, Circular
from mirror.sandbox.person_files import MIME_TYPES, File, attachment, invitation
from mirror.sandbox.person_home import NOTES_TO_SELF
from mirror.sandbox.person_letter import Answered, Letter, new_id, new_thread
from mirror.sandbox.person_words import said, words
from mirror.sandbox.person_year import HOME, Year, at_home

_CLASSES = {"newsletter": "promotions", "notice": "updates", "receipt": "updates"}
_BANNERS = ("#1b4965", "#386641", "#6d597a", "#9c6644")
_ANSWERS = (
    ("Accepted", "I'll be there."),
    ("Accepted", "Yes!"),
    ("Tentative", "Might be ten minutes late."),
    ("Declined", "Sorry, at sea."),
)


class Posts:
    """Makes such letters around one person's year."""

    def __init__(self, cast: Cast, year: Year, chance: random.Random) -> None:
        self.cast, self.year, self.chance = cast, year, chance

    def everything(self, meetings: list[Meeting], size: float) -> Iterator[tuple[Letter, str]]:
        """Each letter with the shelf that it belongs on; the few that must not be missing come first."""
        yield self._unanswered(), "team"
        for letter in self._notes(max(2, round(22 * size))):
            yield letter, "note"
        for letter in self._invitations(meetings, size):
            yield letter, "invitation"
        for _ in range(max(2, round(45 * size))):
            yield self._junk(), "junk"
        for circular in CIRCULARS:
            for letter in self._run(circular, size):
                yield letter, circular.group

    def _run(self, circular: Circular, size: float) -> Iterator[Letter]:
        """A year of one sender's mail, evenly spread, newest first."""
        sender = Person(circular.name, circular.name, circular.address, "machine")
        banner = self.chance.choice(_BANNERS) if circular.group == "newsletter" else None
        gap = circular.every_days / size
        passed = self.chance.uniform(0, min(gap, 300))
        while passed < 364:
            day = (self.year.now - timedelta(days=passed)).date()
            at = at_home(day, circular.hour, self.chance.randrange(60))
            yield self.circular(circular, sender, banner, min(at, self.year.now - timedelta(minutes=5)))
            passed += gap * (1 if circular.every_days in {7, 14} else self.chance.uniform(0.6, 1.4))

    def circular(self, circular: Circular, sender: Person, banner: str | None, at: datetime) -> Letter:
        """One issue, receipt or notice."""
        chance = self.chance
        filling = self._words(at)
        count = min(len(circular.paragraphs), chance.randint(1, 4) if banner else 2)
        paragraphs = [said(chance, text, filling) for text in chance.sample(circular.paragraphs, k=count)]
        if banner is None:
            paragraphs.append(circular.name)
        host = circular.address.rsplit("@", 1)[-1]
        listed = (("List-Id", f"<letters.{host}>"), ("List-Unsubscribe", f"<https://{host}/goodbye>"))
        return self._letter(
            sender, said(chance, chance.choice(circular.subjects), filling), at, tuple(paragraphs),
            files=tuple(attachment(kind, filling, chance) for kind in circular.files),
            group=_CLASSES[circular.group],
            headers=listed if banner else (("Auto-Submitted", "auto-generated"),),
            banner=banner,
        )  # fmt: skip

    def _junk(self) -> Letter:
        name, address, subject, text = self.chance.choice(JUNK)
        at = self.year.now - timedelta(days=self.chance.uniform(0, 45))
        filling = self._words(at)
        sender = Person(name, name, address, "machine")
        return self._letter(
            sender,
            said(self.chance, subject, filling),
            at,
            (said(self.chance, text, filling),),
            group="promotions",
            rich=True,
        )

    def _notes(self, count: int) -> Iterator[Letter]:
        for number in range(count):
            subject, text = NOTES_TO_SELF[number % len(NOTES_TO_SELF)]
            at = self.year.some_moment(self.chance, work=False)
            filling = self._words(at)
            title = None if subject is None else said(self.chance, subject, filling)
            yield self._letter(self.cast.me, title, at, (said(self.chance, text, filling),))

    def _unanswered(self) -> Letter:
        colleague = self.cast.draw("team", self.chance)
        paragraphs = (
            f"Hi {self.cast.me.called},",
            "I asked two weeks ago whether we may share the gauge data with the institute. They are waiting, and so am I.",
            f"Thanks\n{colleague.called}",
        )
        at = at_home(self.year.now.date() - timedelta(days=8), 10, 12)
        return self._letter(colleague, "Did you see my question?", at, paragraphs)

    def _invitations(self, meetings: list[Meeting], size: float) -> Iterator[Letter]:
        """Invitations by others, answers to our own, and the news that something is off."""
        me, budget = self.cast.me, round(130 * size)
        # The largest meeting is the last one that was made; it must be among them.
        for meeting in reversed(meetings):
            if budget <= 0:
                return
            if meeting.announced_at.date() < self.year.first:
                continue
            if meeting.organizer is not me or len(meeting.others) > 40:
                yield self._meeting_mail(
                    meeting, meeting.organizer, "request", "Invitation", "You are invited. Details are attached."
                )
                budget -= 1
            else:
                for person in meeting.others[:2]:
                    word, text = self.chance.choice(_ANSWERS)
                    yield self._meeting_mail(meeting, person, "reply", word, text)
                    budget -= 1
            if meeting.cancelled:
                yield self._meeting_mail(
                    meeting, meeting.organizer, "cancel", "Canceled", "We have to call this off, sorry."
                )
                budget -= 1

    def _meeting_mail(self, meeting: Meeting, sender: Person, method: str, word: str, text: str) -> Letter:
        me, chance = self.cast.me, self.chance
        if method == "reply":
            at = self.year.next_turn(meeting.announced_at, chance, work=False, mine=False)
        else:
            at = meeting.announced_at + timedelta(hours=24 if method == "cancel" else 0, minutes=chance.randint(1, 9))
        at = min(at, self.year.now - timedelta(minutes=chance.randint(3, 90)))
        starts = meeting.start.astimezone(HOME)
        to = (me,) if sender is not me else meeting.others
        addresses = [person.address or "" for person in (me, *meeting.others)]
        file = invitation(
            method.upper(),
            meeting.uid,
            meeting.subject,
            meeting.start,
            meeting.end,
            meeting.organizer.address or "",
            addresses,
        )
        paragraphs = (
            f"{meeting.subject}\n{starts:%A}, {starts.day} {starts:%B %Y}, {starts:%H:%M}",
            text,
            sender.called,
        )
        return self._letter(
            sender, f"{word}: {meeting.subject}", at, paragraphs, to=to, meeting=method,
            files=(File("invite.ics", MIME_TYPES["ics"], file),), rich=chance.random() < 0.5,
        )  # fmt: skip

    def _letter(
        self, sender: Person, subject: str | None, at: datetime, paragraphs: tuple[str, ...], *, to: tuple[Person, ...] = (),
        files: tuple[File, ...] = (), group: str = "personal", headers: tuple[tuple[str, str], ...] = (),
        banner: str | None = None, rich: bool = False, meeting: str | None = None, answers: Answered | None = None,
    ) -> Letter:  # fmt: skip
        return Letter(
            sender=sender,
            to=to or (self.cast.me,),
            subject=subject,
            at=at,
            message_id=new_id(self.chance, sender),
            thread_id=new_thread(self.chance),
            paragraphs=paragraphs,
            answers=answers,
            rich=rich,
            files=files,
            group=group,
            headers=headers,
            meeting=meeting,
            banner=banner,
        )

    def _words(self, at: datetime) -> dict[str, str]:
        return words(self.chance, at, other=self.cast.draw("team", self.chance).called)
