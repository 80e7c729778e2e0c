"""The synthetic person's mailbox: how many conversations there are, where each mail lies, how it is marked, and its order.

It posts mail oldest first, as it came; what is written is decided in `person_talk` and `person_posts`.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from mirror.sandbox.mail_folders import Folders
from mirror.sandbox.person_calendar import Meeting
from mirror.sandbox.person_cast import Cast
from mirror.sandbox.person_files import MIME_TYPES, File, seascape
from mirror.sandbox.person_letter import Filing, Letter, post
from mirror.sandbox.person_posts import Posts
from mirror.sandbox.person_talk import Conversation
from mirror.sandbox.person_work import PROJECTS, WORK_TOPICS
from mirror.sandbox.person_year import HOME, Year
from mirror.sandbox.state import Record, State

_CIRCLES = ("team", "partner", "family", "friend", "choir", "service")
_CIRCLE_WEIGHTS = (36, 26, 11, 12, 10, 5)
_LENGTHS = (1, 2, 3, 4, 5, 6, 8, 11)
_LENGTH_WEIGHTS = (20, 30, 22, 18, 5, 3, 1, 1)
_OWN_SHELVES = {"newsletter": "Newsletters", "receipt": "Receipts"}

# Where a mail belongs once it is not new any more: a folder's full name, or one of the words below.
Shelf = str


class Mailbox:
    """Writes one account's mail."""

    def __init__(self, state: State, account_id: int, cast: Cast, year: Year, chance: random.Random) -> None:
        self.state, self.account_id, self.cast, self.year, self.chance = state, account_id, cast, year, chance
        self.folders = Folders(state, account_id)

    def fill(self, meetings: list[Meeting], size: float) -> list[Record]:
        """The stored messages: 2,000 at size 1, oldest first."""
        labels = sorted({topic.keyword for topic in WORK_TOPICS if topic.keyword} | {"Family", "Choir"})
        self.folders.furnish([f"Projects/{project.title}" for project in PROJECTS], labels)
        total = max(40, round(2000 * size))
        drafts = self._drafts()
        posts = Posts(self.cast, self.year, self.chance)
        mail: list[tuple[Letter, Shelf]] = list(posts.everything(meetings, size))
        mail = mail[: total // 2]
        mail += self._conversation("partner", long_subject=True) + self._conversation("choir", crowd=9)
        while len(mail) < total - len(drafts):
            mail += self._conversation()
        mail = [*self._with_photos(mail[: total - len(drafts)], size), *drafts]
        mail.sort(key=lambda pair: pair[0].at)
        return [post(self.state, self.account_id, letter, self._filed(letter, shelf)) for letter, shelf in mail]

    def _conversation(
        self, circle: str | None = None, *, long_subject: bool = False, crowd: int | None = None
    ) -> list[tuple[Letter, Shelf]]:
        circle = circle or self.chance.choices(_CIRCLES, weights=_CIRCLE_WEIGHTS)[0]
        conversation = Conversation(self.cast, self.chance, circle, long_subject=long_subject, crowd=crowd)
        at = self.year.some_moment(self.chance, work=conversation.work)
        away = conversation.work and self.year.off(at.astimezone(HOME).date())
        conversation.open(at, mine=not away and circle != "service" and self.chance.random() < 0.42)
        length = self.chance.choices(_LENGTHS, weights=_LENGTH_WEIGHTS)[0]
        for number in range(1, length):
            sender = conversation.next_sender()
            final = number > 2 and number == length - 1
            # "What a day!" is written after the day, which lies a week or so ahead of the first mail.
            waited = timedelta(days=self.chance.uniform(5, 13)) if final else timedelta(0)
            at = self.year.next_turn(at + waited, self.chance, work=conversation.work, mine=sender is self.cast.me)
            if at >= self.year.now:
                break
            conversation.go_on(at, sender, final=final)
        shelf = f"Projects/{conversation.project.title}" if conversation.work else circle
        return [(letter, shelf) for letter in conversation.letters]

    def _drafts(self) -> list[tuple[Letter, Shelf]]:
        """What has been begun and not sent."""
        written = []
        for circle in ("team", "friend", "partner", "family"):
            conversation = Conversation(self.cast, self.chance, circle)
            at = self.year.now - timedelta(days=self.chance.uniform(0.1, 20))
            letter = conversation.open(at, mine=True)
            written.append((replace(letter, paragraphs=letter.paragraphs[:-1], files=()), "draft"))
        return written

    def _with_photos(self, mail: list[tuple[Letter, Shelf]], size: float) -> list[tuple[Letter, Shelf]]:
        """A few of the private mails carry a picture as large as a telephone makes it."""
        private = [
            n for n, (letter, shelf) in enumerate(mail) if shelf in {"family", "friend", "choir"} and not letter.files
        ]
        for number in self.chance.sample(private, k=min(len(private), round(5 * size))):
            letter, shelf = mail[number]
            name = f"IMG_{self.chance.randint(1000, 9999)}.png"
            photo = File(name, MIME_TYPES["png"], seascape(self.chance, large=True))
            mail[number] = (replace(letter, files=(photo,)), shelf)
        return mail

    # --- where it lies ------------------------------------------------------------------------------------------------

    def _filed(self, letter: Letter, shelf: Shelf) -> Filing:
        if shelf == "draft":
            return Filing(self.folders.role("draft"), ("draft",))
        if shelf == "note":
            return Filing(self.folders.role("inbox"), ("sent", "inbox"))
        if shelf == "junk":
            return Filing(self.folders.role("junk"), ("junk", "unread") if self.chance.random() < 0.8 else ("junk",))
        if letter.sender is self.cast.me:
            return Filing(self.folders.role("sent"), ("sent",))
        folder, place = self._place(letter, shelf)
        labels = [place] if place else []
        labels += ["unread"] if place != "trash" and self.chance.random() < self._unread(letter, shelf) else []
        labels += ["flagged"] if place != "trash" and self.chance.random() < 0.025 else []
        labels += ["important"] if shelf.startswith("Projects/") and self.chance.random() < 0.1 else []
        touched_at = None
        if "unread" not in labels:
            touched_at = min(self.year.now, letter.at + timedelta(hours=self.chance.expovariate(1 / 9)))
        return Filing(folder, tuple(labels), touched_at=touched_at)

    def _place(self, letter: Letter, shelf: Shelf) -> tuple[str, str | None]:
        """The folder, and the sysLabel that goes with it."""
        drawn, age = self.chance.random(), self.year.now - letter.at
        tidy = shelf in _OWN_SHELVES
        if drawn < (0.35 if shelf in {"notice", "invitation"} and age > timedelta(days=20) else 0.03):
            return self.folders.role("trash"), "trash"
        if tidy and drawn < 0.85:
            return self.folders.named(_OWN_SHELVES[shelf]), None
        if drawn > (0.12 if age < timedelta(days=24) else 0.93):
            return self.folders.role("inbox"), "inbox"
        if shelf.startswith("Projects/") and drawn < 0.6:
            return self.folders.named(shelf), None
        return self.folders.named("Archive"), None

    def _unread(self, letter: Letter, shelf: Shelf) -> float:
        age_days = (self.year.now - letter.at) / timedelta(days=1)
        if shelf in {"newsletter", "notice"}:
            return 0.4
        return 0.6 if age_days < 1.5 else 0.2 if age_days < 7 else 0.05 if age_days < 30 else 0.01
