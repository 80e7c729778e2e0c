"""The mail of the big mirror: conversations and circulars over ten years, planned first, written out when wanted. Seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from big_people import People, Person
from big_words import Words

from mirror import clock as clocks
from mirror.feed import Record

YEARS = 10
LENGTHS, LENGTH_WEIGHTS = (1, 2, 3, 4, 6, 9, 14), (30, 30, 18, 12, 6, 3, 1)
PROJECTS = ("Lighthouse", "Quay Wall", "Tide Gauge", "Fish Pass", "Ferry Dock", "Dredging", "Harbour Map", "Sluice")
FOLDERS: tuple[tuple[str, str | None], ...] = (
    ("Inbox", "inbox"), ("Sent", "sent"), ("Drafts", "draft"), ("Trash", "trash"), ("Spam", "junk"), ("Archive", None),
    ("Newsletters", None), ("Receipts", None), ("Projects", None), *((f"Projects/{name}", None) for name in PROJECTS),
)  # fmt: skip
HOURS = (7, 8, 8, 9, 9, 9, 10, 10, 11, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 18, 20, 21, 22)
FILES = (("report.pdf", "application/pdf", 400_000), ("photo.jpg", "image/jpeg", 2_500_000),
         ("figures.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 60_000),
         ("invoice.pdf", "application/pdf", 90_000), ("logo.png", "image/png", 8_000))  # fmt: skip


@dataclass(slots=True)
class Plan:
    """A mail that is to be: when, in which conversation, from whom to whom."""

    at: datetime
    number: int
    thread: int
    turn: int
    partner: Person
    mine: bool
    subject: str
    folder: int
    circular: bool


class Mail:
    """One account's mail, oldest first."""

    def __init__(
        self, chance: random.Random, words: Words, people: People, me: Person, account: int, until: datetime
    ) -> None:
        self.chance, self.words, self.people, self.me = chance, words, people, me
        self.account, self.until = account, until
        self.since = until - timedelta(days=365.25 * YEARS)

    def folders(self) -> list[Record]:
        """All folders, as a listing tells them."""
        made = []
        for number, (full_name, label) in enumerate(FOLDERS):
            fields: dict[str, Any] = {
                "id": f"F{number}", "name": full_name.rpartition("/")[2], "fullName": full_name,
                "isFolder": True, "isLabel": False,
            }  # fmt: skip
            if label:
                fields["sysLabel"] = label
            if "/" in full_name:
                fields["parentId"] = "F8"
            made.append(Record(fields["id"], msgspec.json.encode(fields)))
        return made

    def plan(self, count: int) -> list[Plan]:
        """All mails there are, in the order of their time."""
        chance, planned = self.chance, list[Plan]()
        thread = 0
        while len(planned) < count:
            thread += 1
            at = self._moment()
            if chance.random() < 0.38:
                sender = self.people.circular()
                folder = chance.choices((0, 6, 7, 3, 4), (40, 25, 10, 15, 10))[0]
                planned.append(Plan(at, 0, thread, 0, sender, False, self.words.subject(), folder, True))
                continue
            partner, subject = self.people.writer(), self.words.subject()
            folder = chance.choices((0, 5, 3, 9 + chance.randrange(len(PROJECTS))), (55, 20, 3, 22))[0]
            mine = chance.random() < 0.4
            for turn in range(chance.choices(LENGTHS, LENGTH_WEIGHTS)[0]):
                title = subject if turn == 0 else f"Re: {subject}"
                planned.append(Plan(at, 0, thread, turn, partner, mine, title, 1 if mine else folder, False))
                at += timedelta(hours=chance.expovariate(1 / 20))
                mine = not mine
                if at >= self.until:
                    break
        del planned[count:]
        planned.sort(key=lambda one: one.at)
        for number, one in enumerate(planned):
            one.number = number
        return planned

    def _moment(self) -> datetime:
        """Somewhat more of it from year to year, most of it on working days."""
        day = self.since + (self.until - self.since) * self.chance.random() ** 0.75
        if day.weekday() > 4 and self.chance.random() < 0.7:
            day -= timedelta(days=2)
        at = datetime(day.year, day.month, day.day, self.chance.choice(HOURS), tzinfo=UTC)
        return min(at + timedelta(seconds=self.chance.randrange(3600)), self.until - timedelta(minutes=1))

    def written(self, plans: list[Plan]) -> Iterator[Record]:
        for plan in plans:
            yield self.write(plan)

    def write(self, plan: Plan) -> Record:
        """4 to 6 KB in all: the record, its body as HTML, and its text."""
        chance, partner, me = self.chance, plan.partner, self.me
        paragraphs = [self.words.paragraph(chance.randint(2, 5)) for _ in range(chance.randint(3, 7))]
        paragraphs.append(f"Ref TG-{plan.number} {self.words.rare()} {self.words.rare()}")
        body, text = (_circular if plan.circular else _letter)(partner if not plan.mine else me, paragraphs)
        sender, to = (me, partner) if plan.mine else (partner, me)
        cc = [self.people.writer() for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 2, 5)))] if not plan.circular else []
        written = clocks.text(plan.at)
        fields: dict[str, Any] = {
            "id": remote_id(plan.number), "createdTime": written, "lastModifiedTime": written,
            "threadId": f"t{self.account}-{plan.thread:x}", "sentAt": written,
            "receivedAt": clocks.text(plan.at + timedelta(seconds=7)),
            "internetMessageId": f"<{self.account}.{plan.thread:x}.{plan.turn}@mail.example>",
            "sysLabels": self._labels(plan), "keywords": ["Later"] if chance.random() < 0.02 else [],
            "sysClassifications": ["personal"], "sensitivity": "normal",
            "from": {"name": sender.name, "address": sender.email}, "to": [{"name": to.name, "address": to.email}],
            "cc": [{"name": one.name, "address": one.email} for one in cc], "bcc": [], "replyTo": [],
            "hasAttachments": False, "bodySnippet": text[:160].replace("\n", " "),
            "internetHeaders": [{"name": "List-Unsubscribe", "value": f"<https://{partner.email.partition('@')[2]}/bye>"}]
            if plan.circular else [],
            "subject": plan.subject, "folderId": f"F{plan.folder}", "attachments": [],
        }  # fmt: skip
        if plan.turn:
            fields["inReplyTo"] = f"<{self.account}.{plan.thread:x}.{plan.turn - 1}@mail.example>"
            fields["references"] = fields["inReplyTo"]
        if chance.random() < 0.12:
            fields["attachments"] = [self._file(n) for n in range(chance.choice((1, 1, 2, 4)))]
            fields["hasAttachments"] = True
        return Record(fields["id"], msgspec.json.encode(fields), None, written, (), body, text)

    def _labels(self, plan: Plan) -> list[str]:
        label = FOLDERS[plan.folder][1]
        labels = [label] if label else []
        recent = self.until - plan.at < timedelta(days=14)
        if not plan.mine and self.chance.random() < (0.3 if recent else 0.015):
            labels.append("unread")
        if self.chance.random() < 0.01:
            labels.append("flagged")
        return labels

    def _file(self, number: int) -> dict[str, Any]:
        name, mime_type, size = self.chance.choice(FILES)
        return {
            "id": f"0.{number}", "name": f"{self.chance.randint(1, 999)}-{name}", "mimeType": mime_type,
            "size": int(size * self.chance.lognormvariate(0, 1)), "inline": name == "logo.png",
        }  # fmt: skip


def remote_id(number: int) -> str:
    """As upstream's ids are: of one length, in no order."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"


def _letter(sender: Person, paragraphs: list[str]) -> tuple[str, str]:
    style = "font-family:Calibri,Helvetica,sans-serif;font-size:11pt;color:rgb(0,0,0)"
    parts = "".join(f'<p style="{style}">{paragraph}</p>\n' for paragraph in [*paragraphs, sender.name])
    return f'<html><body><div dir="ltr">{parts}</div></body></html>', "\n\n".join([*paragraphs, sender.name])


def _circular(sender: Person, paragraphs: list[str]) -> tuple[str, str]:
    host = sender.email.partition("@")[2]
    cell = '<tr><td style="padding:18px 24px 4px;font-size:15px;line-height:1.5">'
    rows = "".join(f"{cell}<p>{paragraph}</p></td></tr>\n" for paragraph in [sender.name, *paragraphs])
    end = f'{cell}<p><a href="https://{host}/bye">Unsubscribe</a></p></td></tr>'
    table = f'<table width="600" align="center" cellspacing="0" style="border:1px solid #ddd">{rows}{end}</table>'
    return f"<html><body>{table}</body></html>", "\n\n".join([sender.name, *paragraphs, "Unsubscribe"])
