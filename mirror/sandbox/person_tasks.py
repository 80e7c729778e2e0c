"""The synthetic person's task lists: what is overdue, done, deferred, split into steps, and what comes back every week.

It stores task lists and tasks and nothing else.
"""

from __future__ import annotations

import random
from datetime import timedelta

from mirror.clock import moment, text
from mirror.sandbox.person_cast import Cast
from mirror.sandbox.person_words import said, words
from mirror.sandbox.person_year import Year, at_home
from mirror.sandbox.state import Record, State

LISTS = ("Tasks", "Work", "House & garden", "Choir & friends")

# Title, then its steps, if any.
_TASKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "Tasks": (
        ("Renew passport", "Photo", "Appointment at the office", "Find the old one"),
        ("Return {book} to the library",),
        ("Call the insurance about the bicycle",),
        ("Tax papers", "Train receipts", "Donations", "Invoice of the desk"),
        ("Book train to {town}",),
        ("Ask {first} for the photos",),
        ("New light for the bicycle",),
        ("Sort photos of {month}",),
        ("Cancel the newspaper for the holidays",),
        ("Learn one tide table by heart",),
        ("Thank-you card for {first}",),
        ("Swim, at least once",),
    ),
    "Work": (
        ("Send {code} report to {client}", "Read it once more", "Map in high resolution", "Cover letter"),
        ("Ask {first} about line {n}",),
        ("Reserve {boat} for {month}",),
        ("Calibrate the {instrument}",),
        ("Offer for {place}", "Days", "Boat", "Travel"),
        ("Answer the harbour office",),
        ("{Project}: clean up raw data",),
        ("Prepare slides for {client}",),
        ("Order life jackets ({n} pieces)",),
        ("Review {first}'s chapter",),
        ("Update the safety sheet of {boat}",),
        ("{Project}: write abstract",),
        ("Travel costs {month}",),
        ("Archive {code}",),
    ),
    "House & garden": (
        ("Repair the tap in the bathroom",),
        ("Paint the balcony", "Buy paint", "Sand the railing", "Move the geraniums"),
        ("Plant garlic",),
        ("Oil the kitchen table",),
        ("Take the old printer to the recycling yard",),
        ("Insulate the window in the stairwell",),
        ("Seeds for {month}",),
        ("Measure the shelf for Theo's room",),
        ("Chimney sweep: be at home",),
        ("Find out what beeps in the cellar",),
    ),
    "Choir & friends": (
        ("Copy {piece} ({many} times)",),
        ("Present for {first}",),
        ("Hang up posters", "Bakery", "Library", "Office"),
        ("Learn bars {n} to {many}",),
        ("Bring {dish} on {day}",),
        ("Write to {first}, really",),
        ("Pay for the choir weekend",),
        ("Ask {first} about {town}",),
    ),
}
_STATUSES = ("completed", "notStarted", "inProgress", "waitingOnOthers", "deferred")
TITLES = tuple(phrases[0] for many in _TASKS.values() for phrases in many)
_CHORES = (("House & garden", "Water the tomatoes", 7), ("House & garden", "Clean the filter of the washing machine", 30),
           ("Tasks", "Backup of the laptop", 28), ("Work", "Weekly report", 7))  # fmt: skip
_NOTES = (
    "It was on the back of an envelope, now it is here.",
    "{first} knows how.",
    "Costs about {price}.",
    "Last time it took a whole afternoon, so plan for it.\nTools are in the blue box.",
    "Only when the weather is good.",
    "See the mail of {date}.",
)


class Lists:
    """Writes one account's task lists."""

    def __init__(self, state: State, account_id: int, cast: Cast, year: Year, chance: random.Random) -> None:
        self.state, self.account_id, self.cast, self.year, self.chance = state, account_id, cast, year, chance
        self.ids: dict[str, str] = {}
        self.position = 0

    def fill(self, mails: list[Record], size: float) -> None:
        """About 120 tasks at size 1. Some link to one of the mails."""
        for title in LISTS:
            record = {
                "title": title,
                "owner": True,
                "shared": title.startswith("Choir"),
                "defaultList": title == LISTS[0],
            }
            record["emailsList"] = False
            self.ids[title] = self.state.create(self.account_id, "task_lists", record)["id"]
        for title, count in zip(LISTS, (16, 27, 13, 11), strict=True):
            for number in range(max(1, round(count * size))):
                # Whatever the seed, each status occurs.
                status = _STATUSES[number] if title == "Work" and number < len(_STATUSES) else None
                self._task(title, _TASKS[title][number % len(_TASKS[title])], mails, status)
        for title, chore, days in _CHORES:
            for back in range(max(1, round((9 if days < 20 else 4) * size))):
                self._chore(title, chore, days, back)

    def _task(self, title: str, phrases: tuple[str, ...], mails: list[Record], status: str | None) -> None:
        chance, year = self.chance, self.year
        made_at = year.some_moment(chance, work=title == "Work")
        filling = self._words()
        record: Record = {
            "title": said(chance, phrases[0], filling),
            "importance": chance.choice(("normal",) * 6 + ("high", "low")),
        }
        if chance.random() < 0.72:
            due = made_at + timedelta(days=chance.choice((2, 5, 7, 14, 30, 60)))
            record["due"] = text(at_home(due.date(), 0))
        if chance.random() < 0.4:
            record["notes"] = said(chance, chance.choice(_NOTES), filling)
        if chance.random() < 0.25:
            record["categories"] = [chance.choice(("Waiting", "Errand", "Ten minutes", "Deep work"))]
        if title == "Work" and mails and chance.random() < 0.35:
            mail = chance.choice(mails)
            link = f"https://mail.tidemark.example/m/{mail['id']}"
            record["links"] = [{"source": "Mail", "description": mail.get("subject", "(no subject)"), "link": link}]
        old = year.now - made_at > timedelta(days=45)
        status = status or chance.choices(_STATUSES, weights=(78 if old else 30, 26, 9, 6, 7))[0]
        stored = self._store(title, record, status)
        for number, step in enumerate(phrases[1:]):
            done = status == "completed" or (status == "inProgress" and number == 0)
            self._store(title, {"title": step, "parentId": stored["id"]}, "completed" if done else "notStarted")

    def _chore(self, title: str, chore: str, days: int, back: int) -> None:
        due = at_home(self.year.now.date() - timedelta(days=days * (back - 1)), 0)
        record: Record = {"title": chore, "due": text(due), "importance": "low", "categories": ["Every so often"]}
        late = back > 1 and self.chance.random() < 0.1
        self._store(title, record, "notStarted" if back <= 1 or late else "completed")

    def _store(self, title: str, record: Record, status: str) -> Record:
        now = self.year.now
        record = {"importance": "normal", **record, "status": status, "position": f"{self.position:020d}"}
        self.position += 1
        changed_at = self.year.now - timedelta(days=self.chance.uniform(0, 30))
        if status == "completed":
            due = record.get("due")
            changed_at = (
                changed_at if due is None else min(now, moment(due) + timedelta(days=self.chance.uniform(-4, 6)))
            )
            record["completed"] = text(changed_at)
        if status == "deferred":
            record["startDateTime"] = text(now + timedelta(days=self.chance.randint(5, 60)))
        return self.state.create(self.account_id, "tasks", record, parent=self.ids[title], at=changed_at)

    def _words(self) -> dict[str, str]:
        circle = self.chance.choice(("team", "friend", "choir"))
        return words(self.chance, self.year.now, other=self.cast.draw(circle, self.chance).called)
