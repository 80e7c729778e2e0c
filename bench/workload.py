"""Realistic records of an invented mailbox, one JSON line each, as upstream would send them. Seeded; it measures
nothing.

    python bench/workload.py FOLDER --contacts 20000 [--messages N --events N --tasks N --seed 1]

Writes `contacts.jsonl` and so on into the folder, and beside each a `contacts.changed.jsonl`: every hundredth record
again, with another content. Contacts have about 1 KB with one to three addresses of every sort, events 1.5 KB, mails 4
to 6 KB with their HTML.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from big_calendar import Dates
from big_mail import Mail
from big_people import People, Person
from big_words import Words

from mirror import clock as clocks

KINDS = ("contacts", "messages", "events", "tasks")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHANGED_EVERY = 100
FEW = 2_000
SHARES = {"contacts": 0.6, "messages": 1.9, "events": 1.8, "tasks": 1.0}
CITIES = ("Hamburg", "Bremen", "Kiel", "Aarhus", "Gdańsk", "Porto", "Trieste", "Bergen", "Łódź", "Reykjavík")
# What the programs that mails are written with put round a paragraph. The mails of the big mirror have less than most.
OUTLOOK = (
    '<p class="MsoNormal" style="margin:0cm 0cm 8pt;line-height:107%;font-size:11pt;font-family:Calibri,sans-serif">'
    '<span lang="EN-GB" style="font-size:11.0pt;line-height:107%;mso-fareast-language:EN-US">',
    "<o:p></o:p></span></p>",
)
NEWSLETTER = (
    '<p style="margin:0 0 16px;font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:24px;color:#333333">'
    '<span style="mso-line-height-rule:exactly">',
    "</span></p>",
)
OPENING = re.compile(r"<p\b[^>]*>")
ME = Person("Ada Lindqvist", "Ada", "Lindqvist", "ada@example.org", "Tidemark Surveys")

Fields = dict[str, Any]


class Wordy(Words):
    """Writes as much as a kind is to be long: the 4 to 6 KB of the big mirror's mails count the text beside the HTML."""

    share = 1.0

    def paragraph(self, sentences: int) -> str:
        return super().paragraph(round(sentences * self.share))


class Mailbox:
    """What upstream has of each kind."""

    def __init__(self, seed: int, people: int) -> None:
        self.chance = random.Random(seed)
        few = people <= FEW  # of them, nobody would see most of a whole language
        self.words = Wordy(self.chance, 4_000, 3_000) if few else Wordy(self.chance)
        self.people = People(self.chance, self.words, people)

    def contacts(self, count: int) -> Iterator[Fields]:
        for card in self.people.cards(count, 0, NOW):
            fields = msgspec.json.decode(card.raw)
            self._more_addresses(fields)
            yield fields

    def _more_addresses(self, fields: Fields) -> None:
        """One to three of every sort: the cards of the big mirror have fewer."""
        chance, mails, places = self.chance, fields["emailAddresses"], fields["addresses"]
        name = fields["id"].rpartition("/")[2]
        for kind in ("work", "home", "other")[len(mails) : max(1, chance.choice((1, 1, 2, 3)))]:
            mails.append({"address": f"{name}.{kind}@mail.example", "type": kind})
        for kind in ("home", "other")[: chance.choice((0, 0, 1, 2))]:
            street = f"{self.words.rare().capitalize()} {chance.randint(1, 99)}"
            places.append({"street": street, "city": chance.choice(CITIES), "state": "North", "type": kind,
                           "postalCode": f"{chance.randint(10000, 99999)}", "country": "Norway"})  # fmt: skip

    def messages(self, count: int) -> Iterator[Fields]:
        """Newest first, as most providers list. Their body is as HTML, their attachments without bytes."""
        mail = Mail(self.chance, self.words, self.people, ME, 0, NOW)
        for plan in reversed(mail.plan(count)):
            made = mail.write(plan)
            fields = msgspec.json.decode(made.raw)
            fields["attachments"], fields["hasAttachments"] = [], False  # their bytes would be another benchmark
            yield {**fields, "body": self._dressed(made.body or "", circular=plan.circular)}

    def _dressed(self, html: str, *, circular: bool) -> str:
        """Circulars as they are made, half of the letters as Outlook writes them, the others as they are."""
        if not circular and self.chance.random() < 0.5:
            return html
        opening, closing = NEWSLETTER if circular else OUTLOOK
        return OPENING.sub(opening, html).replace("</p>", closing)

    def events(self, count: int) -> Iterator[Fields]:
        """All within the window that a mirror asks for when nothing else is said."""
        dates = Dates(self.chance, self.words, self.people, ME, NOW)
        for made in dates.events(count, "e"):
            yield msgspec.json.decode(made.raw)

    def tasks(self, count: int) -> Iterator[Fields]:
        dates = Dates(self.chance, self.words, self.people, ME, NOW)
        for made in dates.tasks(count, "t"):
            yield msgspec.json.decode(made.raw)


def changed(kind: str, fields: Fields, chance: random.Random) -> Fields:
    """A record after somebody has worked on it."""
    fields = {**fields, "lastModifiedTime": clocks.text(NOW + timedelta(minutes=chance.randint(1, 600)))}
    if "etag" in fields:
        fields["etag"] = f"e{chance.getrandbits(60):x}"
    if kind == "messages":
        fields["sysLabels"] = sorted(set(fields["sysLabels"]) ^ {"unread", "flagged"})
    elif kind == "contacts":
        fields["company"] = {**fields["company"], "jobTitle": f"Senior {fields['company']['jobTitle']}"}
    elif kind == "events":
        fields["location"] = f"Room {chance.randint(1, 30)}"
    else:
        fields["title"] = f"{fields['title']} (again)"
    return fields


def write(folder: Path, counts: dict[str, int], seed: int) -> None:
    """Both files of each kind of which there is to be any."""
    folder.mkdir(parents=True, exist_ok=True)
    mailbox = Mailbox(seed, max(sum(counts.values()), FEW))
    for kind, count in counts.items():
        if not count:
            continue
        with (folder / f"{kind}.jsonl").open("wb") as all_, (folder / f"{kind}.changed.jsonl").open("wb") as some:
            mailbox.words.share = SHARES[kind]
            for number, fields in enumerate(getattr(mailbox, kind)(count)):
                all_.write(msgspec.json.encode(fields) + b"\n")
                if number % CHANGED_EVERY == 0:
                    some.write(msgspec.json.encode(changed(kind, fields, mailbox.chance)) + b"\n")


def lists() -> dict[str, list[Fields]]:
    """What upstream can only list whole: calendars, folders and task lists."""
    dates = Dates(random.Random(0), None, None, ME, NOW)  # type: ignore[arg-type]  # neither draws on them
    mail = Mail(random.Random(0), None, None, ME, 0, NOW)  # type: ignore[arg-type]
    return {
        "calendars": [msgspec.json.decode(one.raw) for one in dates.calendars()],
        "folders": [msgspec.json.decode(one.raw) for one in mail.folders()],
        "tasklists": [msgspec.json.decode(one.raw) for one in dates.task_lists()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=int, default=0)
    chosen = parser.parse_args()
    write(chosen.folder, {kind: getattr(chosen, kind) for kind in KINDS}, chosen.seed)


if __name__ == "__main__":
    main()
