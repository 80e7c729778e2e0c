"""The people of the big mirror: a hundred thousand cards, and how often each of them writes (a Zipf law). Seeded."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

import msgspec
from big_words import Words

from mirror import clock as clocks
from mirror.feed import Record
from mirror.sandbox.person_names import CULTURES

HOSTS = ("example.org", "example.com", "example.net", "mail.example", "post.example", "inbox.example")
CORRESPONDENTS = 20_000  # those of the hundred thousand who ever write
CIRCULARS = 400  # senders of newsletters and notices, who are on no card
ROLES = (
    "Project lead",
    "Buyer",
    "Accountant",
    "Survey technician",
    "Sales",
    "Head of research",
    "Assistant",
    "Engineer",
)
KEYWORDS = ("Team", "Family", "Choir", "Customers", "Suppliers", "School", "Neighbours")
CULTURE_WEIGHTS = (9, 9)  # the first two cultures are the person's own; the others count one each


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an address."""

    name: str
    given: str
    family: str
    email: str
    company: str
    number: int = 0


class People:
    """Everybody there is, drawn in the order of their number."""

    def __init__(self, chance: random.Random, words: Words, cards: int) -> None:
        self.chance, self.words = chance, words
        companies = [
            f"{words.rare().capitalize()} {end}" for end in ("GmbH", "Ltd", "AG", "& Sons") for _ in range(400)
        ]
        weights = [*CULTURE_WEIGHTS, *[1] * (len(CULTURES) - len(CULTURE_WEIGHTS))]
        cultures = chance.choices(list(CULTURES.values()), weights, k=max(cards, CORRESPONDENTS))
        self.people = [
            self._person(number, culture, chance.choice(companies)) for number, culture in enumerate(cultures)
        ]
        self.circulars = [self._circular(words.rare(), chance.choice(HOSTS), number) for number in range(CIRCULARS)]
        known = min(len(self.people), CORRESPONDENTS)
        self.writers = chance.sample(self.people, known)
        self.writer_weights = list(accumulate(1 / (rank + 3) for rank in range(known)))
        self.circular_weights = list(accumulate(1 / (rank + 3) for rank in range(CIRCULARS)))

    def _person(self, number: int, culture: Any, company: str) -> Person:
        given, _, latin_given = self.chance.choice(culture.given).partition("/")
        family, _, latin_family = self.chance.choice(culture.family).partition("/")
        if not latin_family and self.chance.random() < 0.8:  # else a hundred thousand people had a thousand names
            family = self.words.rare().capitalize()
        local = f"{_ascii(latin_given or given)}.{_ascii(latin_family or family)}.{number}"
        name = f"{family} {given}" if culture.family_first else f"{given} {family}"
        return Person(name, given, family, f"{local}@{self.chance.choice(HOSTS)}", company, number)

    def _circular(self, word: str, host: str, number: int) -> Person:
        name = f"{word.capitalize()} {self.chance.choice(('News', 'Weekly', 'Shop', 'Service', 'Notices'))}"
        return Person(name, "", "", f"news{number}@{_ascii(word)}.{host}", name)

    def writer(self) -> Person:
        return self.chance.choices(self.writers, cum_weights=self.writer_weights)[0]

    def circular(self) -> Person:
        return self.chance.choices(self.circulars, cum_weights=self.circular_weights)[0]

    def cards(self, count: int, account: int, until: datetime) -> Iterator[Record]:
        """About 1 KB each, as the vendor's API would send them."""
        for number, person in enumerate(self.people[:count]):
            yield self.card(f"people/c{account}{number}", person, until)

    def card(self, remote_id: str, person: Person, until: datetime, job: str | None = None) -> Record:
        chance = self.chance
        modified = clocks.text(until - timedelta(days=chance.random() * 3650))
        phones = [
            {"number": f"+49 {chance.randrange(100, 999)} {chance.randrange(10**6, 10**7)}", "type": kind}
            for kind in ("work", "mobile", "home")[: chance.randint(1, 3)]
        ]
        mails = [] if person.number % 17 == 3 else [{"address": person.email, "name": person.name, "type": "work"}]
        if mails and chance.random() < 0.4:
            mails.append({"address": f"{person.email.partition('@')[0]}@home.example", "type": "home"})
        fields: dict[str, Any] = {
            "id": remote_id, "etag": f"%{chance.getrandbits(60):x}", "createdTime": modified, "lastModifiedTime": modified,
            "name": {"displayName": person.name, "givenName": person.given, "familyName": person.family},
            "fileAs": f"{person.family}, {person.given}", "keywords": chance.sample(KEYWORDS, chance.choice((0, 0, 1, 2))),
            "hasPhoto": chance.random() < 0.2,
            "company": {"name": person.company, "jobTitle": job or chance.choice(ROLES), "officeLocation": "Pier 4"},
            "emailAddresses": mails, "phoneNumbers": phones,
            "addresses": [{"street": f"{self.words.rare().capitalize()} {chance.randint(1, 99)}", "city": "Hamburg",
                           "postalCode": f"{chance.randint(10000, 99999)}", "country": "Germany", "type": "work"}],
            "notes": self.words.paragraph(chance.choice((0, 2, 5, 8))),
        }  # fmt: skip
        if chance.random() < 0.3:
            fields["birthday"] = f"{chance.randint(1940, 2010)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        return Record(remote_id, msgspec.json.encode(fields), fields["etag"], modified)


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return "".join(c for c in plain if c.isalnum()) or "x"
