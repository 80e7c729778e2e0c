"""Conversations by mail: who opens one, what is said in which order, and when the answers come.

It makes letters and stores nothing. A conversation keeps its topic and its words, so that it can be continued later.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import datetime

from mirror.sandbox.person_cast import Cast, Person
from mirror.sandbox.person_files import File, attachment
from mirror.sandbox.person_home import HOME_TOPICS
from mirror.sandbox.person_letter import Answered, Letter, new_id, new_thread
from mirror.sandbox.person_names import CULTURES
from mirror.sandbox.person_words import said, words
from mirror.sandbox.person_work import LONG_SUBJECT, PROJECTS, WORK_TOPICS, Topic

WORK = ("team", "partner")

# Fits whatever it answers.
PLAIN_ANSWERS = (
    "Thank you, that helps. I'll come back to you by {day}.",
    "Good. Let's talk about it on {day}, it is easier with a cup of tea.",
    "Sounds right to me. Go ahead.",
    "Noted, thanks!",
    "I need a day to think about it. You'll hear from me.",
    "Works for me.",
    "One more thing: could you send me the date again? I've managed to lose it.",
    "Ha, I was just about to write the same.",
    "All fine here. {day} at the latest.",
    "Thanks for reminding me, it had slipped down the list.",
    "Let me ask {other} and get back to you.",
    "Perfect.",
)
ASIDES = (
    "Sorry for the late answer.",
    "Greetings from the train.",
    "It is raining sideways here, by the way.",
    "Sent in a hurry, between two tides.",
    "The coffee machine works again!",
    "Hope you had a good weekend.",
)
_ENCLOSURE = re.compile(r"\b(attached|here comes|here are|here is|photos?|picture|scanned)\b", re.IGNORECASE)


class Conversation:
    """A thread in the making. `letters` are what has been written so far, oldest first."""

    def __init__(
        self,
        cast: Cast,
        chance: random.Random,
        circle: str,
        *,
        long_subject: bool = False,
        crowd: int | None = None,
    ) -> None:
        self.cast, self.chance, self.circle = cast, chance, circle
        self.work = circle in WORK
        self.long_subject = long_subject
        topics = WORK_TOPICS if self.work else HOME_TOPICS[circle]
        self.topic: Topic = chance.choice(topics)
        self.project = chance.choice(PROJECTS)
        self.others = cast.draw_several(circle, chance, crowd or self._company()) or [cast.me]
        self.rich = chance.random() < (0.7 if self.work else 0.45)
        self.thread_id = new_thread(chance)
        self.letters: list[Letter] = []
        self.words: dict[str, str] = {}
        self.subject: str | None = None
        self._said: set[str] = set()

    def open(self, at: datetime, *, mine: bool) -> Letter:
        """The first letter."""
        self.words = self._words(at)
        self.subject = self._subject()
        sender = self.cast.me if mine else self.others[0]
        sentences = [self._pick(self.topic.opening)]
        if self.chance.random() < 0.6:
            sentences.append(self._pick(self.topic.more))
        return self._add(sender, at, sentences, self._enclosed(sentences, 0.3))

    def go_on(self, at: datetime, sender: Person | None = None, *, final: bool = False) -> Letter:
        """The next letter, by the given person or by somebody whose turn it is."""
        sender = sender or self.next_sender()
        turn = len(self.letters)
        stage = self.topic.ending if final else self.topic.answers if turn % 2 else self.topic.follow_up
        sentences = [self._pick(stage)]
        if self.chance.random() < 0.12:
            sentences.append(self._pick(ASIDES))
        elif turn < 3 and self.chance.random() < 0.2:
            sentences.append(self._pick(self.topic.more))
        return self._add(sender, at, sentences, self._enclosed(sentences, 0.04))

    def next_sender(self) -> Person:
        """Whoever did not write last: mostly the person, or one of those who wrote to the person."""
        if self.letters and self.letters[-1].sender is not self.cast.me:
            busy = len(self.others) > 1 and self.chance.random() < 0.3
            rest = [person for person in self.others if person is not self.letters[-1].sender]
            return self.chance.choice(rest) if busy and rest else self.cast.me
        return self.chance.choice(self.others)

    def _company(self) -> int:
        if self.circle == "choir":
            return self.chance.choice((1, 3, 6, 9))
        return self.chance.choices((1, 2, 3, 5), weights=(62, 22, 11, 5))[0]

    def _words(self, at: datetime) -> dict[str, str]:
        chance = self.chance
        several = [
            p.called for p in self.cast.everybody if p.circle == self.circle and p not in self.others and p.address
        ]
        client = self.others[0].company if self.circle == "partner" else None
        other = chance.choice(several) if several else "Jonas"
        return words(chance, at, project=self.project, other=other, client=client)

    def _subject(self) -> str | None:
        drawn = self.chance.random()
        if self.long_subject or (drawn < 0.003 and self.work):
            return said(self.chance, LONG_SUBJECT, self.words)
        if drawn < 0.015:
            return None
        return said(self.chance, self.chance.choice(self.topic.subjects), self.words)

    def _pick(self, phrases: tuple[str, ...]) -> str:
        fresh = [phrase for phrase in phrases if phrase not in self._said] or [
            p for p in PLAIN_ANSWERS if p not in self._said
        ]
        phrase = self.chance.choice(fresh or list(PLAIN_ANSWERS))
        self._said.add(phrase)
        return said(self.chance, phrase, self.words)

    def _enclosed(self, sentences: list[str], likelihood: float) -> tuple[File, ...]:
        """A file, always where the text speaks of one."""
        if not self.topic.files or (not _ENCLOSURE.search(" ".join(sentences)) and self.chance.random() >= likelihood):
            return ()
        filling = (
            self.words if self.work else {k: v for k, v in self.words.items() if k not in {"code", "project", "place"}}
        )
        file = attachment(self.chance.choice(self.topic.files), filling, self.chance)
        if self.rich and file.mime_type == "image/png" and self.chance.random() < 0.5:
            content_id = f"img{self.chance.getrandbits(48):012x}@pictures.example"
            return (File(file.name, file.mime_type, file.content, content_id),)
        return (file,)

    def _add(self, sender: Person, at: datetime, sentences: list[str], files: tuple[File, ...]) -> Letter:
        me, last = self.cast.me, self.letters[-1] if self.letters else None
        everybody = [me, *self.others]
        if last is None:
            to = tuple(p for p in everybody if p is not sender)
            # Circulars of the choir go to many; at work the third and fourth only listen.
            to, cc = (to, ()) if not self.work else (to[:1], to[1:])
        else:
            to = (last.sender if last.sender is not sender else last.to[0],)
            cc = tuple(p for p in everybody if p is not sender and p not in to)
        letter = Letter(
            sender=sender,
            to=to,
            cc=cc,
            subject=self._replied_subject() if last else self.subject,
            at=at,
            message_id=new_id(self.chance, sender),
            thread_id=self.thread_id,
            paragraphs=self._laid_out(sender, to, sentences, short=bool(last) and self.chance.random() < 0.3),
            answers=last.answered() if last else None,
            rich=self.rich,
            files=files,
            keywords=(self.topic.keyword,) if self.topic.keyword and self.chance.random() < 0.5 else (),
        )
        self.letters.append(letter)
        return letter

    def _replied_subject(self) -> str:
        subject = self.subject or ""
        return subject if subject.startswith("Re:") else f"Re: {subject}".strip()

    def _laid_out(
        self, sender: Person, to: tuple[Person, ...], sentences: list[str], *, short: bool
    ) -> tuple[str, ...]:
        return laid_out(self.chance, self.cast.me, sender, to, sentences, short=short, work=self.work)


def laid_out(
    chance: random.Random,
    me: Person,
    sender: Person,
    to: tuple[Person, ...],
    sentences: list[str],
    *,
    short: bool,
    work: bool,
) -> tuple[str, ...]:
    """Greeting, sentences, goodbye and, from an office, a signature. A short one is the bare sentence and a name."""
    if short:
        return (*sentences, sender.called)
    culture = CULTURES["uk"] if sender is me else sender.culture
    if len(to) > 2:
        hello = chance.choice(("Hi all", "Dear all", "Hello everybody", "Hi everyone"))
    elif len(to) == 2:
        hello = f"Hi {to[0].called} and {to[1].called}"
    else:
        hello = chance.choice(culture.hello).format(name=to[0].called)
    ending = f"{chance.choice(culture.bye)}\n{sender.called}"
    if work and sender.company and chance.random() < 0.5:
        ending += f"\n\n-- \n{sender.name} · {sender.role}\n{sender.company}"
    # A list stands alone; sentences run on.
    blocks = sentences if "\n- " in sentences[0] else [" ".join(sentences)]
    return (f"{hello},", *blocks, ending)


def plain_reply(
    chance: random.Random, me: Person, sender: Person, to: tuple[Person, ...], at: datetime, answered: Answered,
    subject: str | None, thread_id: str, filling: Mapping[str, str],
) -> Letter:  # fmt: skip
    """A reply into a thread of which nothing more is known than its last mail."""
    sentence = said(chance, chance.choice(PLAIN_ANSWERS), filling)
    plain = subject or ""
    return Letter(
        sender=sender,
        to=to,
        subject=plain if plain[:3].lower() == "re:" else f"Re: {plain}".strip(),
        at=at,
        message_id=new_id(chance, sender),
        thread_id=thread_id,
        paragraphs=laid_out(chance, me, sender, to, [sentence], short=False, work=False),
        answers=answered,
    )
